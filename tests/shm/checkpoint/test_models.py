"""Nets that are built again from a checkpoint."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from shm.checkpoint import CheckpointError, load_model, save
from shm.models import MattingModel, ModelConfig, alpha_from_trimap, build_model
from tests.shm.checkpoint.checkpoints import METADATA


def both_nets() -> MattingModel:
    torch.manual_seed(4)
    return build_model(METADATA.model).eval()


def alone(net: str) -> dict[str, Any]:
    """Return the weights of one of the nets, and metadata that fit them."""
    other = {"tnet": "mnet", "mnet": "tnet"}[net]
    own = {n: w for n, w in both_nets().state_dict().items() if n.startswith(f"{net}.")}
    absent: dict[str, Any] = {other: None}
    model = replace(METADATA.model, **absent)
    return {"weights": own, "metadata": replace(METADATA, phase=net, model=model)}


def test_a_loaded_model_predicts_what_the_saved_one_did(tmp_path: Path) -> None:
    model = both_nets()
    save(tmp_path, "best", weights=model.state_dict(), metadata=METADATA)
    loaded = load_model(tmp_path, torch.device("cpu"))
    assert not loaded.training
    image = torch.randn(1, 3, 37, 50)
    with torch.inference_mode():
        assert torch.equal(loaded(image).alpha, model(image).alpha)


def test_a_tnet_alone_predicts_its_own_matte(tmp_path: Path) -> None:
    model = load_model(save(tmp_path, "best", **alone("tnet")))
    with torch.inference_mode():
        prediction = model(torch.randn(1, 3, 37, 50))
    torch.testing.assert_close(prediction.alpha, alpha_from_trimap(prediction.trimap))


def test_an_mnet_alone_says_that_it_needs_a_trimap(tmp_path: Path) -> None:
    save(tmp_path, "best", **alone("mnet"))
    assert load_model(tmp_path).needs_trimap


def test_weights_of_another_architecture_are_refused_with_the_nets_names(tmp_path: Path) -> None:
    metadata = replace(METADATA, model=replace(METADATA.model, tnet="mobilenetv2-unet-wide"))
    save(tmp_path, "best", weights=both_nets().state_dict(), metadata=metadata)
    with pytest.raises(CheckpointError, match=r"mobilenetv2-unet-wide.*another architecture"):
        load_model(tmp_path)


def test_a_net_of_another_width_is_built_as_it_was(tmp_path: Path) -> None:
    narrow = ModelConfig(dim="dim", width=0.05, skips=True)
    model = build_model(narrow)
    save(tmp_path, "best", weights=model.state_dict(), metadata=replace(METADATA, model=narrow))
    loaded = load_model(tmp_path)
    assert {n: w.shape for n, w in loaded.state_dict().items()} == {
        n: w.shape for n, w in model.state_dict().items()
    }
