"""Every block of the pages: run as it stands, or parsed by what it would start."""

import importlib
import json
import shutil
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

import fsspec
import pytest

from shm.datasets.layouts import LAYOUTS
from shm.datasets.marks import FORMAT, read_marks
from shm.models import DIMS, MNETS, TNETS
from shm.training.presets import load_recipe
from tests.docs.blocks import (
    MARKDOWN,
    PAGES,
    ROOT,
    Block,
    PageError,
    blocks_in,
    blocks_of,
    paragraphs_of,
)
from tests.docs.commands import check, check_script, check_span, lines_of, spans_of
from tests.docs.kit import Kit
from tests.docs.pages import WORLDS, World, quicker
from tests.docs.shell import shell
from tests.workflows.clusters import TcpCluster

WITH_BLOCKS = [page for page in PAGES if any(block.kind == "run" for block in blocks_of(page))]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def registries() -> Iterator[None]:
    """Take out of the registries, and of the modules, what pages put in."""
    modules = set(sys.modules)
    tables: list[dict[str, object]] = [LAYOUTS, TNETS, MNETS, DIMS]  # type: ignore[list-item]
    before = [dict(table) for table in tables]
    yield
    for table, had in zip(tables, before, strict=True):
        table.clear()
        table.update(had)
    for name in set(sys.modules) - modules:
        if "/page/" in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def run_shell(cluster: TcpCluster) -> Iterator[Callable[..., str]]:
    """Run a script whose commands are made quick and sent to the cluster that stands ready."""

    def changed(words: list[str]) -> Sequence[object]:
        return quicker(words, ("--scheduler", cluster.address))

    with tempfile.TemporaryDirectory() as folder, shell(Path(folder), changed) as run:
        yield run


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("page", WITH_BLOCKS, ids=name_of)
def test_every_block_of_a_page_runs_as_it_stands(
    page: Path,
    kit: Kit,
    page_folder: Path,
    run_shell: Callable[..., str],
    request: pytest.FixtureRequest,
    cluster: TcpCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = WORLDS.get(name_of(page), World())
    variables = {"SCHEDULER": cluster.address}
    if world.bucket:
        variables |= request.getfixturevalue("bucket")
        monkeypatch.setattr(fsspec.config, "conf", {})
        fsspec.config.set_conf_env(fsspec.config.conf, variables)  # as where it is imported
    monkeypatch.syspath_prepend(page_folder)
    names = ModuleType("__main__")
    if not world.apart:
        give(kit, world, page_folder)
    told = {}
    for block in blocks_of(page):
        if world.apart:
            give(kit, world, page_folder, but=made_by(block))
        if block.kind == "run":
            run = partial(run_shell, **variables)
            told[block.where] = run_block(block, names, run)
    assert told
    assert not [where for where, text in told.items() if "Traceback" in text]


def give(kit: Kit, world: World, folder: Path, but: frozenset[str] = frozenset()) -> None:
    """Put what a page is given into its folder, which may have been used."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in world.given:
        if name not in but:
            kit.give(name, folder)


def made_by(block: Block) -> frozenset[str]:
    """Return the stores and runs that a block makes."""
    if block.language != "shell":
        return frozenset()
    found = set()
    for words in lines_of(block.text):
        if words[0] == "shm-data" and words[1] in ("prepare", "composite", "materialise"):
            found.add(words[3])
        if words[:2] == ["shm", "train"] and "--run" in words:
            found.add(words[words.index("--run") + 1])
    return frozenset(found)


def run_block(block: Block, names: ModuleType, run: Callable[[str], str]) -> str:
    """Run a block, and return what its commands told; what goes wrong is told with its place."""
    try:
        if block.file:
            Path(block.file).write_text(block.text)
        if block.language == "shell":
            return run(block.text)
        if block.language == "python" and not block.file:
            lines = "\n" * (block.line - 1) + block.text
            exec(compile(lines, str(block.page), "exec"), names.__dict__)  # noqa: S102
        else:
            read_block(block)
    except Exception as error:
        error.add_note(f"in the block at {block.where}")
        raise
    return ""


def read_block(block: Block) -> None:
    """Read what is no program as what reads it does."""
    if block.language == "toml":
        found = tomllib.loads(block.text)
        if {"phases", "preset", "losses", "model"} & found.keys():
            file = Path(block.file or "recipe.toml")
            file.write_text(block.text)
            load_recipe(str(file), [])
    elif block.language == "json":
        found = json.loads(block.text)
        if isinstance(found, dict) and found.get("format") == FORMAT:
            file = Path(block.file or "marks.json")
            file.write_text(block.text)
            read_marks(file)
    elif block.language == "python":
        compile(block.text, block.file, "exec")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_is_not_run_is_parsed_by_what_it_would_start(page: Path) -> None:
    for block in blocks_of(page):
        if block.kind != "parsed":
            continue
        try:
            if block.language == "shell":
                check_script(block.text)
            else:
                compile(block.text, str(page), "exec")
        except Exception as error:
            error.add_note(f"in the block at {block.where}")
            raise


@pytest.mark.parametrize("page", MARKDOWN, ids=name_of)
def test_what_running_text_names_is_there(page: Path) -> None:
    for line in paragraphs_of(page):
        # The first columns of this page's tables have the options of others.
        others = page.name == "training.md" and line.startswith("|") and line.count(" | ") > 1
        text = line.rstrip(" |").rpartition(" | ")[2] if others else line
        for span in spans_of(text):
            try:
                check_span(span)
            except Exception as error:
                error.add_note(f"in {name_of(page)}: {line}")
                raise


def test_most_blocks_are_run() -> None:
    kinds = Counter(block.kind for page in PAGES for block in blocks_of(page))
    assert kinds["run"] > 2 * kinds["parsed"]
    assert all(name_of(page) in WORLDS for page in WITH_BLOCKS)
    assert all((ROOT / name).exists() for name in WORLDS)


def test_a_renamed_option_verb_or_file_is_noticed() -> None:
    for line in (
        "shm train train.zarr --run r --crops 32",
        "shm-data prepares photos people.zarr",
        "shm-data prepare photos",
        "torchrun --nproc 4 --no-python -- shm train train.zarr --run r --crops 1",
        "torchrun --processes 4 --no-python -- shm train train.zarr --run r",
        "python benchmarks/stream.py",
        "python benchmarks/streaming.py --folks people.zarr",
        "python -m tests.faults.damage --counts 3",
        "make everything",
        "pip install 'shm-matting[far]'",
        "pip install --group everything",
        "pytest tests/nowhere.py",
        "dask worker --colour red",
        "shmm train",
        "srun --nodes 1 shm-data prepare photos people.zarr --workerz 32",
    ):
        with pytest.raises(PageError):
            check_script(line)
    for span in ("shm train --crops", "--no-such-option", "make everything", "shm-data mix"):
        with pytest.raises(PageError):
            check_span(span)


def test_command_lines_are_read_as_a_shell_reads_them() -> None:
    script = (
        "A=1 shm train --preset paper --print-config > mine.toml  # a comment\n"
        "shm export runs/first exported && shm predict exported photos -o 'my mattes' \\\n"
        "    --cutout\n"
    )
    assert list(lines_of(script)) == [
        ["shm", "train", "--preset", "paper", "--print-config"],
        ["shm", "export", "runs/first", "exported"],
        ["shm", "predict", "exported", "photos", "-o", "my mattes", "--cutout"],
    ]


def test_an_unknown_mark_or_language_is_refused() -> None:
    for text in (
        "<!-- not run: no time -->\n```shell\nshm train\n```\n",
        "<!-- slow: yes -->\n```shell\nshm train\n```\n",
        "```bash\nls\n```\n",
        "```text\nshm train train.zarr\n```\n",
        "<!-- not run: needs a GPU -->\n\n```shell\nshm train\n```\n",
    ):
        with pytest.raises(PageError):
            blocks_in(text, ROOT / "docs" / "made-up.md")


def test_every_benchmark_can_be_parsed_without_being_run() -> None:
    for file in sorted((ROOT / "benchmarks").glob("*.py")):
        check(["python", f"benchmarks/{file.name}", "--quick"])
        assert importlib.import_module(f"benchmarks.{file.stem}").__doc__
