"""Two methods on the same images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shm.evaluation.bootstrap import Interval, bootstrap_mean
from shm.evaluation.scored import METRICS, REGIONS, Scored
from shm.pipeline.errors import ShmError


class ComparisonError(ShmError, ValueError):
    """Two tables of figures aren't of the same images."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """By how much one method's error exceeds another's.

    `change` is the mean difference, with its interval: below 0 the first is better, and surely so
    where the whole interval is; of too few people there is none, and nothing is decided. `better`
    and `worse` count images.
    """

    change: Interval
    better: int
    worse: int

    @property
    def verdict(self) -> str:
        """``"better"``, ``"worse"`` or ``"undecided"``."""
        if self.change.high < 0:
            return "better"
        return "worse" if self.change.low > 0 else "undecided"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All figures of one method minus those of another, by region, then by metric."""

    images: int
    groups: int
    differences: dict[str, dict[str, Difference]]

    def as_json(self) -> dict[str, object]:
        """Return it as JSON holds it."""
        found: dict[str, object] = {"images": self.images, "groups": self.groups}
        for region, by_metric in self.differences.items():
            found[region] = {
                metric: {
                    "difference": each.change.mean,
                    "interval": [each.change.low, each.change.high],
                    "better": each.better,
                    "worse": each.worse,
                    "verdict": each.verdict,
                }
                for metric, each in by_metric.items()
            }
        return found


def compare(ours: Sequence[Scored], theirs: Sequence[Scored]) -> Comparison:
    """Compare two methods image by image.

    Images differ far more among each other than methods do: the difference on each of them tells
    what two means with their intervals can't.

    Raises
    ------
    ComparisonError
        They were not scored on the same images.
    """
    by_id = {each.id: each for each in theirs}
    odd = sorted({each.id for each in ours} ^ set(by_id))
    if odd:
        raise ComparisonError(
            f"{len(odd)} images are in one table and not in the other, first {odd[0]!r}: score "
            "both on the same images"
        )
    resized = [each.id for each in ours if each.pixels != by_id[each.id].pixels]
    if resized:
        raise ComparisonError(
            f"{resized[0]!r} has another size or unknown region in the other table, or one of the "
            "tables was made without --trimaps: score both "
            "on the same images"
        )
    groups = [each.group for each in ours]

    def difference(region: str, metric: str) -> Difference:
        pairs = [
            (each.figures[region][metric], by_id[each.id].figures[region][metric]) for each in ours
        ]
        less = np.array([one - other for one, other in pairs])
        return Difference(
            change=bootstrap_mean(less.tolist(), groups),
            better=int((less < 0).sum()),
            worse=int((less > 0).sum()),
        )

    return Comparison(
        images=len(ours),
        groups=len(set(groups)),
        differences={
            region: {metric: difference(region, metric) for metric in METRICS} for region in REGIONS
        },
    )
