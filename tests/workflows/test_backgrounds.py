"""Which backgrounds are used, and which are left out for which reason."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from tests.workflows.corpora import Options, inspected, run


def lazily(chain: Path, out: Path, *options: object, code: int = 0) -> dict[str, object]:
    """Composite one recipe a person, and say what is in the store."""
    words = ("shm-data", "composite", chain / "people.zarr", out, "--lazy")
    run(*words, "--per-foreground", 1, *options, code=code)
    return inspected(out)


def reasons(described: dict[str, object]) -> dict[str, str]:
    left_out = described["left_out"]
    assert isinstance(left_out, list)
    return {reject["source"]: reject["reason"] for reject in left_out}


def sources(described: dict[str, object]) -> set[str]:
    used = described["backgrounds"]
    assert isinstance(used, list)
    return {each["source"] for each in used}


def test_no_background_shows_a_person_or_is_in_two_splits(chain: Path) -> None:
    used = inspected(chain / "train.zarr")["backgrounds"]
    assert isinstance(used, list)
    names = [each["source"] for each in used]
    assert len(names) == len(set(names)) == 28
    assert not [name for name in names if "b003" in name or "b004" in name]


def test_a_background_that_can_t_be_used_is_left_out_with_its_reason(
    chain: Path, tmp_path: Path, there: Options
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    noise = np.random.default_rng(5).integers(0, 256, (70, 80, 3), np.uint8)
    Image.fromarray(noise[:15]).save(plain / "small.png")
    for name in ("same.bmp", "same.png"):
        Image.fromarray(noise).save(plain / name)
    (plain / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (plain / "empty.jpg").write_bytes(b"")
    shutil.copy(chain / "raw" / "images" / "p0007.png", plain / "anna.png")
    shutil.copy(chain / "backgrounds/VOC2012/JPEGImages/b001.jpg", plain / "z.jpg")
    folders = ("--backgrounds", chain / "backgrounds", "--backgrounds", plain)
    options = (*folders, "--unlabelled", "allow", *there)
    described = lazily(chain, tmp_path / "lazy.zarr", *options, code=1)
    found = reasons(described)
    person = "a person is annotated in it"
    assert found.pop("plain/broken.jpg").startswith("damaged: ")
    assert found == {
        "VOC2012/JPEGImages/b003.jpg": person,
        "VOC2012/JPEGImages/b004.jpg": person,
        "plain/small.png": "80×15 pixels: to cover 64, it would be enlarged over 4 times",
        "plain/same.png": "the same picture as plain/same.bmp",
        "plain/empty.jpg": "the file is empty",
        "plain/anna.png": "it is the photo of the person p0007",
        "plain/z.jpg": "the same file as VOC2012/JPEGImages/b001.jpg",
    }
    assert not sources(described) & set(found)
    assert "plain/same.bmp" in sources(described)
    shown = run("shm-data", "inspect", tmp_path / "lazy.zarr").stdout
    assert all(reason in shown for reason in found.values())


def test_a_voc_photo_without_its_xml_is_left_out_unless_it_is_allowed(
    chain: Path, tmp_path: Path, there: Options
) -> None:
    shutil.copytree(chain / "backgrounds", tmp_path / "backgrounds")
    (tmp_path / "backgrounds/VOC2012/Annotations/b000.xml").unlink()
    photo = "VOC2012/JPEGImages/b000.jpg"
    options = ("--backgrounds", tmp_path / "backgrounds", *there)
    described = lazily(chain, tmp_path / "without.zarr", *options)
    assert reasons(described)[photo].startswith("not annotated: may show a person")
    assert photo not in sources(described)
    described = lazily(chain, tmp_path / "with.zarr", *options, "--unlabelled", "allow")
    assert photo not in reasons(described)
    assert photo in sources(described)


def test_too_few_backgrounds_are_one_line_with_the_cure(chain: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    for number in (1, 2):
        photo = f"VOC2012/JPEGImages/b{number:03d}.jpg"
        shutil.copy(chain / "backgrounds" / photo, plain)
    words = ("shm-data", "composite", chain / "people.zarr", tmp_path / "x.zarr")
    told = run(*words, "--backgrounds", plain, code=1).stderr
    assert "no background may be used: 2 × not annotated: may show a person" in told
    assert "--unlabelled allow" in told
    told = run(*words, "--backgrounds", plain, "--unlabelled", "allow", code=1).stderr
    assert "2 backgrounds for 3 splits: none may be in two, so give more" in told
    assert not (tmp_path / "x.zarr").exists()
