"""Who is trained on and who is tested on: whole groups, by a hash of the seed and their name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shm.pipeline.errors import ShmError
from shm.pipeline.seed import digest

SPLITS = ("train", "validation", "test")


class SplitError(ShmError, ValueError):
    """The shares of the splits make no sense."""


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """Shares of the groups that go to each split; they add up to 1."""

    train: float = 0.8
    validation: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        shares = (self.train, self.validation, self.test)
        if not (min(shares) >= 0 and abs(sum(shares) - 1) <= 1e-6):  # a NaN fails, too
            raise SplitError(f"shares {shares} of train, validation, test: none below 0, sum 1")

    def __str__(self) -> str:
        return f"{self.train:g},{self.validation:g},{self.test:g}"

    @classmethod
    def parse(cls, text: str) -> "SplitConfig":
        """Read ``0.8,0.1,0.1`` or ``80/10/10``: train, validation, test."""
        try:
            numbers = [float(part) for part in text.replace("/", ",").split(",")]
            train, validation, test = (round(number / sum(numbers), 9) for number in numbers)
            return cls(train=train, validation=validation, test=test)
        except (ValueError, ZeroDivisionError):
            raise SplitError(
                f"{text!r} is no split: three numbers for train, validation and test, "
                "like 0.8,0.1,0.1"
            ) from None


def assign_splits(groups: Iterable[str], config: SplitConfig, *seed: object) -> dict[str, str]:
    """Give each group a split.

    Groups are ranked by a hash of the seed and their name, so neither their order nor their number
    of samples matters. A split with a share gets at least one group where there are enough.

    Parameters
    ----------
    groups : iterable of str
        Names, in any order, duplicates allowed.
    seed : objects
        Whatever the order shall depend on besides the names.
    """
    ranked = sorted(set(groups), key=lambda name: digest(*seed, "split", name))
    counts = share_out(len(ranked), {name: getattr(config, name) for name in SPLITS})
    names = [name for name in SPLITS for _ in range(counts[name])]
    return dict(zip(ranked, names, strict=True))


def share_out(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Share `total` things out in whole numbers by largest remainder, at least one a share."""
    wanted = [name for name, share in shares.items() if share > 0]
    counts = {name: int(total * share) for name, share in shares.items()}
    rest = sorted(wanted, key=lambda name: counts[name] - total * shares[name])
    for name in rest[: total - sum(counts.values())]:
        counts[name] += 1
    if total >= len(wanted):
        for name in wanted:
            if counts[name] == 0:
                counts[max(counts, key=lambda other: counts[other])] -= 1
                counts[name] = 1
    return counts
