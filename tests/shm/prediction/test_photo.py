"""A photo of any size, in every mode."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shm.models import MattingModel, ModelConfig, build_model
from shm.prediction import (
    OutOfMemoryError,
    Output,
    PhotoConfig,
    PhotoError,
    Room,
    TilesConfig,
    TorchNetwork,
    predict_in_tiles,
    predict_photos,
)
from shm.prediction.tiles import TilesError, tile_windows
from tests.shm.prediction.networks import Echo, photo, ramp

CPU = torch.device("cpu")
SMALL = TilesConfig(side=64, overlap=16)


@pytest.fixture(scope="module")
def model() -> MattingModel:
    torch.manual_seed(0)
    return build_model(ModelConfig(tnet="mobilenetv2-unet", mnet="light", width=0.25))


@pytest.mark.parametrize("mode", ["whole", "tiles", "resize"])
@pytest.mark.parametrize("size", [(33, 47), (120, 41), (7, 90), (1, 1)])
def test_a_photo_of_any_size_gets_a_matte_of_its_own_size(
    size: tuple[int, int], mode: Any, model: MattingModel
) -> None:
    config = PhotoConfig(mode=mode, max_side=64, tiles=SMALL)
    (matte,) = predict_photos(TorchNetwork(model, CPU), [photo(*size)], config)
    assert matte.alpha.shape == matte.raw_alpha.shape == matte.trimap.shape == size
    assert matte.alpha.dtype == np.float32
    assert 0 <= matte.alpha.min() <= matte.alpha.max() <= 1
    assert set(np.unique(matte.trimap)) <= {0, 128, 255}


def test_predicting_changes_neither_the_model_nor_the_next_prediction(model: MattingModel) -> None:
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    network = TorchNetwork(model, CPU)
    first, second = (predict_photos(network, [photo(40, 50)], PhotoConfig())[0] for _ in "12")
    assert np.array_equal(first.alpha, second.alpha)
    assert model.training
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())


def test_a_batch_gives_what_its_photos_give_alone(model: MattingModel) -> None:
    network, images = TorchNetwork(model, CPU), [photo(48, 64), ramp(48, 64)]
    together = predict_photos(network, images, PhotoConfig())
    for image, matte in zip(images, together, strict=True):
        (alone,) = predict_photos(network, [image], PhotoConfig())
        np.testing.assert_allclose(matte.alpha, alone.alpha, atol=1e-5)


@pytest.mark.parametrize(
    ("mode", "seen"),
    [("whole", (1, 3, 40, 80)), ("resize", (1, 3, 40, 80)), ("tiles", (0, 3, 40, 80))],
)
def test_a_large_photo_is_seen_at_the_cap_and_its_alpha_lies_where_the_photo_has_it(
    mode: Any, seen: tuple[int, ...]
) -> None:
    network, image = Echo(), ramp(100, 200)
    config = PhotoConfig(mode=mode, max_side=80, tiles=SMALL)
    (matte,) = predict_photos(network, [image], config)
    assert network.seen[0] == seen
    np.testing.assert_allclose(matte.alpha[:, 5:-5] * 255, image[:, 5:-5, 0], atol=1.5)


def test_a_small_photo_is_enlarged_only_where_that_is_asked_for() -> None:
    cases: Any = (("whole", (1, 3, 40, 50)), ("resize", (1, 3, 80, 100)))
    for mode, seen in cases:
        network = Echo()
        predict_photos(network, [photo(40, 50)], PhotoConfig(mode=mode, max_side=100))
        assert network.seen[0] == seen


# -------------------------------------------------------------------- trimaps


def test_a_given_trimap_takes_t_nets_place_and_comes_back_as_it_was(model: MattingModel) -> None:
    trimap = np.zeros((80, 100), np.uint8)
    trimap[:, 40:60], trimap[:, 60:] = 128, 255
    network = TorchNetwork(model, CPU)
    cases: Any = (("whole", 100), ("whole", 64), ("tiles", 64))
    for mode, max_side in cases:
        config = PhotoConfig(mode=mode, max_side=max_side, tiles=SMALL)
        (matte,) = predict_photos(network, [photo(80, 100)], config, trimaps=[trimap])
        assert np.array_equal(matte.trimap, trimap)
        assert not matte.alpha[:, :36].any()
        np.testing.assert_allclose(matte.alpha[:, 64:], 1, atol=1e-6)


def test_nets_without_t_net_need_a_trimap_and_a_t_net_alone_takes_none() -> None:
    def network(**nets: str) -> TorchNetwork:
        return TorchNetwork(build_model(ModelConfig(width=0.25, **nets)), CPU)  # type: ignore[arg-type]

    alone = network(tnet=None, mnet="light")  # type: ignore[arg-type]
    with pytest.raises(PhotoError, match="can't see a photo without a trimap"):
        predict_photos(alone, [photo(40, 40)], PhotoConfig())
    tnet = network(tnet="mobilenetv2-unet", mnet=None)  # type: ignore[arg-type]
    with pytest.raises(PhotoError, match="T-Net alone"):
        predict_photos(tnet, [photo(40, 40)], PhotoConfig(), trimaps=[np.zeros((40, 40), np.uint8)])
    with pytest.raises(TilesError, match="--mode whole"):
        predict_photos(tnet, [photo(40, 40)], PhotoConfig(mode="tiles"))


# -------------------------------------------------------------------- tiles


@pytest.mark.parametrize("size", [(64, 64), (65, 200), (300, 130)])
def test_tiles_cover_every_pixel_and_none_is_smaller_than_it_must_be(
    size: tuple[int, int],
) -> None:
    count = np.zeros(size, int)
    for rows, columns in tile_windows(size, SMALL):
        count[rows, columns] += 1
        assert rows.stop - rows.start == min(64, size[0])
        assert columns.stop - columns.start == min(64, size[1])
    assert count.min() >= 1


def test_tiles_leave_no_seam_where_the_net_sees_the_same() -> None:
    image = photo(150, 170)
    matte = predict_in_tiles(Echo(), image, max_side=64, config=SMALL)
    np.testing.assert_allclose(matte.alpha, image[..., 0] / 255, atol=1e-6)


def test_where_nothing_is_unknown_m_net_is_not_asked() -> None:
    image = photo(200, 200)
    image[..., 1] = 0  # certain background
    image[:, 150:, 1] = 255  # certain foreground
    image[90:110, 90:110, 1] = 128  # unknown
    network = Echo(trusts_trimap=True, by_green=True)
    matte = predict_in_tiles(network, image, max_side=200, config=SMALL)
    asked = sum(shape[0] for shape in network.seen)
    assert 0 < asked < len(list(tile_windows((200, 200), SMALL)))
    assert not matte.alpha[:80, :130].any()
    assert (matte.alpha[:, 155:] == 1).all()
    inside = (slice(92, 108), slice(92, 108))
    np.testing.assert_allclose(matte.alpha[inside], image[inside][..., 0] / 255, atol=1e-6)


@pytest.mark.parametrize("wrong", [{"side": 63}, {"side": 128, "overlap": 65}, {"overlap": -1}])
def test_tiles_of_no_sensible_size_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(TilesError, match="tiles of"):
        TilesConfig(**wrong)


@pytest.mark.parametrize("mode", ["whole", "tiles"])
def test_an_answer_that_is_no_number_is_an_error(mode: str) -> None:
    class Broken(Echo):
        def predict(self, images: torch.Tensor, trimaps: torch.Tensor | None = None) -> Output:
            return super().predict(images * float("nan"), trimaps)

    config = PhotoConfig(mode=mode, tiles=SMALL)  # type: ignore[arg-type]
    with pytest.raises(PhotoError, match="their weights are broken"):
        predict_photos(Broken(), [ramp(100, 200)], config)


# -------------------------------------------------------------------- memory


def test_what_does_not_fit_in_memory_goes_to_tiles_once_and_for_all() -> None:
    network, image, notes, room = Echo(), ramp(100, 200), list[str](), Room()
    network.memory = 64 * 64
    config = PhotoConfig(tiles=SMALL)
    for _ in range(2):
        (matte,) = predict_photos(network, [image], config, room=room, note=notes.append)
        np.testing.assert_allclose(matte.alpha * 255, image[..., 0], atol=1e-3)
    told = "out of memory at 200×100 pixels: going on in tiles of 64 pixels, with all photos that"
    assert notes == [f"{told} are as large"]
    assert sum(shape[0] == 1 and shape[-1] == 200 for shape in network.seen) == 1


def test_a_batch_that_does_not_fit_is_taken_one_by_one_first() -> None:
    network, images, notes = Echo(), [ramp(50, 60), photo(50, 60)], list[str]()
    network.memory = 50 * 60
    mattes = predict_photos(network, images, PhotoConfig(tiles=SMALL), note=notes.append)
    told = "out of memory with 2 photos of 60×50 pixels at once: one by one from now on"
    assert notes == [told]
    for image, matte in zip(images, mattes, strict=True):
        np.testing.assert_allclose(matte.alpha * 255, image[..., 0], atol=1e-3)


TIGHT = """
import resource
from pathlib import Path
from shm.prediction import PhotoConfig, TilesConfig, predict_photos
from shm.workflows.nets import load_network
from tests.shm.prediction.networks import photo

