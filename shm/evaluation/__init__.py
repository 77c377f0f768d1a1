"""What the errors of many images come to, how sure that is, and which of two methods is better."""

from shm.evaluation.bootstrap import FEWEST_GROUPS, Interval, bootstrap_mean
from shm.evaluation.comparison import Comparison, ComparisonError, compare
from shm.evaluation.scored import REGIONS, Scored, score_sample
from shm.evaluation.summary import Summary, summarise
from shm.evaluation.tables import (
    HEADINGS,
    SCALES,
    about_interval,
    cell_of,
    comparison_to_markdown,
    read_csv,
    to_csv,
    to_markdown,
)

__all__ = [
    "FEWEST_GROUPS",
    "HEADINGS",
    "REGIONS",
    "SCALES",
    "Comparison",
    "ComparisonError",
    "Interval",
    "Scored",
    "Summary",
    "about_interval",
    "bootstrap_mean",
    "cell_of",
    "compare",
    "comparison_to_markdown",
    "read_csv",
    "score_sample",
    "summarise",
    "to_csv",
    "to_markdown",
]
