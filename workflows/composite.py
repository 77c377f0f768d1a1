"""Prepared people and photos without people in, a store of composites out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shm.datasets.backgrounds import Background, Policy, choose_backgrounds, find_all_backgrounds
from shm.datasets.corpus import Reject
from shm.datasets.files import file_sha256
from shm.datasets.image import MAX_PIXELS, read_photo
from shm.datasets.pairing import pair_backgrounds
from shm.datasets.raw import naming
from shm.datasets.record import Record
from shm.datasets.splits import SPLITS, SplitConfig, assign_splits
from shm.datasets.store import Arrays, Store, open_store
from shm.pipeline.composite import blend, choose_crop, cut_background
from shm.pipeline.errors import ShmError
from shm.pipeline.seed import digest, generator
from shm.workflows.engine import ClusterConfig
from shm.workflows.outcome import Outcome, attempt
from shm.workflows.resume import open_for_writing
from shm.workflows.shards import make_missing_shards
from shm.workflows.software import software_versions


class CompositeError(ShmError, ValueError):
    """No composite can be made of what was given."""


@dataclass(frozen=True, kw_only=True)
class CompositeRun:
    """Everything that decides what the store will hold.

    `people` and `unlabelled` say what becomes of backgrounds that show a person, and of those of
    which nobody knows: ``exclude`` or ``allow``.
    """

    per_foreground: int = 10
    people: Policy = "exclude"
    unlabelled: Policy = "exclude"
    max_pixels: int = MAX_PIXELS
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.per_foreground <= 10_000:
            raise CompositeError(f"{self.per_foreground} a foreground: between 1 and 10000, please")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One composite to make: the foreground's slot, its record, the background, the count."""

    slot: int
    person: Record
    background: Background
    number: int


@dataclass(frozen=True, kw_only=True)
class ShardJob:
    """One shard's work, whole."""

    store: Path
    shard: int
    people: Path
    entries: tuple[Entry, ...]
    run: CompositeRun


def composite_store(
    people: Path,
    target: Path,
    backgrounds: Sequence[Path],
    run: CompositeRun,
    cluster: ClusterConfig,
    *,
    overwrite: bool = False,
) -> Outcome:
    """Paste every prepared person on `run.per_foreground` backgrounds of the same split.

    Raises
    ------
    ShmError
        A folder of backgrounds is missing, no background may be used, `people` is no prepared
        store, or the target was made with other options.
    """
    if people.resolve() == target.resolve():
        raise CompositeError(f"{people} holds the people: name another store for the composites")
    source = open_store(people)
    if source.kind != "prepared":
        raise CompositeError(
            f"{people} holds {source.kind} samples: give the store of `shm-data prepare`"
        )
    accepted, left_out = gather_backgrounds(backgrounds, run)
    entries = list_entries(source, accepted, run)
    store = open_for_writing(
        target,
        kind="composited",
        slots=len(entries),
        canvas=source.canvas,
        attributes={
            "config": asdict(run),
            "people": {"name": people.resolve().name, "identity": source.identity()},
            "inputs": _inputs_digest(source, accepted),
            "software": software_versions(),
        },
        notes={"left_out": [asdict(reject) for reject in left_out]},
        overwrite=overwrite,
    )

    def job_of(shard: int) -> ShardJob:
        return ShardJob(
            store=target.resolve(),
            shard=shard,
            people=people.resolve(),
            entries=tuple(entries[slot] for slot in store.slots_of(shard)),
            run=run,
        )

    return make_missing_shards(
        store, job_of, composite_shard, cluster, what="composite", unit="composite"
    )


def gather_backgrounds(
    folders: Sequence[Path], run: CompositeRun
) -> tuple[tuple[Background, ...], tuple[Reject, ...]]:
    """Find and choose the backgrounds of all folders together.

    Raises
    ------
    CompositeError
        None is left; the message counts the reasons.
    """
    found = find_all_backgrounds(folders)
    accepted, left_out = choose_backgrounds(found, people=run.people, unlabelled=run.unlabelled)
    if not accepted:
        reasons = Counter(map(_reason, left_out))
        listed = "; ".join(f"{count} × {reason}" for reason, count in reasons.most_common(4))
        names = ", ".join(map(str, folders))
        raise CompositeError(f"{names}: no background may be used ({listed or 'no photo there'})")
    return accepted, left_out


