import numpy as np
import pytest

from shm.pipeline.prepare import PrepareConfig, Prepared, PrepareError, RawSample, prepare
from shm.pipeline.quality import QualityError
from shm.pipeline.seed import generator
from shm.pipeline.trimap import Reach, TrimapConfig, TrimapError, TrimapMode, trimap_from_alpha
from shm.pipeline.values import Alpha
from tests.pipeline.scenes import scene

SIZE = 96
IMAGE, ALPHA, _, _ = scene(SIZE)
MASK = np.where(ALPHA >= 128, np.uint8(255), np.uint8(0))


def made(
    raw: RawSample, mode: TrimapMode = "adaptive", seed: int = 0, reject_below: float = 0
) -> Prepared:
    band = TrimapConfig(mode=mode, erode=Reach(value=6), dilate=Reach(value=9))
    config = PrepareConfig(size=SIZE, trimap=band, refine="none", reject_below=reject_below)
    return prepare(raw, config, generator(seed, "trimap", "sample"))


def around(alpha: Alpha) -> Alpha:
    fixed = TrimapConfig(mode="fixed", erode=Reach(value=6), dilate=Reach(value=9))
    return trimap_from_alpha(alpha, fixed)


def test_an_adaptive_band_of_a_mask_follows_the_photo() -> None:
    sample = made(RawSample(image=IMAGE, mask=MASK))
    assert sample.steps["trimap"] == "adaptive"
    half = (ALPHA > 85) & (ALPHA < 170)
    assert np.all(sample.trimap[half] == 128)
    assert not np.array_equal(sample.trimap, around(MASK))
    assert "spread" in sample.quality


def test_a_matte_and_a_trimap_tell_their_own_band() -> None:
    matte = made(RawSample(image=IMAGE, alpha=ALPHA))
    assert matte.steps["trimap"] == "fixed"
    assert np.array_equal(matte.trimap, around(ALPHA))
    own = around(MASK)
    given = made(RawSample(image=IMAGE, mask=MASK, trimap=own))
    assert given.steps["trimap"] == "given"
    assert np.array_equal(given.trimap, own)


def test_a_fixed_band_is_as_wide_as_it_was_told() -> None:
    sample = made(RawSample(image=IMAGE, mask=MASK), "fixed")
    assert np.array_equal(sample.trimap, around(MASK))


def test_a_random_band_is_drawn_from_the_generator_that_is_given() -> None:
    raw = RawSample(image=IMAGE, mask=MASK)
    one, same, other = (made(raw, "random", seed).trimap for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert np.all(around(MASK)[one == 128] == 128)
    with pytest.raises(PrepareError, match="needs a generator"):
        prepare(raw, PrepareConfig(trimap=TrimapConfig(mode="random")))


def test_the_gate_refuses_a_bad_mask_and_lets_a_good_one_pass() -> None:
    for mode in ("adaptive", "fixed"):
        good = made(RawSample(image=IMAGE, mask=MASK), mode, reject_below=0.4)
        assert good.quality["quality"] >= 0.4
        with pytest.raises(QualityError, match=r"is below 0\.4; unsupported 0\.\d+: the outline"):
            made(RawSample(image=IMAGE, mask=np.roll(MASK, 30, axis=1)), mode, reject_below=0.4)
    with pytest.raises(PrepareError, match="reject below 2"):
        PrepareConfig(reject_below=2)


def test_a_trimap_and_a_matte_that_contradict_each_other_are_refused() -> None:
    image, truth, _, _ = scene()
    trimap = trimap_from_alpha(truth, TrimapConfig(mode="fixed"))
    for alpha in (truth, 255 - truth):
        raw = RawSample(image=image, alpha=alpha, trimap=trimap)
        if alpha is truth:
            assert np.array_equal(prepare(raw, PrepareConfig()).alpha, truth)
            continue
        with pytest.raises(PrepareError, match=r"disagree on \d+% of the certain pixels"):
            prepare(raw, PrepareConfig())


def test_a_trimap_that_marks_nothing_certain_says_what_to_save() -> None:
    image, truth, _, _ = scene()
    trimap = trimap_from_alpha(truth, TrimapConfig(mode="fixed"))
    without = np.where(trimap == 255, np.uint8(128), trimap)
    with pytest.raises(TrimapError, match="save some of the subject as 255"):
        prepare(RawSample(image=image, trimap=without), PrepareConfig())
