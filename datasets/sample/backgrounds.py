"""Backgrounds cut from the photos in scikit-image's wheel, laid out like Pascal VOC 2012.

Only files that the wheel itself holds are opened, so nothing is downloaded. Photos of people are
left out, but for one that is annotated as such: whoever composites must not paste upon it.
"""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image

from shm.datasets.files import write_bytes, write_jpeg
from shm.datasets.sample.layer import rgb
from shm.pipeline.errors import ShmError
from shm.pipeline.values import RgbImage

SHORT_SIDE = 320
"""Smaller cuts are enlarged to this, in pixels."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom lie outside."""

Tint = tuple[float, float, float]
"""What white becomes: a factor for each channel, 0..1."""


class MissingPhotoError(ShmError, FileNotFoundError):
    """A photo that scikit-image ships is not there."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A cut from a photo, and what can be seen on it."""

    photo: str
    box: Box
    tint: Tint | None = None
    """Colour of what is white in a grey photo."""
    objects: tuple[tuple[str, Box], ...] = ()
    """Pascal VOC class, and where, in the photo's pixels."""


def _grid(photo: str, across: int, down: int, size: tuple[int, int], *tints: Tint) -> list[Scene]:
    """Cut a photo of `size` (width, height) into cells that don't overlap."""
    width, height = size[0] // across, size[1] // down
    cells = [
        (x * width, y * height, (x + 1) * width, (y + 1) * height)
        for y in range(down)
        for x in range(across)
    ]
    return [
        Scene(photo=photo, box=box, tint=tints[i % len(tints)] if tints else None)
        for i, box in enumerate(cells)
    ]


_BIKE = ("motorbike", (106, 88, 640, 450))
_TABLE = ("diningtable", (0, 0, 600, 400))

SCENES: tuple[Scene, ...] = (
    Scene(
        photo="astronaut.png",
        box=(0, 0, 512, 512),
        objects=(("person", (2, 12, 380, 512)),),
    ),
    Scene(photo="chelsea.png", box=(0, 0, 451, 300), objects=(("cat", (0, 0, 420, 300)),)),
    Scene(photo="coffee.png", box=(0, 0, 300, 400), objects=(_TABLE,)),
    Scene(photo="coffee.png", box=(300, 0, 600, 400), objects=(_TABLE,)),
    Scene(photo="motorcycle_left.png", box=(0, 0, 370, 500), objects=(_BIKE,)),
    Scene(photo="motorcycle_left.png", box=(370, 0, 741, 500), objects=(_BIKE,)),
    *_grid("rocket.jpg", 2, 1, (640, 427)),
    *_grid("hubble_deep_field.jpg", 3, 2, (1000, 872)),
    *_grid("ihc.png", 2, 2, (512, 512)),
    *_grid(
        "brick.png", 2, 2, (512, 512),
        (1.00, 0.62, 0.50), (0.95, 0.85, 0.70), (0.75, 0.82, 0.95), (0.80, 0.58, 0.45),
    ),
    *_grid(
        "grass.png", 2, 2, (512, 512),
        (0.66, 0.95, 0.42), (0.95, 0.90, 0.52), (0.50, 0.78, 0.45), (0.82, 0.95, 0.60),
    ),
    *_grid(
        "gravel.png", 2, 2, (512, 512),
        (1.00, 0.93, 0.82), (0.85, 0.92, 1.00), (1.00, 0.80, 0.66), (0.90, 0.90, 0.86),
    ),
    *_grid(
        "moon.png", 2, 2, (512, 512),
        (1.00, 0.95, 0.86), (1.00, 0.72, 0.52), (0.78, 0.86, 1.00), (0.92, 0.86, 0.70),
    ),
)  # fmt: skip
"""All backgrounds, in the order of their numbers."""


def scenes_without_people() -> list[Scene]:
    """Return the scenes on which nobody is seen."""
    return [scene for scene in SCENES if all(name != "person" for name, _ in scene.objects)]


