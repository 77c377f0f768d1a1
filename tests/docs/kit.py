"""Small data under the names that pages use, each made once by the commands that make it."""

import json
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from shm.pipeline.values import Alpha, RgbImage
from tests.datasets.image_files import turned
from tests.pipeline.scenes import scene
from tests.workflows import adobe
from tests.workflows.corpora import Options, run, write_backgrounds, write_people

PEOPLE, SIDE = 10, 64

TRAINING: Options = (
    *("--steps", 2, "--batch", 2, "--crop", 32, "--workers", 0, "--set", "model.width=0.25"),
    *("--set", "loop.picture_every=0"),
)


class Kit:
    """What pages are given, by name; what is asked for is made, and what that is made of.

    Parameters
    ----------
    root : Path
        Where it is kept.
    cluster : tuple
        Options of commands that work on Dask.
    """

    def __init__(self, root: Path, cluster: Options) -> None:
        self._root, self._cluster = root, cluster

    def give(self, name: str, folder: Path) -> None:
        """Copy one thing to a page's folder."""
        made = self._root / name
        if not made.exists():
            made.parent.mkdir(parents=True, exist_ok=True)
            self._makers[name](made)
        target = folder / name
        if made.is_dir():
            shutil.copytree(made, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(made, target)

    def _has(self, name: str) -> Path:
        if not (self._root / name).exists():
            self._makers[name](self._root / name)
        return self._root / name

    @cached_property
    def _makers(self) -> dict[str, Callable[[Path], object]]:
        return {
            "photos": self._people_photos,
            "corpus": self._people_photos,
            "new_photos": self._new_photos,
            "holidays": self._holidays,
            "cutouts": self._cutouts,
            "VOC2012": self._voc,
            "COCO": self._coco,
            "aisegment": self._aisegment,
            "P3M-10k": self._p3m,
            "scans": self._scans,
            "Combined_Dataset": self._adobe,
            "coco": lambda path: self._adobe_part("coco", path),
            "VOCdevkit": self._adobe_voc,
            "people.zarr": self._people,
            "marks.json": self._marks,
            "train.zarr": self._composites,
            "animals.zarr": lambda path: shutil.copytree(self._has("train.zarr"), path),
            "runs/first": lambda path: self._run("first", path),
            "runs/second": lambda path: shutil.copytree(self._has("runs/first"), path),
            "mattes": lambda path: self._exported("alpha", path),
            "alphas": lambda path: self._exported("alpha", path),
            "trimaps": lambda path: self._exported("trimap", path),
            **dict.fromkeys(("a.jpg", "b.jpg", "c.jpg", "beach.jpg"), self._photo),
        }

    # ------------------------------------------------------------------ photos

    def _photo(self, path: Path) -> None:
        Image.fromarray(scene(SIDE)[0]).save(path, quality=95)

    def _people_photos(self, path: Path) -> None:
        """Write them under the names that `shm-data sample` gives."""
        write_people(path, PEOPLE, SIDE)
        for folder, ending in (("images", ".jpg"), ("masks", ".png")):
            for number, file in enumerate(sorted((path / folder).iterdir())):
                Image.open(file).save(path / folder / f"person_{number:04d}{ending}", quality=95)
                file.unlink()

    def _new_photos(self, path: Path) -> None:
        path.mkdir()
        for name in ("one.jpg", "two.jpg"):
            self._photo(path / name)

    def _holidays(self, path: Path) -> None:
        path.mkdir()
        random = np.random.default_rng(1)
        for number in range(12):
            adobe.save(path / f"{number:02d}.jpg", adobe.photo((90, 120), random))

    def _cutouts(self, path: Path) -> None:
        path.mkdir()
        _, alpha, foreground, _ = scene(SIDE)
        for number in range(4):
            own = foreground.copy()
            own[0, 0] = number
            rgba = np.concatenate([own, alpha[..., None]], axis=2)
            Image.fromarray(rgba).save(path / f"cup-{number}.png")

    def _voc(self, path: Path) -> None:
        write_backgrounds(path.parent / "voc", 40, people=(3, 4))
        shutil.move(path.parent / "voc" / "VOC2012", path)
        for photo in sorted((path / "JPEGImages").iterdir())[::3]:  # as cameras leave them
            Image.open(photo).save(photo, quality=90, exif=turned(6))

    def _coco(self, path: Path) -> None:
        random = np.random.default_rng(2)
        names = [f"{number:012d}.jpg" for number in range(12)]
        for name in names:
            adobe.save(path / "train2017" / name, adobe.photo((90, 120), random))
        instances = {
            "info": {"year": 2017},
            "images": [{"id": at, "file_name": name} for at, name in enumerate(names)],
            "annotations": [
                {"id": at, "image_id": at, "category_id": 1 + (at > 1), "iscrowd": 0}
                for at in range(len(names))
            ],
            "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}],
        }
        (path / "annotations").mkdir()
        (path / "annotations" / "instances_train2017.json").write_text(json.dumps(instances))

    # ------------------------------------------------------------------ corpora of others

    def _aisegment(self, path: Path) -> None:
        for number, (image, alpha) in enumerate(self._pictures(4)):
            clip = path / "clip_img" / "1803151818" / "clip_00000000"
            matte = path / "matting" / "1803151818" / "matting_00000000"
            for folder in (clip, matte):
                folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(clip / f"1803151818-{number:08d}.jpg", quality=95)
            rgba = np.concatenate([image, alpha[..., None]], axis=2)
            Image.fromarray(rgba).save(matte / f"1803151818-{number:08d}.png")

    def _p3m(self, path: Path) -> None:
        sets = {"train": 3, "validation/P3M-500-P": 1, "validation/P3M-500-NP": 1}
        pictures = iter(self._pictures(sum(sets.values())))
        for name, count in sets.items():
            photos = path / name / ("original_image" if "NP" in name else "blurred_image")
            for folder in (photos, path / name / "mask"):
                folder.mkdir(parents=True)
            for number in range(count):
                image, alpha = next(pictures)
                own = f"p_{len(name) + number:08x}"
                Image.fromarray(image).save(photos / f"{own}.jpg", quality=95)
                Image.fromarray(alpha).save(path / name / "mask" / f"{own}.png")

    def _scans(self, path: Path) -> None:
        for number, (image, alpha) in enumerate(self._pictures(5)):
            session = path / f"session-{number // 2}"
            session.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(session / f"{number}.colour.png")
            Image.fromarray(alpha).save(session / f"{number}.opacity.png")

    def _adobe(self, path: Path) -> None:
        self._adobe_part("adobe", path)

    def _adobe_part(self, name: str, path: Path) -> None:
        tree = self._root / "tree"
        if not tree.exists():
            adobe.write_tree(tree)
        shutil.copytree(tree / name, path)

    def _adobe_voc(self, path: Path) -> None:
        self._adobe_part("VOCdevkit", path)
        shutil.copytree(self._has("VOC2012"), path / "VOC2012", dirs_exist_ok=True)

    def _pictures(self, count: int) -> list[tuple[RgbImage, Alpha]]:
        """Return photos of which none is another's copy, and their alphas."""
        image, alpha, _, _ = scene(SIDE)
        return [(np.maximum(image, 9 * number).astype(np.uint8), alpha) for number in range(count)]

    # ------------------------------------------------------------------ what commands make

    def _people(self, path: Path) -> None:
        run("shm-data", "prepare", self._has("photos"), path, *self._cluster)

    def _marks(self, path: Path) -> None:
        path.write_text(json.dumps({"format": "shm marks 1", "marks": []}))

    def _composites(self, path: Path) -> None:
        options = ("--backgrounds", self._has("VOC2012"), "--per-foreground", 8, "--lazy")
        people = self._has("people.zarr")
        run("shm-data", "composite", people, path, *options, *self._cluster)

    def _run(self, _: str, path: Path) -> None:
        run("shm", "train", self._has("train.zarr"), "--run", path, *TRAINING)

    def _exported(self, name: str, path: Path) -> None:
        files = self._root / "files"
        if not files.exists():
            run("shm-data", "export", self._has("people.zarr"), files)
        shutil.copytree(files / name, path)
