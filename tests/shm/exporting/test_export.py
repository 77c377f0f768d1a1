"""Nets as files for other programs, and run from them."""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from shm.checkpoint import Metadata, save
from shm.exporting import SIZES, TOLERANCE, ExportError, check_parity, graphs_of, write_onnx
from shm.exporting.graphs import Graph
from shm.exporting.parity import _compared
from shm.exporting.write import exported
from shm.models import MattingModel, ModelConfig, SemanticHumanMatting, TNet, build_model
from shm.models.light import LightMatting, LightMattingConfig
from shm.models.pspnet import RegionMeans
from shm.prediction import PhotoConfig, TorchNetwork, predict_photos
from shm.prediction.onnx import FORMAT, METADATA, OnnxError, OnnxNetwork
from shm.workflows.export_nets import export_nets
from tests.shm.prediction.networks import photo

CPU = torch.device("cpu")
ABOUT = {"format": FORMAT, "max_side": 64, "trusts_trimap": True, "weights": "0"}


class SmallTNet(TNet):
    """A T-Net of one convolution and PSPNet's means: larger ones take half a minute to trace."""

    stride: ClassVar[int] = 8

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, 8, 3, stride=8, padding=1)
        self.means = RegionMeans(3)
        self.head = nn.Conv2d(16, 3, 1)

    def coarse_logits(self, image: Tensor, *, auxiliary: bool) -> tuple[Tensor, Tensor | None]:  # noqa: ARG002
        features = self.encoder(image).relu()
        means = nn.functional.interpolate(self.means(features), features.shape[-2:])
        return 9 * self.head(torch.cat([features, means], 1)), None


@pytest.fixture(scope="module")
def model() -> MattingModel:
    torch.manual_seed(0)
    return SemanticHumanMatting(SmallTNet(), LightMatting(LightMattingConfig(widths=(4, 8)))).eval()


