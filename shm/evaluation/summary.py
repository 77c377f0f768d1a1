"""What the errors of many images come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shm.evaluation.bootstrap import Interval, bootstrap_mean
from shm.evaluation.scored import METRICS, REGIONS, Scored
from shm.metrics.convention import CONVENTIONS, PUBLISHED
from shm.metrics.trimap import Confusion, intersection_over_union, unknown_recall


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Means over images, each with its interval.

    Parameters
    ----------
    images, groups : int
        How many of them, and of how many people or scenes.
    regions : dict
        By region (``"whole"``, ``"unknown"``), then by metric: `shm.metrics.score`'s figures.
    conventions : dict
        By paper (``"dim"``, ``"shm"``), then by metric: what that paper would print.
    confusion : int64 (3, 3), optional
        Of T-Net's trimaps, where it predicted any: rows true, columns predicted.
    """

    images: int
    groups: int
    regions: dict[str, dict[str, Interval]]
    conventions: dict[str, dict[str, Interval]]
    confusion: Confusion | None = None

    def means(self) -> dict[str, dict[str, float]]:
        """Return the regions' means alone."""
        return {
            region: {metric: each.mean for metric, each in by_metric.items()}
            for region, by_metric in self.regions.items()
        }

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it: means by region, and everything else by its name."""
        found: dict[str, Any] = {"samples": self.images, "groups": self.groups, **self.means()}
        found["intervals"] = {
            region: {metric: [each.low, each.high] for metric, each in by_metric.items()}
            for region, by_metric in self.regions.items()
        }
        found["conventions"] = {
            name: {"meaning": CONVENTIONS[name].meaning}
            | {metric: each.mean for metric, each in by_metric.items()}
            for name, by_metric in self.conventions.items()
        }
        if self.confusion is not None:
            found["trimaps"] = {
                "confusion": self.confusion.tolist(),
                "iou": intersection_over_union(self.confusion),
                "unknown_recall": unknown_recall(self.confusion),
            }
        return found


def summarise(scored: Sequence[Scored], confusion: Confusion | None = None) -> Summary:
    """Return the mean of every figure with its interval; NaN where no image has the figure."""
    groups = [each.group for each in scored]

    def mean(values: list[float]) -> Interval:
        return bootstrap_mean(values, groups)

    return Summary(
        images=len(scored),
        groups=len(set(groups)),
        regions={
            region: {
                metric: mean([each.figures[region][metric] for each in scored])
                for metric in METRICS
            }
            for region in REGIONS
        },
        conventions={
            name: {
                metric: mean([each.published(name)[metric] for each in scored])
                for metric in PUBLISHED
            }
            for name in CONVENTIONS
        },
        confusion=confusion,
    )
