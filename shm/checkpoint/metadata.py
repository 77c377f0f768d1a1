"""What a file of weights says of itself, in its own header."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from shm.checkpoint.pointer import FORMAT, CheckpointError, brief, other_format
from shm.models import ModelConfig, ModelError, parameters


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a file of weights says of itself.

    Parameters
    ----------
    phase : str
        In which it was trained.
    step : int
    model : ModelConfig
        The nets whose weights are in it. Their hyper-parameters are written beside them, and
        compared when the weights are loaded.
    stopped_early : bool
        The phase was ended since validations no longer improved.
    config : dict
        The effective configuration of the run, as JSON holds it: tuples come back as lists.
    figures : dict
        Validation figures by region and metric, where it was validated.
    start : dict
        What each net began with: which tensors were loaded, from where, and which were not.
    stores : sequence of dict
        What they were trained on: name, kind, SHA-256, weight in the mix, samples by split.
    """

    phase: str
    step: int
    model: ModelConfig
    stopped_early: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    start: Mapping[str, Any] = field(default_factory=dict)
    stores: Sequence[Mapping[str, Any]] = ()


def with_metadata(weights: Mapping[str, Tensor], metadata: Metadata) -> bytes:
    """Return the content of a .safetensors file; equal weights and metadata give equal bytes."""
    about = {
        **asdict(metadata),
        "format": FORMAT,
        "figures": _without_nan(metadata.figures),
        "parameters": _parameters(metadata.model),
    }
    tensors = {key: weights[key].detach().cpu().contiguous() for key in sorted(weights)}
    # The library keeps metadata in a hash map: with a single entry the bytes are always the same.
    text = json.dumps(about, sort_keys=True, allow_nan=False)
    content: bytes = safetensors.torch.save(tensors, {"shm": text})
    return content


def read_metadata(path: Path) -> Metadata:
    """Read what a file of weights says of itself, and none of its tensors.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, none of ours, of another format, or its nets have other
        hyper-parameters than this version's nets of the same names.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["shm"])
        written = about.pop("format")
        if written != FORMAT:
            raise other_format(path, written)
        hyper = about.pop("parameters")
        figures = _with_nan(about.pop("figures"))
        stores = tuple(about.pop("stores", ()))
        model = ModelConfig(**about.pop("model"))
        metadata = Metadata(**about, model=model, figures=figures, stores=stores)
        _check_types(metadata)
        _check_parameters(path, model, hyper)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such checkpoint") from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: {_not_ours(path, error)}") from error
    except ModelError as error:
        raise CheckpointError(f"{path}: {error!s:.300}") from error
    except CheckpointError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not a checkpoint of shm ({brief(error)})") from error
    return metadata


def _check_types(metadata: Metadata) -> None:
    """Raise TypeError where a value is of another type than all who read it rely on."""
    types = {"phase": str, "step": int, "stopped_early": bool, "config": dict, "start": dict}
    for name, kind in types.items():
        value = getattr(metadata, name)
        if not isinstance(value, kind):
            raise TypeError(f"{name} is {value!r:.40}")
    for store in metadata.stores:
        if not isinstance(store, dict):
            raise TypeError(f"a store is {store!r:.40}")


def _parameters(model: ModelConfig) -> dict[str, Any]:
    """Return the hyper-parameters of the nets, as JSON brings them back."""
    plain: dict[str, Any] = json.loads(json.dumps(parameters(model)))
    return plain


def _check_parameters(path: Path, model: ModelConfig, written: Mapping[str, Any]) -> None:
    known = _parameters(model)
    for net in sorted({*known, *written}):
        if written.get(net) == known.get(net):
            continue
        raise CheckpointError(
            f"{path}: its {net} {getattr(model, net, None)} has the hyper-parameters "
            f"{written.get(net)!s:.400}, this version's has {known.get(net)}: "
            "use the version that wrote it"
        )


def _without_nan(
    figures: Mapping[str, Mapping[str, float]],
) -> dict[str, dict[str, float | None]]:
    # JSON has no NaN, which is the figure of a region without a pixel.
    return {
        region: {name: value if math.isfinite(value) else None for name, value in each.items()}
        for region, each in figures.items()
    }


def _with_nan(figures: Mapping[str, Mapping[str, float | None]]) -> dict[str, dict[str, float]]:
    return {
        region: {name: math.nan if value is None else value for name, value in each.items()}
        for region, each in figures.items()
    }


def _not_ours(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith((b"PK", b"\x80")):
        return "a pickle, which could run code when loaded: only .safetensors files are"
    return f"not a whole checkpoint of shm ({brief(error)})"