@pytest.fixture(scope="module")
def folder(model: MattingModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both graphs of a model as ONNX files."""
    folder = tmp_path_factory.mktemp("exported")
    for name, graph in graphs_of(model).items():
        (folder / f"{name}.onnx").write_bytes(write_onnx(exported(graph), graph, ABOUT))
    return folder


def retold(content: bytes, about: dict[str, object]) -> bytes:
    """Return an ONNX file that tells other things of itself."""
    found = onnx.load_from_string(content)
    (entry,) = (each for each in found.metadata_props if each.key == METADATA)
    entry.value = json.dumps(about)
    made: bytes = found.SerializeToString()
    return made


def test_both_graphs_answer_as_the_nets_at_any_size(model: MattingModel, folder: Path) -> None:
    for name, graph in graphs_of(model).items():
        found = check_parity(graph, (folder / f"{name}.onnx").read_bytes(), name)
        assert [each.size for each in found] == list(SIZES)
        assert max(each.difference for each in found) <= TOLERANCE


def test_nets_that_answer_otherwise_are_not_exported(folder: Path) -> None:
    content = (folder / "photo.onnx").read_bytes()
    other = graphs_of(build_model(ModelConfig(tnet="mobilenetv2-unet", width=0.25)))["photo"]
    with pytest.raises(ExportError, match="answers otherwise than the nets"):
        check_parity(other, content, "photo.onnx")
    with pytest.raises(ExportError, match="onnxruntime refuses it"):
        check_parity(other, content[:1000], "photo.onnx")


class Steps(Graph):
    """A net that jumps, as those that unpool do."""

    def __init__(self) -> None:
        super().__init__(SemanticHumanMatting(SmallTNet(), None), given=False)

    def forward(self, image: Tensor, trimap: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ARG002
        alpha = 0.5 * image[:, :1] + 0.25 * ((200 * image[:, 1:2]).long() % 2)
        return alpha, alpha, image


def test_where_nets_jump_nothing_is_compared_and_elsewhere_everything() -> None:
    graph = Steps()

    def other(inputs: tuple[Tensor, ...]) -> list[np.ndarray]:
        return [each.numpy() for each in graph(inputs[0] + 2e-7)]  # as rounding might have it

    found = _compared(graph, other, "steps")
    assert all(0.99 < each.steady <= 1 for each in found)
    assert any(each.steady < 1 for each in found)
    assert "that don't jump" in str(min(found, key=lambda each: each.steady))
    for wrong in (2e-4, float("nan")):

        def broken(inputs: tuple[Tensor, ...], wrong: float = wrong) -> list[np.ndarray]:
            alpha, *others = other(inputs)
            return [alpha + wrong, *others]

        with pytest.raises(ExportError, match="answers otherwise than the nets"):
            _compared(graph, broken, "steps")


@pytest.mark.parametrize("mode", ["whole", "tiles", "resize"])
def test_exported_nets_predict_what_the_nets_do(
    mode: str, model: MattingModel, folder: Path
) -> None:
    config = PhotoConfig(mode=mode, max_side=64)  # type: ignore[arg-type]
    trimap = np.zeros((70, 90), np.uint8)
    trimap[:, 30:60], trimap[:, 60:] = 128, 255
    network = OnnxNetwork(folder, CPU)
    assert network.takes_trimap
    assert not network.needs_trimap
    for given in (None, [trimap]):
        (ours,) = predict_photos(TorchNetwork(model, CPU), [photo(70, 90)], config, trimaps=given)
        (theirs,) = predict_photos(network, [photo(70, 90)], config, trimaps=given)
        np.testing.assert_allclose(theirs.alpha, ours.alpha, atol=TOLERANCE)
        np.testing.assert_allclose(theirs.raw_alpha, ours.raw_alpha, atol=TOLERANCE)
        assert (theirs.trimap == ours.trimap).mean() > 0.999


def test_half_of_an_export_says_what_it_lacks(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.onnx").write_bytes((folder / "photo.onnx").read_bytes())
    assert not OnnxNetwork(tmp_path / "photo.onnx", CPU).takes_trimap
    alone = OnnxNetwork(folder / "photo-and-trimap.onnx", CPU)
    assert alone.needs_trimap


def test_halves_of_two_models_are_not_run_together(folder: Path, tmp_path: Path) -> None:
    for name, weights in (("photo.onnx", "0"), ("photo-and-trimap.onnx", "1")):
        content = retold((folder / name).read_bytes(), {**ABOUT, "weights": weights})
        (tmp_path / name).write_bytes(content)
    with pytest.raises(OnnxError, match="its files are of different nets"):
        OnnxNetwork(tmp_path, CPU)


def test_what_is_no_export_of_ours_is_a_line(folder: Path, tmp_path: Path) -> None:
    content = (folder / "photo.onnx").read_bytes()
    for name, broken, told in (
        ("cut.onnx", content[: len(content) // 2], r"cut\.onnx: damaged"),
        ("pickle.onnx", b"cos\nsystem\n(S'touch pwned'\ntR.", r"pickle\.onnx: damaged"),
        ("none.onnx", None, r"none\.onnx: no photo\.onnx"),
    ):
        if broken is not None:
            (tmp_path / name).write_bytes(broken)
        with pytest.raises(OnnxError, match=told):
            OnnxNetwork(tmp_path / name, CPU)
    (tmp_path / "other.onnx").write_bytes(retold(content, {"format": 99}))
    with pytest.raises(OnnxError, match=r"other\.onnx: not made by `shm export`"):
        OnnxNetwork(tmp_path / "other.onnx", CPU)


def test_a_checkpoint_is_exported_with_its_card_and_programs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = ModelConfig(mnet="light", width=0.1)
    nets = build_model(config).eval()
    metadata = Metadata(
        phase="mnet",
        step=7,
        model=config,
        config={"preset": "mine", "seed": 3, "max_side": 64},
        figures={"whole": {"sad": 1.5, "mse": 0.25}},
        stores=[
            {
                "name": "train.zarr",
                "kind": "composited",
                "sha256": 64 * "a",
                "weight": 1.0,
                "samples": {"train": 308, "validation": 40},
            }
        ],
    )
    save(tmp_path / "run", "best", weights=nets.state_dict(), metadata=metadata)
    notes: list[str] = []
    found = export_nets(tmp_path / "run", tmp_path / "out", ("onnx", "program"), notes.append)
    names = ["photo-and-trimap.pt2", "photo-and-trimap.onnx", "MODEL_CARD.md"]
    assert [file.name for file in found.files] == names
    assert [note.split(":")[0] for note in notes] == names[:2]
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text()
    for told in ("# light", "Preset `mine`, seed 3", "| whole | 1.5 | 0.25 |", "## Limits"):
        assert told in card
    for told in (
        "- `train.zarr`, composited, SHA-256 `aaaaaaaaaaaaaaaa…`: 308 s",
        "on 40 samples of",
    ):
        assert told in card
    program = torch.export.load(str(tmp_path / "out" / names[0])).module()
    image, trimap = torch.rand(1, 3, 75, 51), torch.rand(1, 3, 75, 51).softmax(1)
    (graph,) = graphs_of(nets).values()
    with torch.no_grad():
        torch.testing.assert_close(program(image, trimap)[0], graph(image, trimap)[0])
    assert OnnxNetwork(tmp_path / "out", CPU).metadata["max_side"] == 64
