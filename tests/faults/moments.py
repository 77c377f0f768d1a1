"""Moments of each command at which it hurts most to be killed."""

from tests.faults.attacks import Moment
from tests.faults.chain import (
    COMPOSITE,
    EXPORT,
    LAZY,
    MATERIALISE,
    PREDICT,
    PREPARE,
    TRAIN,
    Attacked,
)

RENAME, OPEN, REMOVE = "os.rename", "open", "os.remove"

STORE = {
    "before the store has its name": Moment(RENAME, r"\.zarr$"),
    "while its metadata are written": Moment(OPEN, r"\.partial/.*zarr\.json", 2),
}

MOMENTS: dict[Attacked, dict[str, Moment]] = {
    PREPARE: {
        **STORE,
        "while a shard is written": Moment(OPEN, r"/image/c/1/.*\.partial$"),
        "in the rename of a shard": Moment(RENAME, r"/image/c/1/0/0/0$"),
        "between two arrays of a shard": Moment(RENAME, r"/alpha/c/1/0/0$"),
        "between shard and digest": Moment(RENAME, r"/digest/c/1/0/0$"),
        "between shard and record": Moment(RENAME, r"/record/c/1/0$"),
        "after a record, before the ledger": Moment(OPEN, r"ledger\.jsonl$", 2),
        "before it is called complete": Moment(RENAME, r"people[^/]*\.zarr/zarr\.json$"),
    },
    COMPOSITE: {
        **STORE,
        "in the copy of people": Moment(RENAME, r"foregrounds/alpha/c/1/0/0$"),
        "between people and record": Moment(RENAME, r"foregrounds/record/c/1/0$"),
        "between a background and its record": Moment(RENAME, r"backgrounds/record/c/0/0$"),
        "in the recipes": Moment(RENAME, r"recipe/c/0/0$"),
        "between recipes and their digest": Moment(RENAME, r"[^/]*\.zarr/zarr\.json$", 2),
        "in an image shard": Moment(RENAME, r"images/image/c/2/0/0/0$"),
        "between images and record": Moment(RENAME, r"images/record/c/3/0$"),
        "before it is called complete": Moment(RENAME, r"images/zarr\.json$", 2),
    },
    LAZY: {
        "between people and record": Moment(RENAME, r"foregrounds/record/c/2/0$"),
        "in the recipes": Moment(RENAME, r"recipe/c/0/0$"),
    },
    MATERIALISE: {
        "in the copy of backgrounds": Moment(RENAME, r"backgrounds/file/c/0/0$"),
        "in the recipes": Moment(RENAME, r"recipe/c/0/0$"),
        "between images and record": Moment(RENAME, r"images/record/c/1/0$"),
    },
    EXPORT: {
        "before its note": Moment(RENAME, r"\.shm-export\.json$"),
        "in a file": Moment(RENAME, r"/trimap/.*\.png$", 40),
    },
    PREDICT: {
        "before its record": Moment(RENAME, r"shm-predict\.jsonl$"),
        "between a result and its line": Moment(RENAME, r"cutout/p0004\.png$"),
    },
    TRAIN: {
        "before the run's recipe": Moment(RENAME, r"config\.toml$"),
        "in a line of the log": Moment(OPEN, r"tnet/log\.jsonl$"),
        "in the weights of a checkpoint": Moment(RENAME, r"tnet/last-00000003.*\.safetensors$"),
        "between weights and state": Moment(RENAME, r"tnet/last-00000006.*\.state\."),
        "between state and pointer": Moment(RENAME, r"tnet/last\.json$", 2),
        "while the old checkpoint is removed": Moment(REMOVE, r"tnet/last-00000003"),
        "between two phases": Moment(RENAME, r"mnet/last\.json$"),
        "in the best of a phase": Moment(RENAME, r"end-to-end/best\.json$"),
    },
}
"""What Python tells of is about to happen when the command is killed."""
