"""Which page is given what, and how its commands are made quick."""

from dataclasses import dataclass

MADE = ("photos", "VOC2012", "COCO", "new_photos", "people.zarr", "train.zarr", "runs/first")


@dataclass(frozen=True, kw_only=True)
class World:
    """What a page finds in its folder.

    Parameters
    ----------
    given : tuple of str
        Names of the kit.
    apart : bool
        Each block stands by itself, and finds all that is given but what it makes.
    bucket : bool
        Whether there is an S3 server, whose bucket has the people and the composites.
    """

    given: tuple[str, ...] = ()
    apart: bool = False
    bucket: bool = False


WORLDS = {
    "README.md": World(
        given=(
            *MADE,
            *("runs/second", "mattes", "alphas", "trimaps", "animals.zarr"),
            *("a.jpg", "b.jpg", "c.jpg", "beach.jpg"),
        ),
        apart=True,
    ),
    "docs/preparation.md": World(given=(*MADE, "marks.json"), apart=True),
    "docs/composites.md": World(given=MADE, apart=True),
    "docs/protocols.md": World(
        given=("Combined_Dataset", "coco", "VOCdevkit", "corpus"), apart=True
    ),
    "docs/prediction.md": World(given=("photos", "new_photos", "runs/first", "beach.jpg")),
    "docs/store.md": World(given=("people.zarr", "train.zarr")),
    "docs/streaming.md": World(given=("train.zarr",)),
    "docs/training.md": World(given=("train.zarr",)),
    "docs/tutorial.md": World(given=("photos", "holidays", "new_photos")),
    "docs/explanation.md": World(given=("photos",)),
    "docs/scaling.md": World(),
    "docs/api.md": World(given=("photos", "people.zarr", "train.zarr", "runs/first")),
    "docs/howto/aisegment.md": World(given=("aisegment", "VOC2012")),
    "docs/howto/adobe-dim.md": World(given=("Combined_Dataset", "coco", "VOCdevkit")),
    "docs/howto/p3m.md": World(given=("P3M-10k", "VOC2012", "COCO")),
    "docs/howto/rgba.md": World(given=("cutouts", "photos", "VOC2012")),
    "docs/howto/cluster.md": World(given=("photos", "VOC2012")),
    "docs/howto/s3.md": World(given=("photos", "VOC2012"), bucket=True),
    "docs/howto/several-gpus.md": World(given=("train.zarr",)),
    "docs/howto/new-layout.md": World(given=("scans",)),
    "docs/howto/new-network.md": World(given=("train.zarr", "new_photos")),
}

ON_DASK = ("sample", "prepare", "composite", "materialise")

SMALLER: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("shm-data", "sample"): (("--people", "6"), ("--size", "64")),
    ("shm", "train"): (
        *(("--steps", "2"), ("--batch", "2"), ("--crop", "32"), ("--workers", "0")),
        *(("--set", "loop.picture_every=0"), ("--set", "model.width=0.25")),
    ),
}
"""What a command is given besides, where its line does not say it: otherwise it takes minutes."""


def quicker(words: list[str], cluster: tuple[object, ...]) -> list[str]:
    """Return a command's words with what makes it quick, and the cluster that stands ready."""
    name = "shm-data" if words[0] == "python" and words[2:3] != ["train"] else words[0]
    name = "shm" if words[0] == "python" and words[2:3] == ["train"] else name
    command = words[2 if words[0] == "python" else 1]
    if "--help" in words or "--print-config" in words:
        return words
    more: list[str] = []
    for option, value in SMALLER.get((name, command), ()):
        if option == "--set" or option not in words:
            more += [option, value]
    if name == "shm-data" and command in ON_DASK and not {"--workers", "--scheduler"} & {*words}:
        more += map(str, cluster)
    return [*words, *more]
