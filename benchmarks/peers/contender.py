"""What streams crops in the benchmark, by name; each is imported where it is measured."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from benchmarks.peers.samples import Samples

if TYPE_CHECKING:  # the process that only lists contenders does without PyTorch
    from torch import Tensor

Batch = dict[str, "Tensor"]
"""Each part of so many crops: uint8, (B, 3, side, side); alpha (B, 1, side, side).

Contiguous in memory, plane by plane or with the channels last, as nets take them, too.
"""


EPOCHS = 1000
"""How many make one for a loader that pauses between two, where it can be told: in a small set of
samples the pauses would weigh as they do in no training."""


@dataclass(frozen=True, kw_only=True)
class Loading:
    """What is asked of a loader: crops of `side` pixels, so many a batch, from so many workers."""

    workers: int
    batch: int = 10
    side: int = 320


class Contender(Protocol):
    """A way to hold samples on disk, and to stream crops of them.

    A crop is centred on a soft pixel of alpha, as far as the sample's edge lets it, and mirrored
    half of the time; every part is cut alike.
    """

    def write(self, samples: Samples, folder: Path) -> float:
        """Write the samples into a folder that is not there yet; returns the bytes of one."""
        ...

    def batches(self, folder: Path, loading: Loading) -> Generator[Batch, None, None]:
        """Yield batches, as good as without end, in an order drawn at random."""
        ...


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Where a contender is found: the class's place, its arguments, and what must be installed.

    `peer` is the name that its rows share: one library may read with several decoders, and the
    best of them counts. Rows without are ours, or the files.
    """

    place: str
    arguments: tuple[str, ...] = ()
    package: str | None = None
    peer: str | None = None


FILES = "files, OpenCV"

CONTENDERS: dict[str, Entry] = {
    FILES: Entry(place="loose_files:LooseFiles"),
    "WebDataset, PIL": Entry(
        place="web_dataset:WebDatasetShards",
        arguments=("pil",),
        package="webdataset",
        peer="WebDataset",
    ),
    "WebDataset, OpenCV": Entry(
        place="web_dataset:WebDatasetShards",
        arguments=("opencv",),
        package="webdataset",
        peer="WebDataset",
    ),
    "MDS, PIL": Entry(
        place="mosaic:MosaicShards", arguments=("pil",), package="streaming", peer="MDS"
    ),
    "MDS, OpenCV": Entry(
        place="mosaic:MosaicShards", arguments=("opencv",), package="streaming", peer="MDS"
    ),
    "LitData, torchvision": Entry(
        place="lit_data:LitDataChunks", arguments=("own",), package="litdata", peer="LitData"
    ),
    "LitData, OpenCV": Entry(
        place="lit_data:LitDataChunks", arguments=("opencv",), package="litdata", peer="LitData"
    ),
    "shm, materialised": Entry(place="ours:StoreOfComposites", arguments=("materialised",)),
    "shm, lazy": Entry(place="ours:StoreOfComposites", arguments=("lazy",)),
    "shm, lazy, decoded": Entry(place="ours:StoreOfComposites", arguments=("lazy, decoded",)),
}


OURS = [name for name, entry in CONTENDERS.items() if entry.place.startswith("ours:")]


def contender(name: str) -> Contender:
    """Import a contender and all that it needs."""
    entry = CONTENDERS[name]
    module, _, kind = entry.place.partition(":")
    made = getattr(import_module(f"benchmarks.peers.{module}"), kind)(*entry.arguments)
    return cast("Contender", made)


def kinds_of(names: Sequence[str]) -> list[str]:
    """Return the kinds of our stores that these contenders need: one at least, for the files."""
    ours = [CONTENDERS[name].arguments[0] for name in names if name in OURS]
    return ours or ["materialised"]


def missing(names: Sequence[str]) -> list[str]:
    """Return the packages that these contenders need and that are not installed."""
    packages = {CONTENDERS[name].package for name in names} - {None}
    return sorted(package for package in packages if package and find_spec(package) is None)
