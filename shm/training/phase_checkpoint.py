"""What a phase needs to go on: read from its last checkpoint, written to ``last`` and ``best``."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from shm.checkpoint import Metadata, last_step, load_state, read_metadata, resolve, save
from shm.training.config import Phase, TrainConfig, to_dict
from shm.training.start import TrainingError, empty_nets, load_phase, phase_weights


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
    nets : Module
        With the weights of `step`.
    step : int
        Steps done.
    best : Best or None
        Of the validations so far.
    optimiser : dict
        Adam's state.
    sums, steps
        Losses summed since the last line of the log, and over how many steps.
    """

    nets: nn.Module
    step: int
    best: Best | None
    optimiser: dict[str, Any]
    sums: dict[str, float]
    steps: int


class PhaseCheckpoints:
    """The checkpoints in one phase's folder.

    Parameters
    ----------
    folder : Path
    phase : Phase
    config : TrainConfig
    data : str
        Tells one training set from another.
    """

    def __init__(self, folder: Path, phase: Phase, config: TrainConfig, data: str) -> None:
        self.folder, self.phase, self.config, self.data = folder, phase, config, data

    def last(self) -> Kept | None:
        """Return where the phase stands, on the CPU; None where it hasn't begun.

        Raises
        ------
        TrainingError
            The phase was begun with another configuration or other data.
        CheckpointError
            The checkpoint is damaged, or of another phase or architecture.
        """
        if last_step(self.folder) is None:
            return None
        path = resolve(self.folder, prefer="last")
        self._check(read_metadata(path))
        nets = empty_nets(self.phase, self.config)
        metadata = load_phase(nets, self.phase, self.config, path)
        state = load_state(path)
        if state["data"] != self.data:
            raise TrainingError(
                f"{self.folder} was trained on other data, or on another mix of it: choose another "
                "--run folder, or give the store, and --mix, that it began with"
            )
        best = state["best"]
        return Kept(
            nets=nets,
            step=metadata.step,
            best=None if best is None else Best(**best),
            optimiser=state["optimiser"],
            sums=state["sums"],
            steps=state["steps"],
        )

    def save(
        self, name: str, kept: Kept, figures: Mapping[str, Mapping[str, float]], *, state: bool
    ) -> None:
        """Write a checkpoint; with `state`, one that training can go on from."""
        going_on = {
            "data": self.data,
            "best": None if kept.best is None else asdict(kept.best),
            "optimiser": kept.optimiser,
            "sums": dict(kept.sums),
            "steps": kept.steps,
        }
        save(
            self.folder,
            name,
            weights=phase_weights(kept.nets, self.phase),
            metadata=self._metadata(kept.step, figures),
            state=going_on if state else None,
        )

    def _metadata(self, step: int, figures: Mapping[str, Mapping[str, float]]) -> Metadata:
        return Metadata(
            phase=self.phase.value,
            tnet=None if self.phase is Phase.MNET else self.config.tnet,
            mnet=None if self.phase is Phase.TNET else self.config.mnet,
            step=step,
            figures={name: dict(each) for name, each in figures.items()},
            config=to_dict(self.config),
        )

    def _check(self, metadata: Metadata) -> None:
        """Refuse to go on with settings under which the steps so far were not made."""
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


def _deciding(config: Mapping[str, Any], phase: Phase) -> dict[str, Any]:
    """Return the settings that decide what a step does; under a constant rate, not how many."""
    nets = {
        Phase.TNET: ("tnet", "tnet_weights"),
        Phase.MNET: ("mnet", "mnet_weights"),
        Phase.END_TO_END: ("tnet", "mnet"),
    }
    settings = config.get("phases", {}).get(phase.value.replace("-", "_"), {})
    deciding = {name: config.get(name) for name in ("seed", "losses", *nets[phase])}
    constant = settings.get("optimiser", {}).get("schedule") == "constant"
    deciding |= {
        name: value for name, value in settings.items() if not (constant and name == "steps")
    }
    # As JSON has them, for so they come back from a checkpoint.
    plain: dict[str, Any] = json.loads(json.dumps(deciding))
    return plain
