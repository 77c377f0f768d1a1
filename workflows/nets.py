"""Nets to predict with: those of a checkpoint, of an export, or of a recipe as they start."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from shm.checkpoint import load_model, read_metadata, resolve
from shm.inference import MAX_SIDE, Precision, choose_device, choose_precision
from shm.models import MattingModel, build_model
from shm.prediction import Network, PhotoConfig, TorchNetwork
from shm.training.presets import load_recipe
from shm.training.start import seed_torch

UNTRAINED = "untrained:"
"""Prefix of a recipe's name that stands for its nets as they start: the least that counts."""


@dataclass(frozen=True, kw_only=True)
class NetsConfig:
    """Where nets run: a device as `choose_device` has it, and the precision of convolutions."""

    device: str = "auto"
    precision: Precision | Literal["auto"] = "auto"


@dataclass(frozen=True, kw_only=True)
class LoadedNets:
    """Nets that are ready.

    Parameters
    ----------
    network : Network
    max_side : int
        Longer side in pixels at which they were validated.
    digest : str
        SHA-256 of their weights.
    told : str
        What they are and where they run, for people.
    """

    network: Network
    max_side: int
    digest: str
    told: str

    def photo_config(self, config: PhotoConfig) -> PhotoConfig:
        """Return the configuration with the nets' own size where it leaves that open (0)."""
        return config if config.max_side else replace(config, max_side=self.max_side)


def load_network(name: str, config: NetsConfig | None = None) -> LoadedNets:
    """Load a checkpoint or an exported model, or build ``untrained:RECIPE``.

    Parameters
    ----------
    name : str
        What `shm.checkpoint.resolve` finds; an ONNX file, or a folder that `shm export` wrote;
        or ``untrained:`` and a recipe.
    config : NetsConfig, optional

    Raises
    ------
    shm.checkpoint.CheckpointError
        There is no such checkpoint, or it is damaged.
    shm.inference.DeviceError
        The device isn't there, or has no such precision.
    """
    config = config or NetsConfig()
    device = choose_device(config.device)
    path = Path(name)
    if path.suffix == ".onnx" or (path.is_dir() and any(path.glob("*.onnx"))):
        return _exported(path, device, config)
    precision = choose_precision(config.precision, device)
    if name.startswith(UNTRAINED):
        model, max_side = _untrained(name.removeprefix(UNTRAINED))
        digest = name
    else:
        file = resolve(path)
        model = load_model(file)
        max_side = int(read_metadata(file).config.get("max_side", MAX_SIDE))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    model = model.to(memory_format=torch.channels_last).to(device).eval()
    return LoadedNets(
        network=TorchNetwork(model, device, precision),
        max_side=max_side,
        digest=digest,
        told=f"PyTorch on {_called(device)}, {precision}",
    )


def _exported(path: Path, device: torch.device, config: NetsConfig) -> LoadedNets:
    from shm.prediction.onnx import OnnxError, OnnxNetwork

    if config.precision not in ("auto", "fp32"):
        raise OnnxError(f"{path}: exported nets run in fp32, not {config.precision}")
    network = OnnxNetwork(path, device)
    on_gpu = network.provider == "CUDAExecutionProvider"
    if config.device.startswith("cuda") and not on_gpu:
        raise OnnxError(
            f"{path}: this onnxruntime has no CUDA: install onnxruntime-gpu, or leave --device out"
        )
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in network.files)).hexdigest()
    return LoadedNets(
        network=network,
        max_side=network.metadata["max_side"],
        digest=digest,
        told=f"onnxruntime on {_called(device if on_gpu else torch.device('cpu'))}",
    )


def _called(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return {"cpu": "the CPU", "mps": "Apple's GPU (mps)"}.get(device.type, str(device))


def _untrained(recipe: str) -> tuple[MattingModel, int]:
    config = load_recipe(recipe)
    seed_torch(config.seed, "untrained")
    return build_model(config.model), config.max_side
