"""Which nets make a model."""

from dataclasses import dataclass

from shm.models.build import variants
from shm.models.errors import ModelError

MIN_WIDTH, MAX_WIDTH = 0.02, 4.0
"""Sixteen times the weights and the work: beyond it a slip is likelier than a wish."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which nets make a model: a T-Net, an M-Net or both, or Deep Image Matting.

    Parameters
    ----------
    tnet, mnet, dim : str, optional
        Keys of `TNETS`, `MNETS` and `DIMS`.
    width : float
        Scales every count of channels; above 0, at most 4. PSPNet knows 1 only.
    fusion : bool
        Whether M-Net counts only where the trimap leaves it open; False is the ablation of
        arXiv 1809.01354, table 5.
    skips : bool
        Of Deep Image Matting: see `DeepImageMattingConfig`.

    Raises
    ------
    ModelError
        A net is unknown or can't have the width, or the choices contradict each other.
    """

    tnet: str | None = None
    mnet: str | None = None
    dim: str | None = None
    width: float = 1.0
    fusion: bool = True
    skips: bool = False

    def __post_init__(self) -> None:
        both = [name for name in (self.tnet, self.mnet) if name is not None]
        if self.dim is None and not both:
            raise ModelError("no net is named: name a tnet, an mnet, both, or dim")
        if self.dim is not None and both:
            raise ModelError(
                f"dim {self.dim} is a model of its own beside {' and '.join(both)}: name either"
            )
        if not MIN_WIDTH <= self.width <= MAX_WIDTH:
            raise ModelError(
                f"width is {self.width}: give a factor from {MIN_WIDTH:g} to {MAX_WIDTH:g}"
            )
        if self.skips and self.dim is None:
            raise ModelError(
                f"skips are of dim, not of {' and '.join(both)}: leave them out, or name dim"
            )
        if not self.fusion and self.dim is not None:
            raise ModelError(
                f"fusion is of T-Net and M-Net, {self.dim} always keeps what its trimap knows: "
                "leave fusion on, or name an mnet"
            )
        for variant in variants(self).values():
            variant.config.scaled(self.width)
