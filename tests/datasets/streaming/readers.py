"""Readers of crops from small stores of small chunks, and what they read."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from shm.datasets.streaming.crop import CropConfig
from shm.datasets.streaming.packing import CutSample, PackedBatch
from shm.datasets.streaming.reader import BatchDraws, BatchReader, Draw, ReaderConfig

CROP = CropConfig(sides=(16, 24, 40), size=24, band=None)
PEOPLE, CANVAS = 10, 96


def reader_of(*paths: Path, **config: Any) -> BatchReader:
    return BatchReader(paths, replace(ReaderConfig(crop=CROP, seed="s"), **config))


def batch_of(
    reader: BatchReader, draws: Sequence[Draw], spares: Sequence[Draw] = ()
) -> PackedBatch:
    found = reader[BatchDraws(tuple(draws), tuple(spares))]
    if isinstance(found, Exception):
        raise found
    return found


def cuts(reader: BatchReader, draws: Sequence[Draw]) -> list[CutSample]:
    """Read crops one by one, before they are packed."""
    batch_of(reader, draws[:1])  # which opens the stores
    return [reader.read(draw) for draw in draws]


def assert_same(one: PackedBatch, other: PackedBatch) -> None:
    assert (one["id"], one["crops"]) == (other["id"], other["crops"])
    assert torch.equal(one["pixels"], other["pixels"])
