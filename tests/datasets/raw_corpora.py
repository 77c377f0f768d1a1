"""Small raw corpora, written file by file, and what becomes of them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shm.datasets.corpus import Corpus, Pair
from shm.datasets.image import IMAGE_SUFFIXES


def photo(number: int, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """Return a picture that no other number gives, the same at every size."""
    coarse = np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8)
    resized = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def mask(number: int = 0) -> NDArray[np.uint8]:
    values = np.zeros((48, 64), np.uint8)
    values[8:40, 10 + number % 20 : 50] = 255
    return values


def matte() -> NDArray[np.uint8]:
    return np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))


def cutout(number: int) -> NDArray[np.uint8]:
    return np.dstack([photo(number), matte()])


def write(root: Path, files: Mapping[str, NDArray[np.uint8] | str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            Image.fromarray(content).save(path)
    return root


def accounted(corpus: Corpus) -> bool:
    """Return whether every image of the folder is in a pair, a reject, or left alone."""
    here = [path.relative_to(corpus.root) for path in corpus.root.rglob("*")]
    images = {path.as_posix() for path in here if path.suffix.lower() in IMAGE_SUFFIXES}
    named = {file for pair in corpus.pairs for file in pair.files}
    named |= {reject.source for reject in corpus.rejects} | set(corpus.left_alone)
    folders = tuple(line.split(" (")[0].split("*")[0] for line in corpus.left_alone if " (" in line)
    return all(image in named or image.startswith(folders) for image in images)


def by_id(corpus: Corpus) -> dict[str, Pair]:
    return {pair.id: pair for pair in corpus.pairs}


def reasons(corpus: Corpus) -> dict[str, str]:
    return {reject.source: reject.reason for reject in corpus.rejects}
