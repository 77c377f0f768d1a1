"""Starting an encoder from pretrained weights, or saying plainly that it can't be done."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from shm.models.errors import WeightsError
from shm.models.weights_report import WeightsReport

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


def load_encoder(
    name: str, net: nn.Module, backbone: Backbone | None, weights: str | Path
) -> WeightsReport:
    """Load pretrained weights into a net's encoder.

    A first convolution that reads more channels than the source's is widened: the first channels
    take the source's weights and the others zeros, so that they don't count at the start
    (arXiv 1703.03872, section 4.1).

    Parameters
    ----------
    name : str
        The net's, for messages.
    net : Module
        Its ``encoder`` is what is loaded.
    backbone : Backbone, optional
        None where the net is of no published shape.
    weights : str or Path
        ``"imagenet"``, ``"scratch"`` or a local ``.safetensors`` file. What ``torch.save`` made is
        a pickle, and refused. The published ImageNet weights are such files, too: torchvision reads
        them, as weights only, and only where their SHA-256 begins as their name says.

    Raises
    ------
    WeightsError
        The weights can't be downloaded or read, or are of another net.
    """
    if weights == SCRATCH:
        return WeightsReport(source=SCRATCH, loaded=(), fresh=tuple(_tensors(net)), unused=())
    if backbone is None:
        raise WeightsError(f"{name} has no pretrained encoder: train it from {SCRATCH!r}")
    if weights == IMAGENET:
        state, source = _imagenet(name, backbone), f"ImageNet ({backbone.imagenet})"
    else:
        state, source = _read(name, Path(weights), backbone), str(weights)
    return _fill(name, net, state, backbone, source)


def _tensors(net: nn.Module) -> dict[str, Tensor]:
    return _without_counters(net.state_dict())


def _without_counters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Leave out counters of batches, which teach nothing, and which old files lack."""
    return {name: each for name, each in state.items() if not name.endswith("num_batches_tracked")}


def _cures(backbone: Backbone) -> str:
    return (
        f"give a local file of {backbone.name}'s weights (.safetensors), or {SCRATCH!r} to start "
        "without"
    )


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]


def _imagenet(name: str, backbone: Backbone) -> Mapping[str, Tensor]:
    published = backbone.imagenet
    if published is None:
        raise WeightsError(
            f"{name}: there are no ImageNet weights for {backbone.name}: {_cures(backbone)}"
        )
    try:
        _check_downloaded(name, published.url, backbone)
        state: Mapping[str, Tensor] = published.get_state_dict(
            progress=False, check_hash=True, map_location="cpu", weights_only=True
        )
    except WeightsError:
        raise
    except _UNREADABLE as error:
        raise WeightsError(
            f"{name}: its ImageNet weights can't be had from {published.url} "
            f"({_one_line(error)}): {_cures(backbone)}"
        ) from error
    return state


def _check_downloaded(name: str, url: str, backbone: Backbone) -> None:
    """Refuse a file of an earlier download that is not the published one: torchvision trusts it."""
    path = Path(torch.hub.get_dir(), "checkpoints", url.rsplit("/", 1)[-1])
    if not path.exists():
        return
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(path.stem.rsplit("-", 1)[-1]):
        raise WeightsError(
            f"{name}: {path} is damaged, or not what {url} has, and was not loaded: delete it, or "
            f"{_cures(backbone)}"
        )


def _read(name: str, path: Path, backbone: Backbone) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise WeightsError(f"{name}: {path} is no file: {_cures(backbone)}")
    if path.suffix != ".safetensors":
        raise WeightsError(
            f"{name}: {path} is no .safetensors file; other formats can run code when they are "
            "loaded, and never are: convert it where you trust it (safetensors.torch.save_file of "
            f"its tensors), or {_cures(backbone)}"
        )
    try:
        tensors: Mapping[str, Tensor] = load_file(path)
    except _UNREADABLE as error:
        raise WeightsError(
            f"{name}: {path} can't be read ({_one_line(error)}): {_cures(backbone)}"
        ) from error
    return tensors


def _fill(
    name: str, net: nn.Module, state: Mapping[str, Tensor], backbone: Backbone, source: str
) -> WeightsReport:
    encoder = net.get_submodule("encoder")
    loaded: dict[str, Tensor] = {}
    missing: list[str] = []
    widened: tuple[int, int] | None = None
    for key, target in _tensors(encoder).items():
        given = state.get(backbone.prefix + key)
        if given is None:
            missing.append(key)
            continue
        fitting = _widened(given, target)
        if fitting.shape != target.shape:
            raise WeightsError(
                f"{name}: {source} holds {backbone.prefix}{key} of shape {tuple(given.shape)} "
                f"where {tuple(target.shape)} is needed, so it is of another net: "
                f"{_cures(backbone)}"
            )
        if fitting is not given:
            widened = (given.shape[1], target.shape[1])
        loaded[key] = fitting
    if not loaded:
        raise WeightsError(
            f"{name}: {source} holds no weight of {backbone.name} under torchvision's names: "
            f"{_cures(backbone)}"
        )
    if missing:
        raise WeightsError(
            f"{name}: {source} lacks {len(missing)} of the encoder's weights, first {missing[0]}: "
            f"{_cures(backbone)}"
        )
    encoder.load_state_dict(loaded, strict=False)
    places = {f"encoder.{key}": backbone.prefix + key for key in loaded}
    used = set(places.values())
    return WeightsReport(
        source=source,
        loaded=tuple(places),
        fresh=tuple(key for key in _tensors(net) if key not in places),
        unused=tuple(key for key in _without_counters(state) if key not in used),
        widened=widened,
    )


def _widened(given: Tensor, target: Tensor) -> Tensor:
    """Give a convolution's weights, (out, in, h, w), the target's input channels."""
    if given.ndim != 4 or given.shape[1] >= target.shape[1]:
        return given
    wide = given.new_zeros(given.shape[0], target.shape[1], *given.shape[2:])
    wide[:, : given.shape[1]] = given
    return wide
