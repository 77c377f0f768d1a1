"""What Pascal VOC and COCO say of backgrounds: XML, lists and JSON."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from unittest import mock

import ijson

from shm.datasets.backgrounds import coco, voc
from shm.datasets.backgrounds.background import Background, BackgroundError
from shm.datasets.tree import Tree
from tests.faults.fuzz.mutation import bend_json, bend_text
from tests.faults.fuzz.scratch import scratch
from tests.faults.fuzz.target import Target

PHOTOS = ("2007_000001.jpg", "2007_000002.jpg")


def read_voc_annotation(data: bytes) -> None:
    """Find the photos of a VOC folder, one of which has this annotation."""
    root = _voc_folder()
    (root / "Annotations" / "2007_000001.xml").write_bytes(data)
    _find_voc(root)


def read_voc_list(data: bytes) -> None:
    """Find the photos of a VOC folder whose list of people is this."""
    root = _voc_folder()
    (root / "ImageSets" / "Main" / "person_trainval.txt").write_bytes(data)
    _find_voc(root)


def _find_voc(root: Path) -> None:
    images = tuple(f"JPEGImages/{name}" for name in PHOTOS)
    _require_sense(voc.find(Tree(root=root, images=images, others=())), images)


@cache
def _voc_folder() -> Path:
    root = scratch("VOC2012")
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    return root


def voc_seeds() -> Sequence[bytes]:
    """Return an annotation of VOC's."""
    return (
        (
            b"<annotation>\n<filename>2007_000001.jpg</filename>\n<segmented>0</segmented>\n"
            b"<size><width>500</width><height>375</height><depth>3</depth></size>\n"
            b"<object><name>person</name><bndbox><xmin>8</xmin></bndbox></object>\n"
            b"<object><name> Chair </name><difficult>1</difficult></object>\n</annotation>\n"
        ),
        b'<?xml version="1.0" encoding="utf-16"?><annotation/>'.decode().encode("utf-16"),
    )


def voc_list_seeds() -> Sequence[bytes]:
    """Return a list of VOC's."""
    return (b"2007_000001  1\n2007_000002 -1\n2007_000003  0\n",)


def read_coco(data: bytes) -> None:
    """Find the photos of a COCO folder with this file of annotations, by both parsers of ijson."""
    root = scratch("coco")
    (root / "annotations").mkdir(exist_ok=True)
    name = "annotations/instances_train2017.json"
    (root / name).write_bytes(data)
    images = tuple(f"train2017/{name}" for name in ("1.jpg", "2.jpg", "é.jpg"))
    tree = Tree(root=root, images=images, others=(name,))
    with mock.patch.object(ijson, "parse", ijson.get_backend("python").parse):
        _find_coco(tree)
    _find_coco(tree)


def _find_coco(tree: Tree) -> None:
    try:
        found = coco.find(tree)
    except BackgroundError as error:
        refused = error
    else:
        _require_sense(found, tree.images)
        return
    assert len(str(refused).splitlines()) == 1
    assert len(str(refused)) < 1000


def coco_seeds() -> Sequence[bytes]:
    """Return a file of annotations of two photos."""
    text = (
        b'{"info": {"year": 2017}, "licenses": [{"id": 4, "name": "Attribution"}], "images": ['
        b'{"id": 1, "file_name": "1.jpg", "license": 4}, {"id": 2, "file_name": "2.jpg"}], '
        b'"annotations": [{"id": 9, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": '
        b'[[1.5, 2, 3]]}, {"image_id": 2, "category_id": 62}], "categories": [{"id": 1, "name": '
        b'"person", "supercategory": "person"}, {"id": 62, "name": "chair"}]}'
    )
    return (text,)


def _require_sense(found: dict[str, Background], images: Sequence[str]) -> None:
    assert set(found) <= set(images)
    for background in found.values():
        assert background.person in (True, False, None)
        assert all(isinstance(name, str) for name in background.classes)


TARGETS = {
    "voc": Target(run=read_voc_annotation, seeds=voc_seeds, mutate=bend_text, max_length=4096),
    "voc-list": Target(run=read_voc_list, seeds=voc_list_seeds, mutate=bend_text, max_length=512),
    "coco": Target(run=read_coco, seeds=coco_seeds, mutate=bend_json, max_length=4096),
}
