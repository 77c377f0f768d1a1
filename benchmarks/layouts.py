"""What a crop costs to read, by the layout of its array: how a store's layout was chosen.

Of prepared people, every array is written in each layout, one shard of all; then crops of 320
pixels are read from it at random places, one after the other in one thread, the files in the page
cache:

- `chunk` is the side of an inner chunk in pixels; `whole` is one chunk a sample, `rows` are bands
  as wide as the sample.
- `codec` is what an inner chunk went through, each with a checksum: Zstandard at a level, Blosc
  (LZ4), or nothing.
- `kB` are the bytes of a sample in the shard; `share` is how much of it a crop has to read.
- `write` is what a sample takes to write, `crop` what a crop takes to read, in milliseconds: with
  zarr-python, with its codecs replaced by zarrs (where that is installed), and with our
  `ShardedArray`, which knows Zstandard alone. `shard` is one read of the whole shard by
  `ShardedArray`, a sample.

    python benchmarks/layouts.py --people people.zarr

Without a prepared store, people are generated.
"""

import json
import math
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees its own folder only

from benchmarks.common.stores import prepared_people
from benchmarks.common.table import finite, show
from shm.datasets.sharding import Layout, ShardedArray
from shm.datasets.storage.local import LocalStorage
from shm.datasets.store import open_store

Row = dict[str, Any]
Draw = tuple[int, slice, slice]

ARRAYS = ("image", "foreground", "alpha")
CROP = 320

LAYOUTS: tuple[tuple[int | str, str], ...] = (
    *((chunk, "zstd -5") for chunk in ("whole", "rows", 400, 200, 100)),
    *((200, codec) for codec in ("zstd 1", "zstd 3", "blosc lz4", "none")),
)
"""Inner chunks, and codecs: the chosen one varied in either."""

PIPELINES = {
    "zarr": "zarr.core.codec_pipeline.BatchedCodecPipeline",
    "zarrs": "zarrs.ZarrsCodecPipeline",
}


def samples(path: Path) -> dict[str, list[NDArray[np.uint8]]]:
    """Read every array of all people, each at their own size."""
    people = open_store(path)
    read = [people.read(slot, record, ARRAYS) for slot, record in people.samples()]
    return {name: [arrays[name] for arrays in read] for name in ARRAYS}


