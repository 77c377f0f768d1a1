"""What a phase needs to go on: read from its last checkpoint, written to ``last`` and ``best``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shm.checkpoint import (
    Metadata,
    last_metadata,
    load_state,
    load_weights,
    put_weights,
    resolve,
    save,
)
from shm.models import MattingModel, build_model
from shm.training.config import TrainConfig
from shm.training.phases import Phase, model_of
from shm.training.start import TrainingError
from shm.training.tables import to_dict


@dataclass(frozen=True, kw_only=True)
class Best:
    """The step with the lowest validation SAD over whole images, and that SAD."""

    step: int
    sad: float


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Where a phase stands.

    Parameters
    ----------
    model : MattingModel
        With the weights of `step`.
    step : int
        Steps done.
    state : dict
        All else that training goes on from, as `Trainer.state` made it.
    report : dict
        What the nets began with.
    stopped_early : bool
        Validations no longer improved.
    """

    model: MattingModel
    step: int
    state: dict[str, Any]
    report: Mapping[str, Any]
    stopped_early: bool = False


class PhaseCheckpoints:
    """The checkpoints in one phase's folder.

    Parameters
    ----------
    folder : Path
    phase : Phase
    config : TrainConfig
    data : str
        Tells one training set from another.
    stores : sequence of dict
        What the training set is, as `Metadata` has it.
    """

    def __init__(
        self,
        folder: Path,
        phase: Phase,
        config: TrainConfig,
        data: str,
        stores: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.folder, self.phase, self.config = folder, phase, config
        self.data, self.stores = data, stores

    def last(self) -> Kept | None:
        """Return where the phase stands, on the CPU; None where it hasn't begun.

        Raises
        ------
        TrainingError
            The phase was begun with another configuration or other data.
        CheckpointError
            The checkpoint is damaged, or of another phase or architecture.
        """
        metadata = self.require_same_settings()
        if metadata is None:
            return None
        path = resolve(self.folder, prefer="last")
        weights, _ = load_weights(path)
        model = build_model(model_of(self.phase.nets, self.config.model))
        put_weights(model, weights, str(path))
        state = load_state(path)
        if state.pop("data") != self.data:
            raise TrainingError(
                f"{self.folder} was trained on other data, or on another mix of it: choose another "
                "--run folder, or give the store, and --mix, that it began with"
            )
        return Kept(
            model=model,
            step=metadata.step,
            state=state,
            report=metadata.start,
            stopped_early=metadata.stopped_early,
        )

    def save_last(self, kept: Kept) -> None:
        """Write where the phase stands, to go on from."""
        save(
            self.folder,
            "last",
            weights=kept.model.state_dict(),
            metadata=self._metadata(kept),
            state={**kept.state, "data": self.data},
            keep=self.config.loop.keep,
        )

    def save_best(self, kept: Kept, figures: Mapping[str, Mapping[str, float]]) -> None:
        """Write the weights that have done best so far, with their figures."""
        metadata = self._metadata(kept, figures)
        save(self.folder, "best", weights=kept.model.state_dict(), metadata=metadata)

    def _metadata(
        self, kept: Kept, figures: Mapping[str, Mapping[str, float]] | None = None
    ) -> Metadata:
        return Metadata(
            phase=self.phase.value,
            model=model_of(self.phase.nets, self.config.model),
            step=kept.step,
            stopped_early=kept.stopped_early,
            figures={name: dict(each) for name, each in (figures or {}).items()},
            config=to_dict(self.config),
            start=kept.report,
            stores=self.stores,
        )

    def require_same_settings(self) -> Metadata | None:
        """Return what the last checkpoint says of itself, None where there is none.

        Raises
        ------
        TrainingError
            The steps so far were made under other settings, or in another phase.
        """
        metadata = last_metadata(self.folder)
        if metadata is None:
            return None
        if metadata.phase != self.phase:
            raise TrainingError(
                f"{self.folder} holds a checkpoint of the phase {metadata.phase}, not of "
                f"{self.phase}: choose another --run folder"
            )
        before = _deciding(metadata.config, self.phase)
        now = _deciding(to_dict(self.config), self.phase)
        changed = [name for name in now if before.get(name) != now[name]]
        if changed:
            was = ", ".join(f"{name} {before.get(name)}, now {now[name]}" for name in changed)
            raise TrainingError(
                f"{self.folder} was begun with {was}: choose another --run folder, or the settings "
                "that it was begun with"
            )
        return metadata


LOOP = ("precision", "validation_samples")
"""Settings of the loop that decide what a step does, or how it is judged."""


def _deciding(config: Mapping[str, Any], phase: Phase) -> dict[str, Any]:
    """Return the settings that decide what a step does and how it is judged, on one level.

    How many steps there will be is one of them only where the learning rate looks ahead, in how
    many parts a batch is taken only where they are normalised each by itself, and how often it is
    validated only where that decides something.
    """
    settings = dict(config.get("phases", {}).get(phase.value, {}))
    schedule = settings.get("optimiser", {}).get("schedule", {})
    deciding: dict[str, Any] = {
        "seed": config.get("seed"),
        "max_side": config.get("max_side"),
        "no step": settings.get("steps") == 0,
    }
    if schedule.get("kind") not in ("polynomial", "cosine"):
        settings.pop("steps", None)
    if settings.get("freeze_batch_norm") or phase.nets == ("dim",):
        settings.pop("accumulate", None)
    loop = config.get("loop", {})
    deciding |= {name: loop.get(name) for name in LOOP}
    if settings.pop("patience", 0) or schedule.get("kind") == "plateau":
        deciding["validate_every"] = loop.get("validate_every")
    model, weights = config.get("model", {}), config.get("weights", {})
    nets = {"tnet", "mnet", "dim"}
    deciding |= {f"model.{k}": v for k, v in model.items() if k not in nets - set(phase.nets)}
    deciding |= {f"weights.{net}": weights.get(net) for net in phase.nets}
    deciding |= {f"losses.{name}": value for name, value in config.get("losses", {}).items()}
    deciding |= settings
    # As JSON has them, for so they come back from a checkpoint.
    plain: dict[str, Any] = json.loads(json.dumps(deciding))
    return plain
