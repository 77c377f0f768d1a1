"""A trainer that learns nothing: draws its batches, writes down which, and steps with the others.

The position after each step that all ranks have taken is on record; from there it carries on.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch.distributed as dist

from tests.datasets.streaming.streams import from_a_thread, stream


def main(store: Path, folder: Path, last: int, batch: int, workers: int, pause: float) -> None:
    """Stream from the position on record to `last`, as one of however many."""
    rank, world = (int(os.environ.get(name, start)) for name, start in DEFAULTS.items())
    record = folder / "position.json"
    start = json.loads(record.read_text()) if record.exists() else 0
    with (folder / f"{world}-{rank}.jsonl").open("a") as log:
        found = stream(store, batch, start=start, rank=rank, world=world, workers=workers)
        batches = from_a_thread(found)
        for first in range(start, last, world * batch):
            drawn = next(batches)
            line = {"position": first + rank * batch, "ids": drawn["id"]}
            tell(log.write, line | {"pids": [os.getpid(), drawn["pid"]]})
            log.flush()
            time.sleep(pause)
            if world > 1:
                dist.barrier()
            if rank == 0:
                fresh = record.with_suffix(".new")
                fresh.write_text(json.dumps(first + world * batch))
                fresh.replace(record)


DEFAULTS = {"RANK": 0, "WORLD_SIZE": 1}


def tell(write: Callable[[str], object], line: object) -> None:
    write(json.dumps(line) + "\n")


if __name__ == "__main__":
    if "RANK" in os.environ:
        dist.init_process_group("gloo")
    try:
        store, folder, *numbers = sys.argv[1:]
        last, batch, workers = map(int, numbers[:3])
        main(Path(store), Path(folder), last, batch, workers, float(numbers[3]))
    except KeyboardInterrupt:
        sys.exit(130)
    if "RANK" in os.environ:
        dist.destroy_process_group()
