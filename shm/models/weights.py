"""Starting an encoder from pretrained weights, or saying plainly that it can't be done."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from shm.models.errors import WeightsError

IMAGENET = "imagenet"
SCRATCH = "scratch"

_UNREADABLE = (OSError, RuntimeError, ValueError, EOFError, SafetensorError)


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """Where an encoder's weights may come from.

    Parameters
    ----------
    name : str
        Of the torchvision model that it is a part of.
    prefix : str
        What that model's own names of weights have before the encoder's.
    imagenet : WeightsEnum, optional
        The published weights; None where there are none of this width.
    """

    name: str
    prefix: str = ""
    imagenet: WeightsEnum | None = None


@dataclass(frozen=True, kw_only=True)
class WeightsReport:
    """What an encoder starts from.

    Parameters
    ----------
    loaded : int
        How many of its weights (tensors) were loaded.
    source : str
        ``"scratch"``, the published weights' name or the file.
    """

    loaded: int
    source: str


def load_encoder(
    net: str, encoder: nn.Module, backbone: Backbone | None, weights: str | Path
) -> WeightsReport:
    """Load pretrained weights into an encoder.

    A first convolution that reads more channels than the source's is widened: the first channels
    take the source's weights and the others zeros, so that they don't count at the start
    (arXiv 1703.03872, section 4.1).

    Parameters
    ----------
    net : str
        The net's name, for messages.
    encoder : Module
    backbone : Backbone, optional
        None where the net is of no published shape.
    weights : str or Path
        ``"imagenet"``, ``"scratch"`` or a local file: ``.safetensors``, or what ``torch.save`` made
        of a dictionary of tensors. Never unpickled beyond that.

    Raises
    ------
    WeightsError
        The weights can't be downloaded or read, or are of another net.
    """
    if weights == SCRATCH:
        return WeightsReport(loaded=0, source=SCRATCH)
    if backbone is None:
        raise WeightsError(f"{net} has no pretrained encoder: train it from {SCRATCH!r}")
    if weights == IMAGENET:
        state, source = _imagenet(net, backbone), f"ImageNet ({backbone.imagenet})"
    else:
        state, source = _read(net, Path(weights), backbone), str(weights)
    return _fill(net, encoder, state, backbone, source)


def _cures(backbone: Backbone) -> str:
    return f"give a local file of {backbone.name}'s weights, or {SCRATCH!r} to start without"


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]


def _imagenet(net: str, backbone: Backbone) -> Mapping[str, Tensor]:
    published = backbone.imagenet
    if published is None:
        raise WeightsError(
            f"{net}: there are no ImageNet weights for {backbone.name}: {_cures(backbone)}"
        )
    try:
        state: Mapping[str, Tensor] = published.get_state_dict(
            progress=False, check_hash=True, map_location="cpu", weights_only=True
        )
    except (*_UNREADABLE, pickle.UnpicklingError) as error:
        raise WeightsError(
            f"{net}: its ImageNet weights can't be had from {published.url} "
            f"({_one_line(error)}): {_cures(backbone)}"
        ) from error
    return state


def _read(net: str, path: Path, backbone: Backbone) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise WeightsError(f"{net}: {path} is no file: {_cures(backbone)}")
    try:
        if path.suffix == ".safetensors":
            tensors: Mapping[str, Tensor] = load_file(path)
            return tensors
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{net}: {path} holds more than tensors, which could run code, and was not loaded: "
            f"save the state_dict alone, or {_cures(backbone)}"
        ) from error
    except _UNREADABLE as error:
        raise WeightsError(
            f"{net}: {path} can't be read ({_one_line(error)}): {_cures(backbone)}"
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"{net}: {path} is no dictionary of tensors: {_cures(backbone)}")
    return state


def _fill(
    net: str, encoder: nn.Module, state: Mapping[str, Tensor], backbone: Backbone, source: str
) -> WeightsReport:
    loaded: dict[str, Tensor] = {}
    missing: list[str] = []
    for key, target in encoder.state_dict().items():
        given = state.get(backbone.prefix + key)
        if key.endswith("num_batches_tracked"):
            continue  # a counter, which old files lack
        if given is None:
            missing.append(key)
            continue
        fitting = _widened(given, target)
        if fitting.shape != target.shape:
            raise WeightsError(
                f"{net}: {source} holds {backbone.prefix}{key} of shape {tuple(given.shape)} where "
                f"{tuple(target.shape)} is needed, so it is of another net: {_cures(backbone)}"
            )
        loaded[key] = fitting
    if not loaded:
        raise WeightsError(
            f"{net}: {source} holds no weight of {backbone.name} under torchvision's names: "
            f"{_cures(backbone)}"
        )
    if missing:
        raise WeightsError(
            f"{net}: {source} lacks {len(missing)} of the encoder's weights, first {missing[0]}: "
            f"{_cures(backbone)}"
        )
    encoder.load_state_dict(loaded, strict=False)
    return WeightsReport(loaded=len(loaded), source=source)


def _widened(given: Tensor, target: Tensor) -> Tensor:
    """Give a convolution's weights, (out, in, h, w), the target's input channels."""
    if given.ndim != 4 or given.shape[1] >= target.shape[1]:
        return given
    wide = given.new_zeros(given.shape[0], target.shape[1], *given.shape[2:])
    wide[:, : given.shape[1]] = given
    return wide
