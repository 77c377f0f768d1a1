"""How the learning rate goes over the steps."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from shm.training.checks import at_least, one_of

Kind = Literal["constant", "step", "exponential", "polynomial", "cosine", "plateau"]


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """What the learning rate is multiplied by at each step.

    Parameters
    ----------
    kind : str
        ``"constant"`` (the papers'); ``"step"``: by `factor` after every `every` steps;
        ``"exponential"``: by `factor` over every `every` steps, smoothly; ``"polynomial"``:
        (1 − step / steps) to the `power`; ``"cosine"``: to zero along half a cosine; ``"plateau"``:
        by `factor` whenever `patience` validations in a row have not improved the SAD.
    warmup : int
        Steps over which the rate rises from zero first.
    every : int
        In steps.
    factor, power : float
    patience : int
        In validations.
    """

    kind: Kind = "constant"
    warmup: int = 0
    every: int = 1000
    factor: float = 0.1
    power: float = 0.9
    patience: int = 3

    def __post_init__(self) -> None:
        one_of(Kind, kind=self.kind)
        at_least(0, warmup=self.warmup, factor=self.factor, power=self.power)
        at_least(1, every=self.every, patience=self.patience)

    def share(self, step: int, steps: int) -> float:
        """Return what the rate of a step, 0 .. steps - 1, is multiplied by; plateaus aside."""
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return warm * self._fall(step, steps)

    def _fall(self, step: int, steps: int) -> float:
        match self.kind:
            case "step":
                return float(self.factor ** (step // self.every))
            case "exponential":
                return float(self.factor ** (step / self.every))
            case "polynomial":
                return float((1 - step / steps) ** self.power)
            case "cosine":
                return (1 + math.cos(math.pi * step / steps)) / 2
            case _:
                return 1.0


@dataclass
class Progress:
    """How validations go: what a plateau and early stopping are told by.

    Parameters
    ----------
    best : float
        Lowest SAD so far.
    since_best : int
        Validations since then.
    flat : int
        Validations without a new best since the rate was last lowered.
    lowered : int
        How often the rate was lowered.
    """

    best: float = math.inf
    since_best: int = 0
    flat: int = 0
    lowered: int = 0

    def add(self, sad: float, schedule: ScheduleConfig) -> bool:
        """Add a validation; return whether it is the best so far."""
        if sad < self.best:
            self.best, self.since_best, self.flat = sad, 0, 0
            return True
        self.since_best += 1
        self.flat += 1
        if schedule.kind == "plateau" and self.flat >= schedule.patience:
            self.lowered += 1
            self.flat = 0
        return False

    def share(self, schedule: ScheduleConfig) -> float:
        """Return what plateaus multiply the rate by."""
        return float(schedule.factor**self.lowered) if schedule.kind == "plateau" else 1.0

    def state(self) -> dict[str, Any]:
        """Return plain values; ``Progress(**state)`` goes on."""
        return dict(vars(self))
