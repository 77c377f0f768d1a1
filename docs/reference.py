"""The reference of docs/api.md, from the docstrings: python docs/reference.py writes it anew."""

import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "api.md"
MARK = "<!-- from here on written by docs/reference.py -->"

TOPICS: dict[str, tuple[str, ...]] = {
    "shm.notebook": (
        "shm.notebook.open_store",
        "shm.notebook.store.SampleStore",
        "shm.notebook.store.SampleStore.__getitem__",
        "shm.notebook.store.SampleStore.split",
        "shm.notebook.store.SampleStore.describe",
        "shm.notebook.sample.Sample",
        "shm.notebook.sample.Sample.cut_out",
        "shm.notebook.sample.Sample.over",
        "shm.notebook.matte",
        "shm.notebook.load_nets",
        "shm.notebook.nets.Nets",
        "shm.notebook.nets.Nets.__call__",
        "shm.notebook.batches",
        "shm.training.batch.Batch",
        "shm.training.batch.Batch.true_alpha",
    ),
    "Stores": (
        "shm.datasets.storage.location.locate",
        "shm.datasets.opening.open_samples",
        "shm.datasets.opening.slots_of_split",
        "shm.datasets.opening.open_sample",
        "shm.datasets.opening.Sample",
        "shm.datasets.opening.Sample.read",
        "shm.datasets.opening.Sample.draw_unknown",
        "shm.datasets.store.Store.samples",
        "shm.datasets.store.Store.record",
        "shm.datasets.store.Store.rejected",
        "shm.datasets.store.Store.read",
        "shm.datasets.composites.store.CompositeStore.samples",
        "shm.datasets.composites.store.CompositeStore.record",
        "shm.datasets.composites.store.CompositeStore.read",
        "shm.datasets.marks.read_marks",
    ),
    "Raw corpora": (
        "shm.datasets.corpus.open_corpus",
        "shm.datasets.layouts.Layout",
        "shm.datasets.pairs.Pair",
        "shm.datasets.pairs.Found",
    ),
    "Streaming": (
        "shm.datasets.streaming.loader.training_batches",
        "shm.datasets.streaming.loader.StreamConfig",
        "shm.datasets.streaming.reader.ReaderConfig",
        "shm.datasets.streaming.crop.CropConfig",
        "shm.datasets.streaming.sources.Source",
        "shm.datasets.streaming.whole.whole_samples",
        "shm.training.batch.to_device",
    ),
    "One photo": (
        "shm.pipeline.prepare.prepare",
        "shm.pipeline.prepare.RawSample",
        "shm.pipeline.prepare.PrepareConfig",
        "shm.pipeline.prepare.Prepared",
        "shm.pipeline.trimap.TrimapConfig",
        "shm.pipeline.trimap.TrimapConfig.drawn",
        "shm.pipeline.trimap.Reach",
        "shm.pipeline.trimap.trimap_from_alpha",
        "shm.pipeline.trimap.trimap_from_prior",
        "shm.pipeline.trimap.trimap_statistics",
        "shm.pipeline.refine.prior.prior_from_mask",
        "shm.pipeline.refine.refine_alpha",
        "shm.pipeline.foreground.estimate_foreground",
        "shm.pipeline.composite.choose_crop",
        "shm.pipeline.composite.cut_background",
        "shm.pipeline.composite.blend",
        "shm.pipeline.composite.blend_linear",
        "shm.pipeline.quality.measure_quality",
        "shm.pipeline.values.TrimapClass",
        "shm.pipeline.seed.generator",
    ),
    "Errors of a matte": (
        "shm.metrics.score",
        "shm.metrics.sad",
        "shm.metrics.mse",
        "shm.metrics.mad",
        "shm.metrics.gradient_error",
        "shm.metrics.connectivity_error",
        "shm.metrics.trimap.confusion_matrix",
        "shm.metrics.flicker.dtssd",
    ),
    "Losses": (
        "shm.losses.LossConfig",
        "shm.losses.prediction_loss",
        "shm.losses.alpha_loss",
        "shm.losses.composition_loss",
        "shm.losses.laplacian_loss",
        "shm.losses.gradient_loss",
        "shm.losses.trimap_loss",
    ),
    "Nets": (
        "shm.models.ModelConfig",
        "shm.models.build_model",
        "shm.models.load_encoders",
        "shm.models.build.Variant",
        "shm.models.dim.DeepImageMattingConfig",
        "shm.models.TNet",
        "shm.models.MNet",
        "shm.models.Prediction",
    ),
    "Prediction": (
        "shm.workflows.nets.load_network",
        "shm.workflows.nets.LoadedNets",
        "shm.workflows.nets.LoadedNets.photo_config",
        "shm.checkpoint.resolve",
        "shm.prediction.PhotoConfig",
        "shm.prediction.predict_photos",
        "shm.pipeline.upsample.upsample_alpha",
        "shm.inference.choose_device",
    ),
    "Evaluation": (
        "shm.evaluation.score_sample",
        "shm.evaluation.summarise",
        "shm.evaluation.compare",
        "shm.evaluation.bootstrap_mean",
        "shm.evaluation.to_markdown",
    ),
}
"""What a notebook and an extension need, by topic."""

_LISTS = ("Parameters", "Returns", "Yields", "Raises", "Attributes")