def layout_of(arrays: list[NDArray[np.uint8]], chunk: int | str, level: int) -> Layout:
    """Return the layout of one shard of all of them."""
    canvas = max(max(array.shape[:2]) for array in arrays)
    named = {"whole": (canvas, canvas), "rows": (-(-canvas // 10), canvas)}
    side = named[chunk] if isinstance(chunk, str) else (min(chunk, canvas), min(chunk, canvas))
    rest = arrays[0].shape[2:]
    slot, inner = (canvas, canvas, *rest), (*side, *rest)
    return Layout(slots=len(arrays), slot=slot, chunk=inner, level=level)


def codecs(name: str) -> list[BytesBytesCodec]:
    """Return zarr's codecs of a name in `LAYOUTS`."""
    kind, _, level = name.partition(" ")
    if kind == "zstd":
        return [ZstdCodec(level=int(level)), Crc32cCodec()]
    return [*([BloscCodec(cname="lz4", typesize=1)] if kind == "blosc" else []), Crc32cCodec()]


def draws(arrays: list[NDArray[np.uint8]], count: int) -> list[Draw]:
    """Return slot, rows and columns of crops at random places."""
    random = np.random.default_rng(0)
    found = []
    for slot in random.integers(len(arrays), size=count).tolist():
        sides = [min(CROP, side) for side in arrays[slot].shape[:2]]
        starts = [
            int(random.integers(whole - side + 1))
            for whole, side in zip(arrays[slot].shape, sides, strict=False)
        ]
        rows, columns = (slice(at, at + side) for at, side in zip(starts, sides, strict=True))
        found.append((slot, rows, columns))
    return found


def milliseconds(call: Callable[[Draw], object], crops: list[Draw]) -> float:
    """Return what a call takes on average; the first few don't count."""
    for draw in crops[:5]:
        call(draw)
    began = time.perf_counter()
    for draw in crops:
        call(draw)
    return (time.perf_counter() - began) / len(crops) * 1000


def share(layout: Layout, arrays: list[NDArray[np.uint8]], crops: list[Draw]) -> float:
    """Return how much of a sample lies in the inner chunks that a crop touches, on average."""
    high, wide = layout.chunk[:2]
    shares = []
    for slot, rows, columns in crops:
        sides = [
            min(-(-part.stop // step) * step, side) - part.start // step * step
            for part, step, side in zip(
                (rows, columns), (high, wide), arrays[slot].shape, strict=False
            )
        ]
        shares.append(math.prod(sides) / math.prod(arrays[slot].shape[:2]))
    return float(np.mean(shares))


def zarr_figures(
    folder: Path, layout: Layout, codec: str, arrays: list[NDArray[np.uint8]], crops: list[Draw]
) -> Row:
    """Write an array with zarr, and read crops with each of its pipelines."""
    block = np.zeros((layout.slots, *layout.slot), np.uint8)
    for slot, each in enumerate(arrays):
        part = tuple(slice(side) for side in each.shape)
        block[slot][part] = each
    array = zarr.create_array(
        folder,
        shape=block.shape,
        chunks=layout.chunks,
        shards=layout.shards,
        dtype="uint8",
        compressors=codecs(codec),
        fill_value=0,
    )
    began = time.perf_counter()
    array[:] = block
    row: Row = {"zarr write": (time.perf_counter() - began) / len(arrays) * 1000}
    files = (file for file in (folder / "c").rglob("*") if file.is_file())
    row["kB"] = sum(file.stat().st_size for file in files) / len(arrays) / 1000
    for way, pipeline in PIPELINES.items():
        row[f"{way} crop"] = math.nan
        if find_spec(pipeline.partition(".")[0]) is not None:
            with zarr.config.set({"codec_pipeline.path": pipeline}):
                opened = zarr.open_array(folder, mode="r")
                row[f"{way} crop"] = milliseconds(opened.__getitem__, crops)
    return row


def own_figures(
    folder: Path, layout: Layout, arrays: list[NDArray[np.uint8]], crops: list[Draw]
) -> Row:
    """Write and read the same with `ShardedArray`."""
    own = ShardedArray(LocalStorage(folder), "own", layout)
    began = time.perf_counter()
    content = own.encode(arrays)
    row = {"our write": (time.perf_counter() - began) / len(arrays) * 1000}
    file = folder / own.key(0)
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    row["our crop"] = milliseconds(lambda draw: own.read(draw[0], draw[1:]), crops)
    began = time.perf_counter()
    own.read_shard(0)
    row["our shard"] = (time.perf_counter() - began) / len(arrays) * 1000
    return row


@click.command()
@click.option(
    "--people",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A prepared store; without it, people are generated.",
)
@click.option("--size", default=800, show_default=True, help="Of generated people: longer side.")
@click.option("--generated", default=24, show_default=True, help="How many people are generated.")
@click.option("--crops", default=300, show_default=True, help="Read in each way.")
@click.option("--quick", is_flag=True, help="Few and small, to see that it runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the rows here.")
def main(
    people: Path | None, size: int, generated: int, crops: int, quick: bool, json_path: Path | None
) -> None:
    """Print what crops take to read, by layout."""
    if quick:
        size, generated, crops = 128, 3, 10
    rows: list[Row] = []
    with prepared_people(people, size, generated) as store:
        arrays = samples(store)
        for name in ARRAYS:
            drawn = draws(arrays[name], crops)
            for chunk, codec in LAYOUTS:
                zstd = codec.startswith("zstd")
                layout = layout_of(arrays[name], chunk, int(codec.split()[1]) if zstd else 0)
                row: Row = {"array": name, "chunk": chunk, "codec": codec}
                row["share"] = share(layout, arrays[name], drawn)
                with tempfile.TemporaryDirectory(prefix="shm-layouts-") as folder:
                    row |= zarr_figures(Path(folder) / "a", layout, codec, arrays[name], drawn)
                    own = own_figures(Path(folder), layout, arrays[name], drawn) if zstd else {}
                rows.append(row | own)
    rows = [{name: row.get(name, math.nan) for name in rows[0]} for row in rows]
    show(rows)
    if json_path is not None:
        json_path.write_text(json.dumps(finite(rows), indent=2))


if __name__ == "__main__":
    main()
