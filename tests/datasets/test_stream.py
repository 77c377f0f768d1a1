import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shm.datasets.composites.store import Form
from shm.datasets.damage import DamageError, StoreError
from shm.datasets.opening import open_samples
from shm.datasets.stream import (
    CropConfig,
    CropDataset,
    DrawSampler,
    random_trimap,
    training_batches,
    whole_samples,
)
from shm.pipeline.composite import blend
from tests.datasets.stores import EVERY_OPTION, flip_a_byte, write_people, write_store

CROP = CropConfig(sides=(24, 32, 48), size=32, band=(1, 4))


@pytest.fixture(scope="module", params=["lazy", "materialised"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_store(tmp_path_factory.mktemp("stream") / "s.zarr", 12, form=request.param).path


@given(
    samples=st.integers(1, 40),
    batch=st.integers(1, 9),
    start=st.integers(0, 12),
    seed=st.integers(0, 3),
)
@settings(max_examples=60)
def test_an_epoch_is_a_permutation_and_any_step_can_be_the_first(
    samples: int, batch: int, start: int, seed: int
) -> None:
    steps = start + -(-2 * samples // batch)
    whole = list(islice(DrawSampler(samples, batch, seed), steps))
    draws = [draw for draws in whole for draw in draws]
    for epoch in (0, 1):
        of_epoch = sorted(index for e, index in draws[: 2 * samples] if e == epoch)
        assert of_epoch == list(range(samples))
    assert list(islice(DrawSampler(samples, batch, seed, start), steps - start)) == whole[start:]


def test_any_number_of_workers_gives_the_same_batches(path: Path) -> None:
    def batches(workers: int) -> list[dict[str, object]]:
        found = training_batches(path, crop=CROP, batch=3, seed="s", start=2, workers=workers)
        return list(islice(found, 4))

    alone = batches(0)
    for one, other in zip(alone, batches(2), strict=True):
        assert one["id"] == other["id"]
        for name in ("image", "alpha", "trimap", "foreground", "background"):
            assert torch.equal(one[name], other[name])  # type: ignore[arg-type]


def test_lazy_and_materialised_composites_give_the_same_crops(tmp_path: Path) -> None:
    stores = [
        write_store(tmp_path / f"{form}.zarr", 12, form=form, config=EVERY_OPTION).path
        for form in ("lazy", "materialised")
    ]
    lazy, whole = (
        islice(training_batches(store, crop=CROP, batch=3, seed="s"), 6) for store in stores
    )
    for one, other in zip(lazy, whole, strict=True):
        assert one["id"] == other["id"]
        for name in ("image", "alpha", "trimap", "foreground", "background"):
            assert torch.equal(one[name], other[name])


def test_prepared_people_are_streamed_too(tmp_path: Path) -> None:
    people = write_people(tmp_path / "people.zarr", 6, rejects=2).path
    (batch,) = islice(training_batches(people, crop=CROP, batch=4, seed="s"), 1)
    assert batch["image"].shape == (4, 3, 32, 32)
    assert "background" not in batch
    assert [sample["id"][0] for sample in whole_samples(people, "test")] == ["sample-004"]


def test_a_crop_is_still_a_composite_of_its_parts(path: Path) -> None:
    dataset = CropDataset(path, "train", CropConfig(sides=(40,), size=40), seed=0)
    crop = dataset[(0, 1)]
    parts = [np.moveaxis(crop[name].numpy(), 0, -1) for name in ("foreground", "background")]
    blended = blend(parts[0], crop["alpha"][0].numpy(), parts[1])
    assert np.array_equal(blended, np.moveaxis(crop["image"].numpy(), 0, -1))


def test_crops_are_centred_on_unknown_pixels(path: Path) -> None:
    dataset = CropDataset(path, "train", CropConfig(sides=(16,), size=16, band=None), seed=0)
    for epoch in range(20):
        trimap = dataset[(epoch, 0)]["trimap"][0]
        assert (trimap == 128).any()


def test_a_trimap_stays_a_trimap_at_any_size(path: Path) -> None:
    for band in (None, (1, 4)):
        crop = CropConfig(sides=(29, 50), size=32, band=band)
        for index in range(4):
            trimap = CropDataset(path, "train", crop, seed=0)[(index, index)]["trimap"]
            assert set(trimap.unique().tolist()) <= {0, 128, 255}


def test_a_random_trimap_never_contradicts_alpha(path: Path) -> None:
    alpha = next(whole_samples(path, "train"))["alpha"][0]
    widths = set()
    for seed in range(12):
        trimap = random_trimap(alpha, (1, 8), np.random.default_rng(seed))
        assert torch.all(alpha[trimap == 255] == 255)
        assert torch.all(alpha[trimap == 0] == 0)
        widths.add(int((trimap == 128).sum()))
    assert len(widths) > 5


def test_flips_and_places_vary_from_epoch_to_epoch(path: Path) -> None:
    dataset = CropDataset(path, "train", CROP, seed=0)
    crops = [dataset[(epoch, 0)]["image"] for epoch in range(6)]
    assert not all(torch.equal(crops[0], crop) for crop in crops[1:])
    assert torch.equal(dataset[(3, 0)]["image"], crops[3])


def test_whole_samples_come_at_their_own_size_and_evenly(path: Path) -> None:
    store = open_samples(path)
    samples = list(whole_samples(path, "train"))
    assert [sample["id"][0] for sample in samples] == [r["id"] for _, r in store.samples("train")]
    assert tuple(samples[0]["image"].shape[-2:]) == samples[0]["size"][0]
    two = [sample["id"][0] for sample in whole_samples(path, "train", limit=2)]
    assert two == [samples[0]["id"][0], samples[-1]["id"][0]]


def test_an_empty_split_is_an_error(tmp_path: Path) -> None:
    write_store(tmp_path / "s.zarr", 2)  # both to train on
    with pytest.raises(StoreError, match="'test' has no samples"):
        CropDataset(tmp_path / "s.zarr", "test", CROP, seed=0)


DAMAGES = [
    ("materialised", "images/image", "sample-000-000"),
    ("materialised", "foregrounds/alpha", "sample-000"),
    ("lazy", "backgrounds/file", "scene-000"),
]


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(("form", "array", "sample"), DAMAGES)
def test_a_damaged_shard_stops_the_stream_and_is_named(
    tmp_path: Path, form: Form, array: str, sample: str, workers: int
) -> None:
    path = tmp_path / "s.zarr"
    write_store(path, 4, form=form)
    (file,) = filter(Path.is_file, (path / array / "c" / "0").rglob("*"))
    for at in np.linspace(0.02, 0.9, 60):
        flip_a_byte(file, at=float(at))
    name = array.partition("/")[2]
    with pytest.raises(DamageError, match=rf"shard 0 of {name}.*{sample}.*--repair {path}`"):
        list(islice(training_batches(path, crop=CROP, batch=2, seed=0, workers=workers), 4))


def test_lost_recipes_stop_the_stream(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    write_store(path, 4)
    shutil.rmtree(path / "recipe" / "c")
    with pytest.raises(DamageError, match="recipes are missing"):
        next(training_batches(path, crop=CROP, batch=2, seed=0))
