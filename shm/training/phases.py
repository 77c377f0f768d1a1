"""The trainings that make a model, in the order of the papers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # not to run: completing `shm train --phase` would wait for PyTorch
    from shm.models.config import ModelConfig


class Phase(StrEnum):
    """A training with an aim of its own.

    Semantic Human Matting has three (arXiv 1809.01354, section 4.2). Deep Image Matting has stages
    (arXiv 1703.03872, section 4.3): its encoder and decoder, here once with the alpha loss alone
    and then with both losses, its refinement, and all of it.
    """

    TNET = "tnet"
    MNET = "mnet"
    END_TO_END = "end-to-end"
    STAGE_0 = "stage-0"
    STAGE_1 = "stage-1"
    STAGE_2 = "stage-2"
    STAGE_3 = "stage-3"

    @property
    def nets(self) -> tuple[str, ...]:
        """The nets that take part: ``"tnet"``, ``"mnet"`` or ``"dim"``."""
        return _NETS.get(self, ("dim",))


_NETS = {Phase.TNET: ("tnet",), Phase.MNET: ("mnet",), Phase.END_TO_END: ("tnet", "mnet")}


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a net of a phase begins: where an earlier phase left it, or None: at its encoder."""

    net: str
    phase: Phase | None


def model_of(nets: Collection[str], model: "ModelConfig") -> "ModelConfig":
    """Return the part of a model that some of its nets make."""
    absent: dict[str, Any] = dict.fromkeys({"tnet", "mnet", "dim"} - set(nets))
    return replace(model, **absent)


def origins(phase: Phase, recipe: Sequence[Phase]) -> list[Origin]:
    """Return where each net of a phase begins: at the last earlier phase of the recipe with it."""
    earlier = recipe[: recipe.index(phase)]
    return [
        Origin(net=net, phase=next((e for e in reversed(earlier) if net in e.nets), None))
        for net in phase.nets
    ]
