"""What decides a training run: frozen settings, checked as they are made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from shm.losses import LossConfig
from shm.models.config import ModelConfig
from shm.pipeline.jitter import JitterConfig
from shm.pipeline.nearest import nearest
from shm.training.checks import ConfigError, at_least, below, one_of
from shm.training.optimiser import OptimiserConfig
from shm.training.phases import Phase

__all__ = [
    "ConfigError",
    "LoopConfig",
    "PhaseConfig",
    "Precision",
    "TrainConfig",
]

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True)
class PhaseConfig:
    """How one phase trains.

    Parameters
    ----------
    steps : int
        Of the optimiser. 0: the nets are joined and judged as the earlier phases left them.
    batch : int
        Crops of a step, of all processes together.
    accumulate : int
        Parts in which each process takes its share of the batch one after the other, for less
        memory: their gradients add up to the same.
    optimiser : OptimiserConfig
    crop : int
        Side in pixels of the squares that make a batch.
    crop_sizes : ints
        Sides of the squares that are cut from a sample and resized to `crop`, one drawn for each
        sample. Empty: any side from `crop` to the sample's shorter side.
    centred_on_unknown : bool
        Cut around a pixel of the unknown region rather than anywhere.
    flip : bool
        Mirror half of the crops.
    rotation : float
        Largest random rotation, in degrees to either side. T-Net's phase only.
    jitter : JitterConfig
        How strongly colours vary; the papers leave them alone.
    trimap_band : two ints, or none
        Least and most pixels by which the trimap's unknown region reaches inwards and outwards,
        drawn anew for each crop. None: the store's trimaps.
    matte_crop : int
        Side in pixels of what M-Net sees end to end, cut from what T-Net saw; 0: M-Net sees it all.
    matte_crop_sizes : ints
        Sides of the squares that are cut for it and resized to `matte_crop`, one drawn for each.
    ema : float in [0, 1)
        Decay of the exponential moving average of the weights, which then are what is validated
        and kept as the best; 0: none.
    freeze_batch_norm : bool
        Leave the running statistics of batch normalisation as they are, and normalise by them.
    patience : int
        Stop early after so many validations without a new best; 0: never.
    """

    steps: int
    batch: int
    optimiser: OptimiserConfig
    crop: int
    accumulate: int = 1
    crop_sizes: tuple[int, ...] = ()
    centred_on_unknown: bool = True
    flip: bool = True
    rotation: float = 0.0
    jitter: JitterConfig = field(default_factory=JitterConfig)
    trimap_band: tuple[int, ...] = ()
    matte_crop: int = 0
    matte_crop_sizes: tuple[int, ...] = ()
    ema: float = 0.0
    freeze_batch_norm: bool = False
    patience: int = 0

    def __post_init__(self) -> None:
        at_least(0, steps=self.steps, rotation=self.rotation, patience=self.patience)
        at_least(1, batch=self.batch, accumulate=self.accumulate)
        below(1, ema=self.ema)
        if self.rotation > 180:
            raise ConfigError(f"rotation is {self.rotation}: give degrees from 0 to 180")
        at_least(
            32, crop=self.crop, **{f"crop_sizes[{i}]": s for i, s in enumerate(self.crop_sizes)}
        )
        if self.batch % self.accumulate:
            raise ConfigError(
                f"accumulate is {self.accumulate}: it must divide batch, which is {self.batch}"
            )
        band = self.trimap_band
        if band and (len(band) != 2 or not 0 <= band[0] <= band[1]):
            raise ConfigError(
                f"trimap_band is {list(band)}: give the least and the most pixels, as in [2, 16], "
                "or none"
            )
        if self.matte_crop:
            at_least(32, matte_crop=self.matte_crop)
        if bool(self.matte_crop) != bool(self.matte_crop_sizes):
            raise ConfigError("matte_crop and matte_crop_sizes go together: give both or neither")
        for size in self.matte_crop_sizes:
            if not 32 <= size <= self.crop:
                raise ConfigError(
                    f"matte_crop_sizes has {size}: squares of 32 to {self.crop} pixels (crop) fit"
                )


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How the loop runs, whatever it trains.

    Parameters
    ----------
    precision : ``"fp32"``, ``"bf16"`` or ``"fp16"``
        Of what nets compute; weights and losses stay fp32. fp16 scales its losses.
    channels_last : bool
        Keep the channels of a pixel together in memory.
    compile : bool
        Compile the nets with `torch.compile` first.
    sync_batch_norm : bool
        Normalise over the batches of all processes, on GPUs.
    log_every, validate_every, picture_every, checkpoint_every : int
        Steps between two log lines, validations, picture grids and checkpoints. With
        `picture_every` 0 nothing is drawn: no grid, no animation, no plot.
    validation_samples : int
        How many samples of the validation split each validation takes, evenly from it.
    keep : int
        How many of the newest checkpoints to keep, beside the best.
    """

    precision: Precision = "fp32"
    channels_last: bool = True
    compile: bool = False
    sync_batch_norm: bool = True
    log_every: int = 10
    validate_every: int = 500
    validation_samples: int = 64
    picture_every: int = 500
    checkpoint_every: int = 100
    keep: int = 1

    def __post_init__(self) -> None:
        one_of(Precision, precision=self.precision)
        at_least(
            1,
            log_every=self.log_every,
            validate_every=self.validate_every,
            validation_samples=self.validation_samples,
            checkpoint_every=self.checkpoint_every,
            keep=self.keep,
        )
        at_least(0, picture_every=self.picture_every)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides a training run, apart from its data.

    Parameters
    ----------
    preset : str
        The recipe that it started from.
    model : ModelConfig
    weights : dict
        What each net's encoder starts from: ``"imagenet"``, ``"scratch"`` or a file of weights.
    phases : dict
        The trainings by their name (`Phase`), in their order.
    losses : LossConfig
    loop : LoopConfig
    seed : int
        Initial weights, augmentation and dropout depend on it and on nothing else.
    max_side : int
        Longer side in pixels at which whole samples are predicted; larger ones are shrunk for it.
    """

    preset: str
    seed: int = 0
    max_side: int = 1500
    model: ModelConfig
    weights: dict[str, str]
    losses: LossConfig = field(default_factory=LossConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    phases: dict[str, PhaseConfig]

    def __post_init__(self) -> None:
        at_least(32, max_side=self.max_side)
        at_least(0, seed=self.seed)
        nets = [net for net in ("tnet", "mnet", "dim") if getattr(self.model, net) is not None]
        self._check_weights(nets)
        self._check_phases(nets)

    def _check_weights(self, nets: Sequence[str]) -> None:
        for net in nets:
            if net not in self.weights:
                raise ConfigError(f'weights.{net} is missing: "imagenet", "scratch" or a file')
        for net in self.weights:
            if net not in nets:
                raise ConfigError(f"there is no setting weights.{net}: {nearest(net, nets)}")

    def _check_phases(self, nets: Sequence[str]) -> None:
        if not self.phases:
            raise ConfigError("there is no phase to train: give [phases.NAME]")
        fitting = [phase.value for phase in Phase if set(phase.nets) <= set(nets)]
        for name, phase in self.phases.items():
            if name not in fitting:
                raise ConfigError(
                    f"there is no setting phases.{name}: {nearest(name, fitting, 'phases.')}"
                )
            for setting, owner in (("rotation", Phase.TNET), ("matte_crop", Phase.END_TO_END)):
                if name != owner and getattr(phase, setting):
                    raise ConfigError(
                        f"phases.{name}.{setting} is {getattr(phase, setting)}, which the phase "
                        f"{owner} alone reads: leave it out"
                    )

    @property
    def recipe(self) -> list[Phase]:
        """The phases in their order."""
        return [phase for phase in Phase if phase.value in self.phases]

    def phase(self, phase: Phase) -> PhaseConfig:
        """Return the configuration of one phase.

        Raises
        ------
        ConfigError
            The recipe has no such phase.
        """
        if phase.value not in self.phases:
            raise ConfigError(
                f"the recipe {self.preset} has no phase {phase}: {nearest(phase, self.phases)}"
            )
        return self.phases[phase.value]