def list_entries(
    source: Store, backgrounds: Sequence[Background], run: CompositeRun
) -> list[Entry]:
    """List the composites in the order of their slots: by person, then by background."""
    people = list(source.samples())
    if not people:
        raise CompositeError(f"{source.path}: no sample in it was accepted")
    by_split = split_backgrounds(backgrounds, Counter(p["split"] for _, p in people), run.seed)
    draws = {
        split: pair_backgrounds(
            len(people), [b.id for b in chosen], run.per_foreground, run.seed, split
        )
        for split, chosen in by_split.items()
    }
    return [
        Entry(slot=slot, person=person, background=by_split[person["split"]][index], number=number)
        for slot, person in people
        for number, index in enumerate(next(draws[person["split"]]))
    ]


def split_backgrounds(
    backgrounds: Sequence[Background], people: Counter[str], seed: int
) -> dict[str, list[Background]]:
    """Split the backgrounds in the shares that the people have, none in two splits."""
    present = [split for split in SPLITS if people[split]]
    if len(backgrounds) < len(present):
        raise CompositeError(
            f"{len(backgrounds)} backgrounds for {len(present)} splits: none may be in two, "
            "so give more"
        )
    shares = SplitConfig(**{split: people[split] / people.total() for split in SPLITS})
    splits = assign_splits((b.id for b in backgrounds), shares, seed, "backgrounds")
    return {split: [b for b in backgrounds if splits[b.id] == split] for split in present}


def composite_shard(job: ShardJob) -> tuple[int, int]:
    """Make and write one shard of composites; returns (accepted, rejected)."""
    people = open_store(job.people)
    made = [
        attempt(
            composite_id(entry),
            lambda entry=entry: _composite(people, entry, job.run),  # type: ignore[misc]
        )
        for entry in job.entries
    ]
    store = open_store(job.store, writable=True, incomplete=True)
    store.write_shard(job.shard, [arrays for arrays, _ in made], [record for _, record in made])
    rejected = sum(arrays is None for arrays, _ in made)
    return len(made) - rejected, rejected


def composite_id(entry: Entry) -> str:
    """Return the id of a composite: its person's, and a number."""
    return f"{entry.person['id']}-{entry.number:03d}"


def _composite(people: Store, entry: Entry, run: CompositeRun) -> tuple[Arrays, Record]:
    person, background = entry.person, entry.background
    arrays = people.read(entry.slot, person)
    with naming(background.source):
        photo = read_photo(background.path, max_pixels=run.max_pixels)
    size = arrays["alpha"].shape[0], arrays["alpha"].shape[1]
    random = generator(run.seed, "composite", composite_id(entry))
    crop = choose_crop((photo.shape[0], photo.shape[1]), size, random)
    arrays["background"] = cut_background(photo, crop, size)
    arrays["image"] = blend(arrays["foreground"], arrays["alpha"], arrays["background"])
    record: dict[str, Any] = {
        "id": composite_id(entry),
        "source": person["source"],
        "group": person["group"],
        "split": person["split"],
        "size": size,
        "foreground": {"id": person["id"], "sha256": person["sha256"], "slot": entry.slot},
        "background": {
            "id": background.id,
            "source": background.source,
            "sha256": file_sha256(background.path),
            "licence": background.licence,
        },
        "recipe": asdict(crop),
        "quality": person["quality"],
    }
    return arrays, record


def _reason(reject: Reject) -> str:
    return "the same file as another" if reject.duplicate else reject.reason


def _inputs_digest(people: Store, backgrounds: Sequence[Background]) -> str:
    """Return a digest of the people's bytes and the backgrounds' names and sizes."""
    files = ((b.id, b.source, b.path.stat().st_size) for b in backgrounds)
    return digest(people.identity(), *files).hex()
