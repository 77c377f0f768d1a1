"""Nothing that could run code is loaded, XML has no entities, and no picture is opened unbounded.

The source is read as a tree: what is looked for are calls, not words.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("pipeline", "datasets", "shm", "workflows")

MODULES = {
    *("pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml"),
    *("xml.sax", "xml.dom", "xml.dom.minidom", "xml.parsers.expat", "lxml", "lxml.etree"),
}
"""Modules that run what they load, or follow what XML says."""

NAMES = {
    "xml.etree.ElementTree": {
        *("Element", "SubElement", "indent", "tostring"),  # which write
        "ParseError",
    },
}
"""What may be used of a module that may be imported."""

LOADERS = {"torch.load", "torch.save", "torch.hub.load", "torch.hub.load_state_dict_from_url"}
"""What of PyTorch reads and writes pickles. Torchvision's published weights can't be had without:
its own function reads them, see `shm.models.weights`."""

BUILTINS = {"eval", "exec", "compile", "__import__"}

OPENERS = {"Image.open", "cv2.imread", "cv2.imdecode", "plt.imread"}

OWN_PICTURES = {
    "datasets/jpeg.py",  # what it has just encoded itself
    "datasets/sample/backgrounds.py",  # photos in scikit-image's wheel
    "shm/training/pictures.py",  # grids of this run
    "workflows/demo.py",  # what the demo has just written
}
"""Files that open pictures otherwise than through `shm.datasets.decoder`, and which."""


def sources() -> list[Path]:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    return [file for file in files if not any(part.is_symlink() for part in file.parents)]


def offences(text: str) -> Iterator[str]:
    """Yield what in a source may run code that was loaded, or open a picture unbounded."""
    nodes = list(ast.walk(ast.parse(text)))
    modules: dict[str, str] = {}  # by the name that they have in this file
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                modules[alias.asname or first] = alias.name if alias.asname else first
                if alias.name in MODULES:
                    yield f"{node.lineno}: import {alias.name}"
        elif isinstance(node, ast.ImportFrom):
            yield from _imported(node)
            modules |= {
                each.asname or each.name: f"{node.module}.{each.name}" for each in node.names
            }
    for node in nodes:
        yield from _used(node, modules)


def _used(node: ast.AST, modules: dict[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Attribute):
        owner = ast.unparse(node.value)
        first, dot, rest = owner.partition(".")
        module = f"{modules.get(first, first)}{dot}{rest}"
        if f"{module}.{node.attr}" in LOADERS:
            yield f"{node.lineno}: {module}.{node.attr}"
        if node.attr not in NAMES.get(module, {node.attr}):
            yield f"{node.lineno}: {module}.{node.attr}"
    elif isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called in BUILTINS | OPENERS:
            yield f"{node.lineno}: {called}"
    elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
        yield f"{node.value.lineno}: allow_pickle"


def _imported(node: ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        whole = f"{node.module}.{alias.name}"
        allowed = NAMES.get(str(node.module), {alias.name})
        if (
            whole in LOADERS
            or node.module in MODULES
            or whole in MODULES
            or alias.name not in allowed
        ):
            yield f"{node.lineno}: from {node.module} import {alias.name}"


def test_nothing_in_the_source_runs_what_it_loads_or_opens_pictures_unbounded() -> None:
    found = {file.relative_to(ROOT).as_posix(): file.read_text("utf-8") for file in sources()}
    assert len(found) > 200
    told = [
        f"{file}:{offence}"
        for file, text in found.items()
        for offence in offences(text)
        if not (offence.endswith("Image.open") and file in OWN_PICTURES)
    ]
    assert not told


@pytest.mark.parametrize(
    "text",
    [
        *("import pickle", "from pickle import loads", "import shelve", "import pickle as safe"),
        *("import torch\nx = torch.load(path, weights_only=True)", "import torch as t\nt.save(x)"),
        *("from torch import load as read", "from torch import hub\nhub.load('owner/it')"),
        *("import torch\nread = torch.hub.load_state_dict_from_url", "import cloudpickle"),
        *("import marshal", "from yaml import load"),
        *("eval('1')", "exec(text)", "numpy.load(path, allow_pickle=True)", "import yaml"),
        *("import xml.etree.ElementTree as ET\nET.parse(path)", "from lxml import etree"),
        *("from xml.etree.ElementTree import fromstring", "from xml.dom import minidom"),
        *("Image.open(path)", "cv2.imread(path)", "from xml.sax import parse"),
    ],
)
def test_the_reader_of_the_source_notices(text: str) -> None:
    assert list(offences(text))


@pytest.mark.parametrize(
    "text",
    [
        *("import torch\nnet.load(x)\ntorch.loads\nsave()", "model.eval()", "re.compile('a')"),
        *("from xml.etree.ElementTree import ParseError", "json.loads(text)", "Image.OPEN['PNG']"),
        "from defusedxml.ElementTree import parse\nparse(path)",
    ],
)
def test_the_reader_of_the_source_lets_pass_what_is_safe(text: str) -> None:
    assert not list(offences(text))
