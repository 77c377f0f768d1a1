"""``export`` writes the samples as files."""

from pathlib import Path

import numpy as np
from PIL import Image

from shm.datasets.composites.store import open_composites
from shm.datasets.store import open_store
from tests.datasets.stores import all_files
from tests.workflows.corpora import run


def test_export_gives_back_the_files(chain: Path, tmp_path: Path) -> None:
    run("shm-data", "export", chain / "people.zarr", tmp_path / "files", "--split", "test")
    store = open_store(chain / "people.zarr")
    samples = list(store.samples("test"))
    for name in ("image", "alpha", "trimap", "foreground"):
        written = sorted(file.stem for file in (tmp_path / "files" / name).iterdir())
        assert written == [record["id"] for _, record in samples]
    slot, record = samples[0]
    with Image.open(tmp_path / "files" / "alpha" / f"{record['id']}.png") as picture:
        assert np.array_equal(np.asarray(picture), store.read(slot, record)["alpha"])


def test_both_forms_export_the_same_files(chain: Path, tmp_path: Path) -> None:
    for name in ("lazy", "train"):
        run("shm-data", "export", chain / f"{name}.zarr", tmp_path / name, "--split", "validation")
    exported = all_files(tmp_path / "lazy")
    assert exported == all_files(tmp_path / "train")
    ids = {record["id"] for _, record in open_composites(chain / "lazy.zarr").samples("validation")}
    names = ("image", "alpha", "trimap", "foreground", "background")
    written = {name for name in exported if not name.startswith(".")}
    assert written == {f"{name}/{each}.png" for name in names for each in ids}


def test_export_overwrites_no_file_of_others(chain: Path, tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "p0000.png").write_text("mine")
    refused = run("shm-data", "export", chain / "people.zarr", tmp_path, code=1)
    assert "holds other files" in refused.stderr
    assert (tmp_path / "image" / "p0000.png").read_text() == "mine"
