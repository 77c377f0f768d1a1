"""What decides a training run: frozen settings, checked as they are made."""

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import Any, Literal, get_args, get_type_hints

import dacite

from shm.losses import LossConfig
from shm.pipeline.errors import ShmError
from shm.pipeline.jitter import JitterConfig

Schedule = Literal["constant", "cosine"]


class ConfigError(ShmError, ValueError):
    """A setting is unknown, has the wrong type or lies out of bounds."""


class Phase(StrEnum):
    """The three trainings of Semantic Human Matting, in their order (arXiv 1809.01354, 4.2)."""

    TNET = "tnet"
    MNET = "mnet"
    END_TO_END = "end-to-end"


def _at_least(bound: float, **settings: float) -> None:
    for name, value in settings.items():
        if not value >= bound:  # written so that a NaN fails too
            raise ConfigError(f"{name} is {value}: give at least {bound:g}")


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig:
    """Adam, and how its learning rate goes over the steps.

    Parameters
    ----------
    learning_rate : float
        The paper's is 1e-5, for nets that start from ImageNet.
    schedule : ``"constant"`` (the paper's) or ``"cosine"``
        Constant, or falling to zero along half a cosine.
    warmup : int
        Steps over which the rate rises from zero first.
    betas : two floats in [0, 1)
        Decay of the running means of the gradient and of its square.
    weight_decay : float
        The paper names none.
    """

    learning_rate: float
    schedule: Schedule = "constant"
    warmup: int = 0
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _at_least(0, learning_rate=self.learning_rate, weight_decay=self.weight_decay)
        _at_least(0, warmup=self.warmup)
        if self.schedule not in get_args(Schedule):
            known = ", ".join(get_args(Schedule))
            raise ConfigError(f"schedule is {self.schedule!r}: choose one of {known}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"betas are {self.betas}: each lies in [0, 1)")

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of a step, 0 .. steps - 1."""
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        fall = (1 + math.cos(math.pi * step / steps)) / 2 if self.schedule == "cosine" else 1.0
        return self.learning_rate * warm * fall


@dataclass(frozen=True, kw_only=True)
class PhaseConfig:
    """How one phase trains.

    Parameters
    ----------
    steps, batch : int
        Steps of the optimiser, and crops in each.
    optimiser : OptimiserConfig
    crop : int
        Side in pixels of the squares that make a batch.
    crop_sizes : ints
        Sides of the squares that are cut from a sample and resized to `crop`, one drawn for each
        sample. Empty: any side from `crop` to the sample's shorter side.
    centred_on_unknown : bool
        Cut around a pixel of the unknown region rather than anywhere.
    rotation : float
        Largest random rotation, in degrees to either side. T-Net's phase only.
    jitter : JitterConfig
        How strongly colours vary; the papers leave them alone.
    matte_crop : int
        Side in pixels of what M-Net sees end to end, cut from what T-Net saw; 0: M-Net sees it all.
    matte_crop_sizes : ints
        Sides of the squares that are cut for it and resized to `matte_crop`, one drawn for each.
    """

    steps: int
    batch: int
    optimiser: OptimiserConfig
    crop: int
    crop_sizes: tuple[int, ...] = ()
    centred_on_unknown: bool = True
    rotation: float = 0.0
    jitter: JitterConfig = field(default_factory=JitterConfig)
    matte_crop: int = 0
    matte_crop_sizes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _at_least(1, steps=self.steps, batch=self.batch)
        _at_least(
            32, crop=self.crop, **{f"crop_sizes[{i}]": s for i, s in enumerate(self.crop_sizes)}
        )
        _at_least(0, rotation=self.rotation)
        if self.matte_crop:
            _at_least(32, matte_crop=self.matte_crop)
        if bool(self.matte_crop) != bool(self.matte_crop_sizes):
            raise ConfigError("matte_crop and matte_crop_sizes go together: give both or neither")
        for size in self.matte_crop_sizes:
            if not 32 <= size <= self.crop:
                raise ConfigError(
                    f"matte_crop_sizes has {size}: squares of 32 to {self.crop} pixels (crop) fit"
                )


@dataclass(frozen=True, kw_only=True)
class Phases:
    """The configuration of each phase."""

    tnet: PhaseConfig
    mnet: PhaseConfig
    end_to_end: PhaseConfig


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides a training run, apart from its data.

    Parameters
    ----------
    preset : str
        The preset it started from.
    tnet, mnet : str
        Names of the nets, e.g. ``"pspnet50"`` and ``"vgg16-bn"``.
    tnet_weights, mnet_weights : str
        What their encoders start from: ``"imagenet"``, ``"scratch"`` or a file of weights.
    phases : Phases
    losses : LossConfig
    seed : int
        Initial weights, augmentation and dropout depend on it and on nothing else.
    max_side : int
        Longer side in pixels at which whole samples are predicted; larger ones are shrunk for it.
    log_every, validate_every, picture_every, checkpoint_every : int
        Steps between two log lines, validations, picture grids and checkpoints.
    validation_samples : int
        How many samples of the validation split each validation takes, evenly from it.
    """

    preset: str
    tnet: str
    mnet: str
    tnet_weights: str
    mnet_weights: str
    phases: Phases
    losses: LossConfig = field(default_factory=LossConfig)
    seed: int = 0
    max_side: int = 1500
    log_every: int = 10
    validate_every: int = 500
    validation_samples: int = 64
    picture_every: int = 500
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        _at_least(
            1,
            log_every=self.log_every,
            validate_every=self.validate_every,
            validation_samples=self.validation_samples,
            picture_every=self.picture_every,
            checkpoint_every=self.checkpoint_every,
        )
        _at_least(32, max_side=self.max_side)

    def phase(self, phase: Phase) -> PhaseConfig:
        """Return the configuration of one phase."""
        return {
            Phase.TNET: self.phases.tnet,
            Phase.MNET: self.phases.mnet,
            Phase.END_TO_END: self.phases.end_to_end,
        }[phase]


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """Return the configuration as nested dicts that JSON can hold; `from_dict` reads it back."""
    return asdict(config)


def from_dict(values: Mapping[str, Any], base: TrainConfig | None = None) -> TrainConfig:
    """Read a configuration from nested dicts, as JSON or YAML gives them.

    Parameters
    ----------
    values : mapping
        Settings by name; ``phases`` holds one mapping for each of tnet, mnet and end_to_end.
    base : TrainConfig, optional
        Where the settings that `values` leaves out come from.

    Raises
    ------
    ConfigError
        A key is unknown (the nearest known one is named), missing, of the wrong type, or its value
        lies out of bounds.
    """
    for where, key, known in _unknown_keys(values, TrainConfig, ""):
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"did you mean {where}{near[0]}?" if near else f"known are {', '.join(known)}"
        raise ConfigError(f"there is no setting {where}{key}: {hint}")
    complete = _merged(to_dict(base) if base else {}, values)
    try:
        return dacite.from_dict(
            TrainConfig,
            complete,
            dacite.Config(cast=[tuple], type_hooks={float: float}, strict=True),
        )
    except ShmError:
        raise
    except (dacite.DaciteError, TypeError, ValueError) as error:
        raise ConfigError(f"the training configuration can't be read: {error}") from error


def _unknown_keys(
    values: Mapping[str, Any], kind: type, where: str
) -> Iterator[tuple[str, str, list[str]]]:
    known = [each.name for each in fields(kind)]
    types = get_type_hints(kind)
    for key, value in values.items():
        if key not in known:
            yield where, key, known
        elif is_dataclass(types[key]) and isinstance(value, Mapping):
            yield from _unknown_keys(value, types[key], f"{where}{key}.")


def _merged(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in values.items():
        inner = merged.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(inner, value)
        else:
            merged[key] = value
    return merged