def cut_photo(scene: Scene) -> RgbImage:
    """Return the pixels of a scene, uint8, (H, W, 3), both sides at least `SHORT_SIDE`.

    Raises
    ------
    MissingPhotoError
        scikit-image is installed without its photos.
    """
    cut = Image.fromarray(_photo(scene.photo)).crop(scene.box)
    scale = _scale(scene)
    if scale > 1:
        size = (round(cut.width * scale), round(cut.height * scale))
        cut = cut.resize(size, Image.Resampling.LANCZOS)
    pixels = np.asarray(cut)
    if scene.tint is None:
        return pixels
    # Shadows keep less of the colour than lights, as on a real surface under a grey sky.
    grey = pixels[..., :1].astype(np.float32) / 255
    tinted = grey * (1 - (1 - rgb(scene.tint)) * (0.5 + 0.5 * grey))
    return np.round(np.clip(tinted * 1.08, 0, 1) * 255).astype(np.uint8)


def write_backgrounds(folder: Path) -> int:
    """Write ``VOCdevkit/VOC2012`` with all scenes below `folder`; returns how many there are."""
    root = folder / "VOCdevkit" / "VOC2012"
    names = [f"2012_{number:06d}" for number in range(1, len(SCENES) + 1)]
    for name, scene in zip(names, SCENES, strict=True):
        pixels = cut_photo(scene)
        write_jpeg(root / "JPEGImages" / f"{name}.jpg", pixels)
        write_bytes(root / "Annotations" / f"{name}.xml", _annotation(name, scene, pixels))
    sets = root / "ImageSets" / "Main"
    write_bytes(sets / "trainval.txt", "".join(f"{name}\n" for name in names).encode())
    for kind in sorted({kind for scene in SCENES for kind, _ in scene.objects}):
        lines = [
            f"{name} {1 if any(k == kind for k, _ in scene.objects) else -1:2d}\n"
            for name, scene in zip(names, SCENES, strict=True)
        ]
        write_bytes(sets / f"{kind}_trainval.txt", "".join(lines).encode())
    return len(SCENES)


@lru_cache(maxsize=2)
def _photo(name: str) -> RgbImage:
    file = resources.files("skimage") / "data" / name
    if not file.is_file():
        raise MissingPhotoError(
            f"{name} is missing from scikit-image's folder `data`: install scikit-image's wheel"
        )
    with file.open("rb") as stream, Image.open(stream) as image:
        return np.asarray(image.convert("RGB"))


def _scale(scene: Scene) -> float:
    left, top, right, bottom = scene.box
    return max(1.0, SHORT_SIDE / min(right - left, bottom - top))


def _annotation(name: str, scene: Scene, pixels: RgbImage) -> bytes:
    root = ET.Element("annotation")
    _put(root, "folder", "VOC2012")
    _put(root, "filename", f"{name}.jpg")
    _put(ET.SubElement(root, "source"), "image", f"scikit-image {scene.photo}")
    size = ET.SubElement(root, "size")
    height, width = pixels.shape[:2]
    for what, count in (("width", width), ("height", height), ("depth", 3)):
        _put(size, what, count)
    _put(root, "segmented", 0)
    for kind, box in scene.objects:
        found = ET.SubElement(root, "object")
        _put(found, "name", kind)
        for what, value in (("pose", "Unspecified"), ("truncated", 1), ("difficult", 0)):
            _put(found, what, value)
        bounds = ET.SubElement(found, "bndbox")
        for what, place in zip(("xmin", "ymin", "xmax", "ymax"), _in_cut(scene, box), strict=True):
            _put(bounds, what, place)
    ET.indent(root, "\t")
    return f"{ET.tostring(root, encoding='unicode')}\n".encode()


def _in_cut(scene: Scene, box: Box) -> Box:
    """Return a box of the photo as Pascal VOC counts it in the cut: from 1, ends inside."""
    left, top, right, bottom = scene.box
    scale = _scale(scene)
    return (
        round((max(box[0], left) - left) * scale) + 1,
        round((max(box[1], top) - top) * scale) + 1,
        round((min(box[2], right) - left) * scale),
        round((min(box[3], bottom) - top) * scale),
    )


def _put(parent: ET.Element, tag: str, value: object) -> None:
    ET.SubElement(parent, tag).text = str(value)
