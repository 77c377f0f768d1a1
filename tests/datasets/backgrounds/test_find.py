"""No background is used that shows a person, or that nobody has looked at, unless asked for."""

import json
import random
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shm.datasets.backgrounds.background import Background, BackgroundError
from shm.datasets.backgrounds.choose import choose_backgrounds, distinct_pictures, large_enough
from shm.datasets.backgrounds.find import find_all_backgrounds, find_backgrounds


def save(path: Path, number: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def voc(root: Path) -> Path:
    """Write a VOC folder: a cat, a person, one who only a list knows, and two without XML."""
    objects = {"1": ["cat"], "2": ["cat", "person"], "3": ["cat"], "4": []}
    for name, names in objects.items():
        save(root / f"JPEGImages/{name}.jpg", int(name))
        found = "".join(f"<object><name>{name}</name></object>" for name in names)
        write(root / f"Annotations/{name}.xml", f"<annotation>{found}</annotation>")
    for name in ("5", "6", "7"):
        save(root / f"JPEGImages/{name}.jpg", int(name))
    write(root / "Annotations/7.xml", "<annotation><object>")
    write(root / "ImageSets/Main/person_trainval.txt", "1 -1\n2  1\n3  0\n6  1\n")
    save(root / "SegmentationClass/1.png", 0)
    return root


def coco(root: Path) -> Path:
    """Write a COCO folder: a dog, a crowd, nothing annotated, and a photo that no file lists."""
    for number in range(1, 5):
        save(root / f"train2017/{number:012d}.jpg", 10 + number)
    instances = {
        "info": {"year": 2017},
        "licenses": [{"url": "", "id": 4, "name": "Attribution License"}],
        "images": [
            {"id": n, "file_name": f"{n:012d}.jpg", "license": 4, "height": 8} for n in (1, 2, 3, 9)
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 7, "segmentation": [[1.5, 2, 3]], "iscrowd": 0},
            {
                "id": 2,
                "image_id": 2,
                "category_id": 3,
                "segmentation": {"counts": [1, 2], "size": [8, 8]},
                "iscrowd": 1,
            },
        ],
        "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "person"}],
    }
    write(root / "annotations/instances_train2017.json", json.dumps(instances))
    return root


def people(found: list[Background]) -> dict[str, bool | None]:
    return {background.id: background.person for background in found}


@pytest.mark.parametrize(
    "start", ["", "VOCdevkit", "VOCdevkit/VOC2012", "VOCdevkit/VOC2012/JPEGImages"]
)
def test_voc_is_found_wherever_one_starts(tmp_path: Path, start: str) -> None:
    voc(tmp_path / "VOCdevkit/VOC2012")
    found = find_backgrounds(tmp_path / start)
    assert people(found) == {
        "VOC2012/1": False,
        "VOC2012/2": True,
        "VOC2012/3": True,
        "VOC2012/4": False,
        "VOC2012/5": None,
        "VOC2012/6": True,
        "VOC2012/7": None,
    }
    assert found[1].classes == ("cat", "person")
    assert found[1].source == "VOC2012/JPEGImages/2.jpg"
    assert found[1].path == tmp_path / "VOCdevkit/VOC2012/JPEGImages/2.jpg"
    assert found[6].note == "7.xml is damaged or not VOC's"


def test_an_xml_bomb_is_damage(tmp_path: Path) -> None:
    save(tmp_path / "JPEGImages/1.jpg", 0)
    entities = '<!DOCTYPE a [<!ENTITY b "person"><!ENTITY c "&b;&b;&b;&b;">]>'
    write(tmp_path / "Annotations/1.xml", f"{entities}<annotation>&c;</annotation>")
    (background,) = find_backgrounds(tmp_path)
    assert (background.person, background.note) == (
        None,
        "1.xml is damaged or not VOC's",
    )


@pytest.mark.parametrize("start", ["", "coco", "coco/train2017"])
def test_coco_is_found_wherever_one_starts(tmp_path: Path, start: str) -> None:
    coco(tmp_path / "coco")
    found = find_backgrounds(tmp_path / start)
    assert [background.person for background in found] == [False, True, None, None]
    assert [background.id for background in found][:3] == [f"train2017/{n:012d}" for n in (1, 2, 3)]
    assert found[2].note == "instances_train2017.json annotates nothing in it"
    assert found[0].classes == ("dog",)
    assert found[0].licence == "Attribution License"
    assert found[0].source == "coco/train2017/000000000001.jpg"


def test_coco_without_a_category_of_people_says_nothing_about_them(tmp_path: Path) -> None:
    coco(tmp_path)
    path = tmp_path / "annotations/instances_train2017.json"
    path.write_text(path.read_text().replace('"person"', '"bicycle"'))
    assert {background.person for background in find_backgrounds(tmp_path)} == {None}


@pytest.mark.parametrize("text", ["", "{", "[]x", '{"images": [{"id": "a", "file_name": "b"}]}'])
def test_damaged_annotations_of_coco_are_an_error(tmp_path: Path, text: str) -> None:
    coco(tmp_path)
    path = tmp_path / "annotations/instances_train2017.json"
    path.write_text(text)
    with pytest.raises(BackgroundError, match=r"instances_train2017\.json: not COCO's annotations"):
        find_backgrounds(tmp_path)


