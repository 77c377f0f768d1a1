"""Nets in other widths: every count of channels times one factor."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, kw_only=True)
class NetConfig(ABC):
    """The hyper-parameters of a net."""

    @abstractmethod
    def scaled(self, width: float) -> Self:
        """Return the same with every count of channels times `width`; with 1 it is equal.

        Raises
        ------
        ModelError
            The net has one width only.
        """


def scaled_channels(channels: int, width: float) -> int:
    """Return a count of channels times a factor, rounded, and at least 1."""
    return max(1, round(channels * width))


def all_scaled(channels: Iterable[int], width: float) -> tuple[int, ...]:
    """Return `scaled_channels` of each: what was equal stays equal, so that skips still fit."""
    return tuple(scaled_channels(each, width) for each in channels)
