import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import VGG16_BN_Weights, mobilenet_v2, vgg16_bn

from shm.models import (
    MattingModel,
    ModelConfig,
    WeightsError,
    WeightsReport,
    build_model,
    load_encoders,
)


def start(net: str, weights: str | Path) -> tuple[nn.Module, WeightsReport]:
    """Build a net that starts from these weights."""
    kind = "mnet" if net in ("vgg16-bn", "light") else "tnet"
    config = ModelConfig(**{kind: net})  # type: ignore[arg-type]
    model: MattingModel = build_model(config)
    report = load_encoders(model, config, {kind: weights})[kind]
    return model.get_submodule(kind), report


def random_state(net: nn.Module) -> dict[str, Tensor]:
    """Return weights of the net's shapes that no initialisation would draw."""
    torch.manual_seed(1)
    return {
        name: torch.rand_like(tensor) + 1 if tensor.is_floating_point() else tensor
        for name, tensor in net.state_dict().items()
    }


@pytest.fixture(scope="module")
def vgg() -> dict[str, Tensor]:
    """Return weights under the names of torchvision's vgg16_bn, its huge classifier cut short."""
    with torch.device("meta"):
        whole = vgg16_bn(weights=None)
    shapes = {n: t.shape for n, t in whole.state_dict().items() if n.startswith("features.")}
    return {
        **{name: torch.rand(shape) + 1 for name, shape in shapes.items()},
        "classifier.6.bias": torch.zeros(1000),
    }


def test_the_first_six_channel_convolution_keeps_the_photos_weights_and_zeros_the_rest(
    vgg: dict[str, Tensor], tmp_path: Path
) -> None:
    save_file(vgg, tmp_path / "vgg.safetensors")
    net, report = start("vgg16-bn", tmp_path / "vgg.safetensors")
    first = net.get_submodule("encoder")[0].weight  # type: ignore[index]
    assert first.shape[1] == 6
    assert torch.equal(first[:, :3], vgg["features.0.weight"])
    assert not first[:, 3:].any()
    assert report.source.endswith("vgg.safetensors")


def test_every_weight_of_the_file_stands_in_the_encoder(
    vgg: dict[str, Tensor], tmp_path: Path
) -> None:
    save_file(vgg, tmp_path / "vgg.safetensors")
    net, report = start("vgg16-bn", str(tmp_path / "vgg.safetensors"))
    own = net.get_submodule("encoder").state_dict()
    names = [n for n in own if not n.endswith("num_batches_tracked") and n != "0.weight"]
    assert {*report.loaded} == {f"encoder.{name}" for name in (*names, "0.weight")}
    assert report.unused == ("classifier.6.bias",)
    assert report.widened == (3, 6)
    assert all(torch.equal(own[name], vgg[f"features.{name}"]) for name in names)