def test_the_outlines_of_coco_are_not_kept_in_memory(tmp_path: Path) -> None:
    coco(tmp_path)
    path = tmp_path / "annotations/instances_train2017.json"
    instances = json.loads(path.read_text())
    outline = [[random.Random(0).random() for _ in range(100)]]
    more = {"id": 3, "image_id": 3, "category_id": 7, "segmentation": outline}
    instances["annotations"] += [more] * 1000
    path.write_text(json.dumps(instances))
    tracemalloc.start()
    find_backgrounds(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 2


def test_a_plain_folder_is_not_annotated(tmp_path: Path) -> None:
    save(tmp_path / "park/a.jpg", 0)
    save(tmp_path / "park/sub/b.png", 1)
    write(tmp_path / "park/notes.txt", "words")
    found = find_backgrounds(tmp_path / "park")
    assert people(found) == {"park/a": None, "park/sub/b": None}


def test_ids_are_unique(tmp_path: Path) -> None:
    save(tmp_path / "park/a.jpg", 0)
    save(tmp_path / "park/a.png", 1)
    assert sorted(people(find_backgrounds(tmp_path / "park"))) == ["park/a.jpg", "park/a.png"]


def test_a_missing_folder_and_an_empty_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(BackgroundError, match="no such folder of backgrounds"):
        find_backgrounds(tmp_path / "park")
    with pytest.raises(BackgroundError, match="no image in this folder"):
        find_backgrounds(tmp_path)


def test_people_and_the_unlabelled_stay_out_unless_asked_for(tmp_path: Path) -> None:
    found = find_backgrounds(voc(tmp_path / "VOC2012"))
    accepted, rejects = choose_backgrounds(found)
    assert [background.id for background in accepted] == ["VOC2012/1", "VOC2012/4"]
    assert len(accepted) + len(rejects) == len(found)
    assert [reject.reason for reject in rejects] == [
        "a person is annotated in it",
        "a person is annotated in it",
        "not annotated: may show a person (--unlabelled allow takes it)",
        "a person is annotated in it",
        f"not annotated (7.xml is damaged or not VOC's): {UNKNOWN}",
    ]
    assert len(choose_backgrounds(found, unlabelled="allow")[0]) == 4
    assert len(choose_backgrounds(found, people="allow")[0]) == 5
    assert len(choose_backgrounds(found, people="allow", unlabelled="allow")[0]) == 7


def test_a_copy_of_a_photo_with_a_person_stays_out(tmp_path: Path) -> None:
    voc(tmp_path / "VOC2012")
    shutil.copy(tmp_path / "VOC2012/JPEGImages/2.jpg", save(tmp_path / "a/copy.jpg", 99))
    found = find_backgrounds(tmp_path)
    accepted, rejects = choose_backgrounds(found, unlabelled="allow")
    assert all("copy" not in background.source for background in accepted)
    reasons = {reject.source: reject.reason for reject in rejects}
    copy = f"{tmp_path.name}/a/copy.jpg"
    assert reasons[copy] == "a person is annotated in its copy VOC2012/JPEGImages/2.jpg"


def test_an_equal_file_is_a_duplicate_and_shares_what_is_known(tmp_path: Path) -> None:
    voc(tmp_path / "VOC2012")
    shutil.copy(tmp_path / "VOC2012/JPEGImages/1.jpg", save(tmp_path / "a/copy.jpg", 99))
    plain, labelled = find_backgrounds(tmp_path / "a"), find_backgrounds(tmp_path / "VOC2012")
    accepted, rejects = choose_backgrounds([*plain, *labelled])
    assert [background.id for background in accepted] == ["a/copy", "VOC2012/4"]
    assert accepted[0].person is False
    duplicate = next(reject for reject in rejects if reject.duplicate)
    assert duplicate.reason == "the same file as a/copy.jpg"


def test_links_that_lead_out_are_rejected(tmp_path: Path) -> None:
    save(tmp_path / "park/a.jpg", 0)
    (tmp_path / "park/b.jpg").symlink_to(save(tmp_path / "secret.jpg", 1))
    accepted, rejects = choose_backgrounds(find_backgrounds(tmp_path / "park"), unlabelled="allow")
    assert [background.id for background in accepted] == ["park/a"]
    assert [reject.source for reject in rejects] == ["park/b.jpg"]
    assert rejects[0].reason.startswith("a link that leads out of")


@pytest.mark.parametrize("name", ["Person", "PERSON", "people", "pedestrian"])
def test_people_are_people_however_they_are_written(tmp_path: Path, name: str) -> None:
    save(tmp_path / "VOC2012/JPEGImages/1.jpg", 1)
    xml = f"<annotation><object><name>{name}</name></object></annotation>"
    write(tmp_path / "VOC2012/Annotations/1.xml", xml)
    assert people(find_backgrounds(tmp_path)) == {"VOC2012/1": True}


def test_coco_without_annotations_says_nothing_about_people(tmp_path: Path) -> None:
    save(tmp_path / "train2017/1.jpg", 1)
    listed = {
        "images": [{"id": 1, "file_name": "1.jpg"}],
        "categories": [{"id": 1, "name": "person"}],
    }
    write(tmp_path / "annotations/instances_train2017.json", json.dumps(listed))
    assert list(people(find_backgrounds(tmp_path)).values()) == [None]


def test_a_person_in_one_file_of_annotations_is_a_person_in_all(tmp_path: Path) -> None:
    coco(tmp_path / "coco")
    file = tmp_path / "coco/annotations/instances_train2017.json"
    none = json.loads(file.read_text()) | {"annotations": []}
    write(tmp_path / "coco/annotations/instances_z.json", json.dumps(none))
    found = people(find_backgrounds(tmp_path / "coco"))
    assert [person for name, person in found.items() if name.endswith("02")] == [True]


def test_two_folders_of_one_name_have_ids_of_their_own(tmp_path: Path) -> None:
    for number, name in enumerate("ab"):
        save(tmp_path / name / "photos/1.jpg", number)
    found = find_all_backgrounds([tmp_path / "a/photos", tmp_path / "b/photos"])
    assert len({background.id for background in found}) == 2


def test_a_background_that_would_be_a_blur_is_left_out(tmp_path: Path) -> None:
    for name, size in (("a", (20, 20)), ("b", (19, 90)), ("c", (90, 19)), ("d", (80, 80))):
        Image.new("RGB", size).save(save(tmp_path / f"park/{name}.png", 0))
    write(tmp_path / "park/e.png", "no picture")
    found = find_backgrounds(tmp_path / "park")
    large, small = large_enough(found, 80)
    # What can't be read is left to whoever reads it whole, and knows why.
    assert [background.id for background in large] == ["park/a", "park/d", "park/e"]
    assert [(reject.source, reject.reason) for reject in small] == [
        ("park/b.png", "19×90 pixels: to cover 80, it would be enlarged over 4 times"),
        ("park/c.png", "90×19 pixels: to cover 80, it would be enlarged over 4 times"),
    ]


def test_a_picture_is_used_once_and_no_person_on_the_own_photo() -> None:
    scenes = {
        1: {"source": "a.png", "sha256": "A", "pixels": "1"},
        2: {"source": "a.bmp", "sha256": "B", "pixels": "1"},
        4: {"source": "c.png", "sha256": "C", "pixels": "3"},
        7: {"source": "anna.jpg", "sha256": "D", "pixels": "4"},
        8: {"source": "a.tif", "sha256": "E", "pixels": "1"},
    }
    distinct, repeated = distinct_pictures(
        scenes, {0: {"id": "anna", "pixels": "4"}, 1: {"id": "x"}}
    )
    assert distinct == {slot: scenes[slot] for slot in (1, 4)}
    assert [(reject.source, reject.reason, reject.duplicate) for reject in repeated] == [
        ("a.bmp", "the same picture as a.png", True),
        ("anna.jpg", "it is the photo of the person anna", False),
        ("a.tif", "the same picture as a.png", True),
    ]


UNKNOWN = "may show a person (--unlabelled allow takes it)"

STRANGE = {
    "another page": "<html><body>404 Not Found</body></html>",
    "a name space": '<annotation xmlns="http://a"><object><name>person</name></object></annotation>',
    "deeper": "<annotation><objects><object><name>person</name></object></objects></annotation>",
    "capitals": "<annotation><Object><name>person</name></Object></annotation>",
    "no name": "<annotation><object><pose>Left</pose></object></annotation>",
    "a name in a name": "<annotation><object><name><b>person</b></name></object></annotation>",
    "beyond a megabyte": f"<annotation>{'<a/>' * 2**18}</annotation>",
    "an encoding": '<?xml version="1.0" encoding="foo-99"?><annotation></annotation>',
}


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE.keys())
def test_xml_that_is_no_annotation_of_voc_s_says_nothing(tmp_path: Path, text: str) -> None:
    voc(tmp_path / "VOC2012")
    write(tmp_path / "VOC2012/Annotations/4.xml", text)
    found = {each.id: each for each in find_backgrounds(tmp_path)}["VOC2012/4"]
    assert found.person is None
    assert found.note == "4.xml is damaged or not VOC's"


def test_a_coco_photo_that_is_listed_twice_shows_what_either_entry_says(tmp_path: Path) -> None:
    coco(tmp_path)
    path = tmp_path / "annotations/instances_train2017.json"
    instances = json.loads(path.read_text())
    instances["images"].append({"id": 77, "file_name": f"{2:012d}.jpg"})
    instances["annotations"].append({"id": 9, "image_id": 77, "category_id": 7})
    instances["annotations"].append({"id": 10, "image_id": 3, "category_id": 99})
    path.write_text(json.dumps(instances))
    found = find_backgrounds(tmp_path)
    assert [background.person for background in found] == [False, True, None, None]
    assert found[1].classes == ("dog", "person")
    assert found[2].note == "instances_train2017.json annotates what is in none of its categories"