def find(name: str) -> Any:  # noqa: ANN401
    """Return what a dotted name names."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise LookupError(name)


def signature(name: str, thing: Any) -> str:  # noqa: ANN401
    """Return how a thing is called, types left to its description."""
    parts = name.split(".")
    first = next((at for at, part in enumerate(parts) if part[0].isupper()), len(parts) - 1)
    called = ".".join(parts[first:])
    if inspect.isclass(thing) and issubclass(thing, IntEnum):
        return f"{called}: " + ", ".join(f"{each.name} = {int(each)}" for each in thing)
    if inspect.isclass(thing) and (
        getattr(thing, "_is_protocol", False) or inspect.isabstract(thing)
    ):
        return f"class {called}"
    if isinstance(thing, property):
        return called + returned(thing.fget)
    words = []
    star = False
    for parameter in inspect.signature(thing).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            words.append(f"*{parameter.name}")
            star = True
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            words.append("*")
            star = True
        default = parameter.default
        if default is parameter.empty:
            words.append(parameter.name)
        elif type(default) in (int, float, str, bool, tuple, type(None)):
            words.append(f"{parameter.name}={default!r}")
        else:
            words.append(f"{parameter.name}=…")
    return f"{called}({', '.join(words)}){returned(thing)}"


def returned(thing: Any) -> str:  # noqa: ANN401
    """Return the type of what a function returns, where its docstring has no section for it."""
    titles = {title for title, _ in sections(inspect.getdoc(thing) or "")}
    found = inspect.Signature.empty
    if not inspect.isclass(thing) and not titles & {"Returns", "Yields"}:
        found = inspect.signature(thing).return_annotation
    if found is inspect.Signature.empty:
        return ""
    text = found.__name__ if inspect.isclass(found) else str(found)
    text = re.sub(r"numpy\.ndarray\[.*?numpy\.dtype\[(?:numpy\.)?(\w+)\]\]", r"\1 array", text)
    return " → " + re.sub(r"\b(?:[a-z]\w*\.)+(\w+)", r"\1", text)


def constants(thing: Any, text: str) -> list[str]:  # noqa: ANN401
    """Return what the constants hold that a docstring names, each as an entry of Markdown."""
    found = []
    for name in dict.fromkeys(re.findall(r"(?<!`)`([A-Z][A-Z_]+)`(?!`)", text)):
        module = thing.__module__
        while not hasattr(importlib.import_module(module), name):  # or in a package around it
            module, dot, _ = module.rpartition(".")
            if not dot:
                raise LookupError(f"{thing.__qualname__} names {name}, which its module has not")
        value = getattr(importlib.import_module(module), name)
        keys = value if isinstance(value, Mapping | tuple) else ()
        found.append(_filled(f"- `{name}`: " + (", ".join(f"`{k}`" for k in keys) or f"{value}")))
    return found


def sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the parts of a docstring in numpydoc's form, each with its lines."""
    lines = text.splitlines()
    title, at = "", 0
    kept: list[str] = []
    while at < len(lines):
        if at + 1 < len(lines) and set(lines[at + 1]) == {"-"}:
            yield title, kept
            title, kept = lines[at], []
            at += 2
            continue
        kept.append(lines[at])
        at += 1
    yield title, kept


def entries(lines: list[str]) -> Iterator[str]:
    """Yield the entries of a list, each as one line of Markdown."""
    head, told = "", []
    for line in [*lines, "."]:
        if line.startswith(" "):
            told.append(line.strip())
        elif line:
            if head:
                yield _entry(head, told)
            head, told = line, []


def _entry(head: str, told: list[str]) -> str:
    name, _, kind = head.partition(" : ")
    words = f"- `{name}`" + (f" ({kind})" if kind else "")
    return _filled(f"{words}: {' '.join(told)}" if told else words)


def _filled(text: str) -> str:
    """Return an entry in lines of a page's width."""
    return textwrap.fill(
        text, 110, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def example(lines: list[str]) -> list[str]:
    """Return the commands of a session as a block that is run."""
    commands = [line.removeprefix(">>> ") for line in lines if line.startswith(">>> ")]
    return ["```python", *commands, "```"]


def described(name: str) -> str:
    """Return the Markdown of one thing."""
    thing = find(name)
    head = f"### {name}\n\n```text\n{signature(name, thing)}\n```\n\n"
    text = inspect.getdoc(thing) or ""
    lines = []
    for title, content in sections(text.replace("``", "`")):
        if title == "Examples":
            told = example(content)
        else:
            told = list(entries(content)) if title in _LISTS else ["\n".join(content).strip()]
        lines += [*([f"{title}:", ""] if title else []), *told, ""]
    if named := constants(thing, text):
        lines += ["Constants:", "", *named, ""]
    return re.sub(r"\n{3,}", "\n\n", head + "\n".join(lines))


def reference() -> str:
    """Return the whole reference."""
    parts = [MARK, ""]
    for topic, names in TOPICS.items():
        parts += [f"## {topic}", ""]
        parts += [described(name) for name in names]
    return "\n".join(parts).rstrip() + "\n"


def page() -> str:
    """Return the page as it should be: its head as it is, and the reference."""
    return PAGE.read_text().partition(MARK)[0] + reference()


def main() -> None:
    """Write the page anew."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
