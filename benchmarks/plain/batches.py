"""Batches read and made ready by who trains: one sample after the other, in plain tensors.

The baseline of `benchmarks/training.py`. Order, crops and all that is drawn are those of our
stream, so that both sides train on the same pictures.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from shm.datasets.opening import Samples, open_sample, open_samples
from shm.datasets.store import Arrays
from shm.datasets.streaming.crop import Crop, draw_crop
from shm.datasets.streaming.ranks import of_rank
from shm.datasets.streaming.reader import Draw, ReaderConfig
from shm.datasets.streaming.sources import SourceOrder
from shm.models.imagenet import normalise
from shm.pipeline.seed import generator
from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN, TrimapClass
from shm.training.batch import Batch
from shm.training.config import TrainConfig
from shm.training.objectives import OBJECTIVES
from shm.training.phases import Phase
from shm.workflows.train import Feed, stream_of

Ready = dict[str, Tensor]
"""What becomes of a sample: float32 (3 or 1, H, W) in [0, 1], ``trimap`` int64 (H, W)."""


def plain_batches(phase: Phase, config: TrainConfig, feed: Feed) -> Iterator[Batch]:
    """Yield the batches of a phase without end, contiguous and on the device."""
    stream, objective = stream_of(phase, config, feed), OBJECTIVES[phase]
    order = SourceOrder(
        feed.sources, split=stream.split, seed=stream.reader.seed, window=stream.window
    )
    stores = [open_samples(source.path) for source in feed.sources]
    for drawn in of_rank(order, 0, stream.batch, 0, 1):
        ids, samples = [], []
        for draw in drawn.draws:
            name, arrays, crop = _read(stores[draw.store], draw, stream.reader)
            ids.append(name)
            samples.append(_ready(arrays, crop, config.phase(phase).crop))
        batch = {
            name: torch.stack([sample[name] for sample in samples]).to(feed.device)
            for name in samples[0]
        }
        classes = batch["trimap"]
        yield Batch(
            image=normalise(batch["image"]),
            classes=classes,
            trimap=F.one_hot(classes, len(TrimapClass)).permute(0, 3, 1, 2).float().contiguous(),
            ids=tuple(ids),
            alpha=batch.get("alpha") if objective.reads_alpha else None,
            foreground=batch.get("foreground"),
            background=batch.get("background"),
        )


def _read(store: Samples, draw: Draw, config: ReaderConfig) -> tuple[str, Arrays, Crop]:
    sample = open_sample(store, draw.slot)
    random = generator(config.seed, "crop", draw.epoch, sample.id)
    crop = draw_crop(config.crop, sample.size, lambda: sample.draw_unknown(random), random)
    names = {*config.names, "alpha"} if crop.band else {*config.names}
    return sample.id, sample.read(sorted(names), crop.window), crop


def _ready(arrays: Arrays, crop: Crop, size: int) -> Ready:
    planes = {name: torch.from_numpy(array) for name, array in arrays.items()}
    if crop.flip:
        planes = {name: plane.flip(1) for name, plane in planes.items()}
    given = planes.pop("trimap", None)
    found: Ready = {}
    for name, plane in planes.items():
        pixels = plane.view(crop.side, crop.side, -1).permute(2, 0, 1).float()[None]
        if crop.side != size:
            pixels = F.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
        found[name] = pixels[0] / 255
    if crop.band:
        trimap = _trimap(found["alpha"], crop.band)
    elif given is not None:
        trimap = F.interpolate(given[None, None].float(), (size, size), mode="nearest-exact")[0, 0]
    found["trimap"] = _classes(trimap)
    if crop.transform is not None:
        transform = torch.from_numpy(crop.transform)
        for name in ("image", "foreground", "background"):
            if name in found:
                moved = torch.einsum("ij,jhw->ihw", transform[:, :3], found[name])
                moved = moved + transform[:, 3, None, None]
                found[name] = moved.clamp(0, 1)
    return found


def _trimap(alpha: Tensor, band: tuple[int, int]) -> Tensor:
    """Mark as unknown what is soft and what lies around it; alpha (1, H, W), trimap (H, W)."""
    inwards, outwards = band
    levels = (alpha * 255).round()
    not_opaque = _dilated((levels < 255).float(), inwards)[0] > 0
    touched = _dilated((levels > 0).float(), outwards)[0] > 0
    trimap = torch.full(levels.shape[1:], float(UNKNOWN))
    trimap[~touched] = BACKGROUND
    trimap[~not_opaque] = FOREGROUND
    return trimap


def _dilated(region: Tensor, reach: int) -> Tensor:
    side = 2 * reach + 1
    along = F.max_pool2d(region, (side, 1), stride=1, padding=(reach, 0))
    return F.max_pool2d(along, (1, side), stride=1, padding=(0, reach))


def _classes(trimap: Tensor) -> Tensor:
    classes = torch.full(trimap.shape, TrimapClass.UNKNOWN.value, dtype=torch.int64)
    classes[trimap == BACKGROUND] = TrimapClass.BACKGROUND
    classes[trimap == FOREGROUND] = TrimapClass.FOREGROUND
    return classes