nets, image = load_network("untrained:light"), photo(1024, 1024)
config = PhotoConfig(max_side=1024, tiles=TilesConfig(side=256, overlap=64))
predict_photos(nets.network, [image[:256, :256]], config)  # what threads and kernels need is there
held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
limit = held + 150 * 2**20  # so do 90 to 270; T-Net at 1024 pixels needs 300
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
(matte,) = predict_photos(nets.network, [image], config, note=print)
print(matte.alpha.shape)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't limit a process's memory")
def test_a_process_with_too_little_memory_gets_to_the_end() -> None:
    words, root = [sys.executable, "-c", TIGHT], Path(__file__).parents[3]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    told = "out of memory at 1024×1024 pixels: going on in tiles of 256 pixels"
    first, *others, shape = done.stdout.splitlines()
    assert first == f"{told}, with all photos that are as large"
    assert others == ["out of memory: T-Net sees photos at 512 pixels from now on"]
    assert shape == "(1024, 1024)"


def test_tiles_that_do_not_fit_are_an_error_that_names_the_cure() -> None:
    network = Echo()
    network.memory = 10
    for mode in ("whole", "tiles"):
        config = replace(PhotoConfig(tiles=SMALL), mode=mode)
        with pytest.raises(OutOfMemoryError, match="smaller --tile"):
            predict_photos(network, [ramp(100, 200)], config)
