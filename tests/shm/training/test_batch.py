import pickle
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import default_convert

from shm.models.imagenet import DEVIATION, MEAN, normalise
from shm.pipeline.composite import blend
from shm.pipeline.jitter import colour_transform
from shm.pipeline.values import trimap_to_classes
from shm.training import enlargement, squares
from shm.training.batch import LAYOUT, Batch, BatchError, RawBatch, to_device
from shm.training.trimaps import random_trimaps
from tests.shm.training.raw_batches import Sample, colours, far_background, packed, planes

CPU = torch.device("cpu")
LAZY = "foreground background alpha"


def levels(batch: Batch) -> Tensor:
    """Return the image of a batch in levels of 8 bits, as floats (B, H, W, 3)."""
    mean, deviation = (torch.tensor(three).view(3, 1, 1) for three in (MEAN, DEVIATION))
    return ((batch.image * deviation + mean) * 255).permute(0, 2, 3, 1)


def test_bytes_become_what_the_nets_read() -> None:
    plain = {
        name: np.full((32, 32, 3), 51, np.uint8) for name in ("image", "foreground", "background")
    }
    plain["alpha"] = np.full((32, 32), 51, np.uint8)
    plain["trimap"] = np.repeat([0, 128, 255, 128], 8).astype(np.uint8)[None].repeat(32, 0)
    batch = to_device(packed([Sample(planes=plain)]), CPU, 32)
    assert batch.classes[0, 0].tolist() == [0] * 8 + [1] * 8 + [2] * 8 + [1] * 8
    assert torch.equal(batch.trimap.argmax(1), batch.classes)
    assert batch.image[0, 0, 0, 0].item() == pytest.approx((0.2 - 0.485) / 0.229)
    for seen in colours(batch):
        assert torch.allclose(seen, torch.full((1, 3, 32, 32), 0.2))
    assert torch.allclose(batch.true_alpha, torch.full((1, 1, 32, 32), 0.2))
    torch.testing.assert_close(batch.image, normalise(colours(batch)[0]))
    assert batch.image.is_contiguous(memory_format=LAYOUT)
    assert batch.trimap.is_contiguous(memory_format=LAYOUT)
    assert batch.ids == ("s0",)


def test_an_image_that_was_not_sent_is_the_pipeline_s_to_the_bit() -> None:
    far, uncut = far_background(48, 4)
    near = planes(48, 1, LAZY)
    enlarged = planes(48, 2, "foreground alpha")
    raw = packed(
        [
            Sample(planes=near, band=(2, 3), flip=True),
            Sample(planes=enlarged, uncut=uncut, band=(2, 3)),
        ]
    )
    batch = to_device(raw, CPU, 48)
    mirrored = {name: plane[:, ::-1] for name, plane in near.items()}
    expected = [
        blend(mirrored["foreground"], mirrored["alpha"], mirrored["background"].copy()),
        blend(enlarged["foreground"], enlarged["alpha"], far),
    ]
    found = levels(batch)
    assert np.array_equal(found.round().numpy(), np.stack(expected))
    assert (found - found.round()).abs().max() < 1e-3
    assert np.array_equal((colours(batch)[1][1] * 255).round().permute(1, 2, 0).numpy(), far)


def any_batch() -> list[Sample]:
    """Return samples of several sides that hold all there is."""
    tint = colour_transform(contrast=0.8, hue=0.1).ravel().tolist()
    return [
        Sample(planes=planes(40, 0), band=(2, 5)),
        Sample(planes=planes(57, 1), band=(1, 1), flip=True, jitter=tint),
        Sample(planes=planes(57, 2, LAZY), band=(3, 9), jitter=tint),
        Sample(
            planes=planes(40, 3, "foreground alpha"), uncut=far_background(40, 3)[1], band=(4, 4)
        ),
        Sample(
            planes=planes(33, 4, "foreground alpha"), uncut=far_background(33, 4)[1], band=(0, 2)
        ),
        Sample(planes=planes(40, 5, "image foreground background alpha trimap"), flip=True),
    ]


def assert_same(one: Batch, other: Batch, *, atol: float) -> None:
    for name in ("image", "classes", "trimap"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=0, atol=atol)
    torch.testing.assert_close(one.true_alpha, other.true_alpha, rtol=0, atol=atol)
    for mine, yours in zip(colours(one), colours(other), strict=True):
        torch.testing.assert_close(mine, yours, rtol=0, atol=atol)


def test_a_sample_is_the_same_in_whatever_batch_it_comes() -> None:
    samples = any_batch()
    batch = to_device(packed(samples), CPU, 40)
    for index, sample in enumerate(samples):
        alone = to_device(packed([sample]), CPU, 40)
        part = slice(index, index + 1)
        assert_same(
            alone,
            Batch(
                **{
                    name: getattr(batch, name)[part]
                    for name in (
                        "image",
                        "classes",
                        "trimap",
                        "ids",
                        "alpha",
                        "foreground",
                        "background",
                    )
                }
            ),
            atol=1e-6,
        )


def test_an_accelerator_s_way_gives_the_same_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = packed(any_batch())
    one_by_one = to_device(raw, CPU, 40)
    for module in (squares, enlargement):
        monkeypatch.setattr(module, "handles_one_by_one", lambda _: False)
    assert_same(to_device(raw, CPU, 40), one_by_one, atol=1e-5)


