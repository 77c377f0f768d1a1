"""Nothing that could run code is loaded, and nothing is written that could."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("pipeline", "datasets", "shm", "workflows")

PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve"}
"""Modules whose files run code when they are loaded."""

LOADERS = {"torch.load", "torch.save", "torch.hub.load", "torch.hub.load_state_dict_from_url"}
"""What of PyTorch reads and writes pickles. Torchvision's published weights can't be had without:
its own function reads them, see `shm.models.weights`."""


def sources() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (p for p in (ROOT / folder).rglob("*.py") if p.is_relative_to(ROOT))


def unsafe(source: str) -> list[str]:
    """Return the lines of a module that could read or write a pickle, with what they use."""
    found = []
    names: dict[str, str] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported = {each.asname or each.name: each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported = {e.asname or e.name: f"{node.module}.{e.name}" for e in node.names}
        else:
            continue
        names |= imported
        found += [
            f"{node.lineno}: {name}"
            for name in imported.values()
            if name.split(".")[0] in PICKLES or name in LOADERS
        ]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            first, _, rest = ast.unparse(node).partition(".")
            if f"{names.get(first, first)}.{rest}" in LOADERS:
                found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_module_reads_or_writes_a_pickle(folder: str) -> None:
    modules = [path for path in sources() if path.is_relative_to(ROOT / folder)]
    assert modules
    found = {str(p.relative_to(ROOT)): unsafe(p.read_text(encoding="utf-8")) for p in modules}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import pickle as safe",
        "from pickle import loads",
        "import cloudpickle.compat",
        "import torch\nx = torch.load(path, weights_only=True)",
        "import torch as t\nt.save(x, path)",
        "from torch import load as read\nread(path)",
        "import torch\nread = torch.hub.load_state_dict_from_url",
        "from torch import hub\nhub.load('owner/repository')",
    ],
)
def test_the_test_knows_a_pickle_under_any_name(source: str) -> None:
    assert unsafe(source)


def test_what_only_looks_like_one_is_let_be() -> None:
    assert not unsafe(
        "import json\nimport torch\njson.load(file)\nnet.load(x)\ntorch.loads\nsave()"
    )
