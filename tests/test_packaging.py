"""The distribution: one import name, every module in it, and light enough to train with."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"pipeline": "shm/pipeline", "datasets": "shm/datasets", "workflows": "shm/workflows"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    source = out / "source"  # what an earlier build left in the checkout would get into the wheel
    ignored = shutil.ignore_patterns(".*", "build", "dist", "demo", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, source, symlinks=True, ignore=ignored)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run([*build, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


PARTS = {".py", ".toml", ".html", ".css", ".js"}
"""Suffixes of what the software is made of."""


def parts_in_the_tree() -> set[str]:
    found = set()
    for folder, package in {"shm": "shm", **FOLDERS}.items():
        for file in (ROOT / folder).rglob("*.*"):
            if file.suffix in PARTS and not any(part.is_symlink() for part in file.parents):
                found.add(f"{package}/{file.relative_to(ROOT / folder).as_posix()}")
    return found


def test_the_wheel_has_one_top_level_name(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"shm"}


def test_the_wheel_holds_every_part(wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if Path(name).suffix in PARTS}
    assert held == parts_in_the_tree()
    assert "shm/py.typed" in wheel.namelist()


def test_the_folders_shadow_nobody_s_package() -> None:
    code = (
        "import importlib.util as u; import shm.datasets.splits, shm.pipeline.seed;"
        "print([n for n in ('datasets', 'pipeline', 'workflows') if u.find_spec(n)])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_python_cli_py_works_in_a_checkout() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "shm-data", "prepare", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--refine" in done.stdout