def test_the_random_trimap_is_of_the_resized_alpha_and_the_given_one_is_kept() -> None:
    given = planes(40, 5, "image alpha trimap")
    drawn = planes(60, 6, "image alpha")
    raw = packed([Sample(planes=given), Sample(planes=drawn, band=(2, 4))])
    batch = to_device(raw, CPU, 40)
    assert np.array_equal(batch.classes[0].numpy(), trimap_to_classes(given["trimap"]))
    assert batch.alpha is not None
    expected = random_trimaps(batch.alpha[1] * 255, [(2, 4)])
    assert np.array_equal(batch.classes[1].numpy(), trimap_to_classes(expected[0].numpy()))


def test_t_net_is_given_image_and_trimap_alone() -> None:
    raw = packed([Sample(planes=planes(40, 5, "image trimap"))])
    batch = to_device(raw, CPU, 40, mattes=False)
    assert (batch.alpha, batch.foreground, batch.background) == (None, None, None)
    with pytest.raises(BatchError, match=r"s0.*has no alpha.*a store with alphas"):
        _ = batch.true_alpha
    lazy = packed([Sample(planes=planes(40, 5, LAZY), band=(1, 1))])
    without, whole = (to_device(lazy, CPU, 40, mattes=mattes) for mattes in (False, True))
    assert torch.equal(without.image, whole.image)
    assert torch.equal(without.classes, whole.classes)
    assert without.foreground is None


def test_a_photo_without_a_known_background_gives_what_is_known() -> None:
    raw = packed([Sample(planes=planes(40, 5, "image foreground alpha"), band=(1, 1))])
    batch = to_device(raw, CPU, 40)
    assert batch.background is None
    assert batch.foreground is not None
    assert batch.true_alpha.shape == (1, 1, 40, 40)


@pytest.mark.parametrize(
    ("names", "band", "message"),
    [
        ("image alpha", None, "crop of s0 has no trimap, only alpha, image"),
        ("image trimap", (1, 1), "crop of s0 has no alpha"),
        ("foreground alpha", (1, 1), "crop of s0 has no background"),
    ],
)
def test_a_crop_that_lacks_a_plane_is_refused_by_name(
    names: str, band: tuple[int, int] | None, message: str
) -> None:
    with pytest.raises(BatchError, match=message):
        to_device(packed([Sample(planes=planes(32, 0, names), band=band)]), CPU, 32)


def test_where_one_trimap_is_drawn_all_crops_need_alpha() -> None:
    with_band = Sample(planes=planes(32, 0, "image alpha"), band=(1, 1))
    given = Sample(planes=planes(32, 1, "image trimap"))
    with pytest.raises(BatchError, match="crop of s1 has no alpha"):
        to_device(packed([with_band, given]), CPU, 32, mattes=False)


def test_a_trimap_with_another_value_is_refused_by_the_name_of_its_sample() -> None:
    fine, wrong = planes(32, 0, "image trimap"), dict(planes(32, 0, "image trimap"))
    wrong["trimap"] = np.full((32, 32), 200, np.uint8)
    with pytest.raises(BatchError, match="s1 holds 200"):
        to_device(packed([Sample(planes=fine), Sample(planes=wrong)]), CPU, 32)


class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what would be launched on a device, views and copies to it left out."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.launched: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        first = found[0] if isinstance(found, (list, tuple)) else found
        looks = any(r.alias_info and not r.alias_info.is_write for r in func._schema.returns)
        if not looks and isinstance(first, Tensor) and first.device.type == "meta":
            self.launched[str(func)] += 1
        return found


def of_sides(sides: list[int], names: str, *, uncut: bool) -> list[Sample]:
    return [
        Sample(
            planes=planes(side, at, names),
            band=(2, 2 + at),
            flip=at % 2 == 0,
            uncut=far_background(side, at)[1] if uncut else None,
        )
        for at, side in enumerate(sides)
    ]


@pytest.mark.parametrize(
    ("samples", "most"),
    [
        (lambda: of_sides([40] * 10, "image foreground background alpha", uncut=False), 60),
        (lambda: of_sides([40, 60, 80] * 4, "image foreground background alpha", uncut=False), 70),
        (lambda: of_sides([40, 60, 80] * 4, "foreground alpha", uncut=True), 95),
    ],
    ids=["one side", "three sides", "lazy"],
)
def test_a_device_is_given_few_things_to_do_and_never_waited_for(
    samples: Callable[[], list[Sample]], most: int
) -> None:
    # A meta tensor has no values: whoever looked at one would fail.
    raw = packed(samples())
    with Counting() as counting:
        to_device(raw, torch.device("meta"), 40)
    assert counting.launched.total() <= most, counting.launched


def test_a_raw_batch_is_the_same_after_the_way_from_process_to_process() -> None:
    raw = packed(any_batch())
    received: RawBatch = default_convert(pickle.loads(pickle.dumps(raw)))  # type: ignore[no-untyped-call] # noqa: S301
    assert_same(to_device(received, CPU, 40), to_device(raw, CPU, 40), atol=0)