def test_a_photo_has_the_same_features_in_the_widened_encoder_as_in_torchvisions(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    with torch.device("meta"):
        features = vgg16_bn(weights=None).features
    theirs = features.to_empty(device="cpu")
    for layer in theirs:
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            layer.reset_parameters()
    state = {f"features.{n}": t for n, t in theirs.state_dict().items()}
    save_file(state, tmp_path / "vgg.safetensors")
    net, _ = start("vgg16-bn", tmp_path / "vgg.safetensors")
    photo, trimap = torch.randn(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        here: Any = torch.cat([photo, trimap], 1)
        for layer in net.get_submodule("encoder").eval():  # type: ignore[attr-defined]
            here = layer(here)
            here = here[0] if isinstance(here, tuple) else here
        there = theirs.eval()[:-1](photo)  # their last pooling isn't used
    torch.testing.assert_close(here, there)


@pytest.mark.parametrize(
    ("name", "backbone"),
    [
        ("mobilenetv2-unet", lambda: mobilenet_v2(weights=None, width_mult=0.5)),
        ("mobilenetv2-unet-wide", lambda: mobilenet_v2(weights=None)),
    ],
)
def test_a_tnet_starts_from_its_backbones_file(name: str, backbone: Any, tmp_path: Path) -> None:
    state = random_state(backbone())
    save_file(state, tmp_path / "backbone.safetensors")
    net, report = start(name, tmp_path / "backbone.safetensors")
    own = net.get_submodule("encoder").state_dict()
    counted = [n for n in own if not n.endswith("num_batches_tracked")]
    assert len(counted) > 100
    assert report.loaded == tuple(f"encoder.{each}" for each in counted)
    assert report.widened is None
    assert all(torch.equal(own[n], state[f"features.{n}"]) for n in counted)


def test_every_tensor_is_told_of_once_and_the_line_says_it_briefly(
    vgg: dict[str, Tensor], tmp_path: Path
) -> None:
    save_file(vgg, tmp_path / "vgg.safetensors")
    net, report = start("vgg16-bn", tmp_path / "vgg.safetensors")
    own = [name for name in net.state_dict() if not name.endswith("num_batches_tracked")]
    assert sorted((*report.loaded, *report.fresh)) == sorted(own)
    assert str(report) == (
        f"{len(report.loaded)} tensors from {tmp_path / 'vgg.safetensors'}; "
        "the first convolution widened from 3 to 6 channels; "
        f"{len(report.fresh)} start at random (decoder); "
        "1 of the source have no place here (classifier.6)"
    )
    assert json.loads(json.dumps(report.as_dict())) == report.as_dict()
    assert report.as_dict()["widened"] == [3, 6]


def test_of_a_part_the_line_names_what_was_left(tmp_path: Path) -> None:
    save_file(mobilenet_v2(weights=None).state_dict(), tmp_path / "mobilenet.safetensors")
    _, report = start("mobilenetv2-unet-wide", tmp_path / "mobilenet.safetensors")
    assert "no place here (classifier.1, features.18)" in str(report)
    assert "start at random (laterals, smooth, head)" in str(report)


def test_a_net_of_another_width_has_no_pretrained_encoder() -> None:
    for chosen in ({"mnet": "vgg16-bn"}, {"tnet": "mobilenetv2-unet-wide"}, {"dim": "dim"}):
        config = ModelConfig(**chosen, width=0.25)  # type: ignore[arg-type]
        model = build_model(config)
        (kind,) = chosen
        for weights in ("imagenet", Path("vgg.safetensors")):
            with pytest.raises(WeightsError, match=r"of width 0\.25 .* 'scratch', or set width 1"):
                load_encoders(model, config, {kind: weights})
        assert load_encoders(model, config, {kind: "scratch"})[kind].loaded == ()


def test_each_net_must_be_told_what_to_start_from() -> None:
    config = ModelConfig(tnet="mobilenetv2-unet", mnet="light", width=0.5)
    with pytest.raises(WeightsError, match="light: nothing says what mnet starts from"):
        load_encoders(build_model(config), config, {"tnet": "scratch"})
    reports = load_encoders(build_model(config), config, {"tnet": "scratch", "mnet": "scratch"})
    assert [*reports] == ["tnet", "mnet"]


def test_a_file_that_lacks_some_of_the_weights_is_refused(
    vgg: dict[str, Tensor], tmp_path: Path
) -> None:
    lacking = {name: t for name, t in vgg.items() if not name.startswith("features.40.")}
    save_file(lacking, tmp_path / "vgg.safetensors")
    with pytest.raises(WeightsError, match=r"lacks 2 of the encoder's weights, first 40\.weight"):
        start("vgg16-bn", tmp_path / "vgg.safetensors")


def test_from_scratch_nothing_is_loaded() -> None:
    for _, report in (
        start("mobilenetv2-unet", "scratch"),
        start("light", "scratch"),
    ):
        assert (report.loaded, report.source) == ((), "scratch")
        assert str(report) == f"from scratch: all {len(report.fresh)} tensors start at random"


def test_weights_of_another_net_are_refused(vgg: dict[str, Tensor], tmp_path: Path) -> None:
    save_file(vgg, tmp_path / "vgg.safetensors")
    with pytest.raises(WeightsError, match="no weight of resnet18"):
        start("pspnet18", tmp_path / "vgg.safetensors")
    wide = random_state(mobilenet_v2(weights=None))
    save_file(wide, tmp_path / "wide.safetensors")
    with pytest.raises(WeightsError, match=r"of another net: give a local file of mobilenet_v2 of"):
        start("mobilenetv2-unet", tmp_path / "wide.safetensors")


def test_imagenet_weights_that_do_not_exist_are_refused_with_the_cures() -> None:
    with pytest.raises(WeightsError, match=r"width 0\.5.*'scratch'"):
        start("mobilenetv2-unet", "imagenet")
    with pytest.raises(WeightsError, match="light has no pretrained encoder"):
        start("light", "imagenet")


def test_a_failed_download_names_the_net_the_reason_and_the_cures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A port that nobody listens on stands for a missing network.
    published = VGG16_BN_Weights.IMAGENET1K_V1
    nowhere = type(published.value)(
        url="http://127.0.0.1:9/vgg16_bn-00000000.pth", transforms=None, meta={}
    )
    monkeypatch.setattr(published, "_value_", nowhere)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(
        WeightsError, match=r"vgg16-bn: .*refused.*local file.*'scratch'"
    ) as refusal:
        start("vgg16-bn", "imagenet")
    assert "\n" not in str(refusal.value)
    assert isinstance(refusal.value, OSError)


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_file_that_could_run_code_is_refused_and_never_run(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    torch.save({"features.0.weight": Trap(sprung)}, tmp_path / "trap.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Trap(sprung), protocol=2))
    (tmp_path / "plain.safetensors").write_bytes(pickle.dumps(Trap(sprung), protocol=2))
    for name in ("trap.pth", "plain.pth", "plain.safetensors"):
        with pytest.raises(WeightsError, match=name):
            start("mobilenetv2-unet", tmp_path / name)
    assert not sprung.exists()


def test_a_pickle_of_nothing_but_tensors_is_refused_with_the_way_to_convert_it(
    tmp_path: Path,
) -> None:
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "vgg.pth")
    with pytest.raises(WeightsError, match=r"vgg\.pth is no .safetensors file.*save_file"):
        start("vgg16-bn", tmp_path / "vgg.pth")


def test_an_earlier_download_that_is_not_the_published_file_is_refused_and_never_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sprung = tmp_path / "sprung"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = tmp_path / "hub" / "checkpoints" / "vgg16_bn-6c64b313.pth"
    file.parent.mkdir(parents=True)
    torch.save({"features.0.weight": Trap(sprung)}, file)
    with pytest.raises(WeightsError, match=r"6c64b313\.pth is damaged, or not what .* delete it"):
        start("vgg16-bn", "imagenet")
    assert not sprung.exists()


def test_a_missing_empty_or_cut_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with pytest.raises(WeightsError, match="is no file"):
        start("mobilenetv2-unet", path)
    path.touch()
    with pytest.raises(WeightsError, match=r"mobilenetv2-unet: .*read"):
        start("mobilenetv2-unet", path)
    save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"mobilenetv2-unet: .*read"):
        start("mobilenetv2-unet", path)
