"""What composites are made of, and by which rules."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from shm.datasets.backgrounds.background import Background
from shm.datasets.backgrounds.choose import Policy, choose_backgrounds, large_enough
from shm.datasets.backgrounds.find import find_all_backgrounds
from shm.datasets.composites.name_lists import read_lists
from shm.datasets.composites.planning import PlanError, RecipeConfig
from shm.datasets.composites.protocols import (
    Pasting,
    Protocol,
    match_lists,
    require_as_published,
    shm_counts,
)
from shm.datasets.composites.store import CompositeStore
from shm.datasets.corpus import Reject
from shm.datasets.files import file_sha256
from shm.datasets.image import MAX_PIXELS
from shm.datasets.record import Record
from shm.datasets.splits import SPLITS, SplitConfig, assign_splits
from shm.datasets.storage.location import Location, is_inside, is_same
from shm.datasets.store import Store, open_store
from shm.pipeline.seed import digest
from shm.workflows.differences import listed
from shm.workflows.progress import watched


class CompositeError(PlanError):
    """No composite can be made of what was given."""


@dataclass(frozen=True, kw_only=True)
class CompositeRun:
    """Everything that decides what the store will hold.

    `people` and `unlabelled` say what becomes of backgrounds that show a person, and of those of
    which nobody knows: ``exclude`` or ``allow``. `protocol` names a published set, whose rules then
    take the place of these. With `decoded`, backgrounds are kept as pixels.
    """

    recipe: RecipeConfig = field(default_factory=RecipeConfig)
    protocol: Protocol | None = None
    people: Policy = "exclude"
    unlabelled: Policy = "exclude"
    max_pixels: int = MAX_PIXELS
    seed: int = 0
    decoded: bool = False


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What composites are made of: people, backgrounds with their splits, what lists have on what.

    The backgrounds are in the order of their slots, and `pastings` in that of the composites.
    """

    people: Store
    records: Mapping[int, Record]
    backgrounds: Sequence[Background]
    splits: Mapping[str, str]
    left_out: Sequence[Reject]
    pastings: Sequence[Pasting] = ()

    def counts(self, run: CompositeRun) -> dict[int, int]:
        """Return how many composites are made of each person."""
        if run.protocol == "composition-1k":
            return {each.foreground: len(each.backgrounds) for each in self.pastings}
        if run.protocol == "shm":
            return shm_counts(self.records)
        return run.recipe.counts(self.records)

    def explain(self, store: CompositeStore) -> str:
        """Say which of the people and backgrounds are others than a store was made of."""
        told = []
        people = store.attributes["people"]["identity"]
        if people != self.people.identity():
            told.append(f"{self.people.path} holds other people")
        if not store.backgrounds.attributes["complete"]:
            return "; ".join(told) or "the backgrounds are others"
        made = {}
        for _, record in store.backgrounds.records():
            made[record["source"]] = record.get("sha256")
        now = {background.source: background.path for background in self.backgrounds}
        told += [
            listed("new", [source for source in now if source not in made]),
            listed("gone", [source for source in made if source not in now]),
        ]
        if not any(told):
            told.append(
                listed(
                    "changed",
                    [
                        source
                        for source, path in now.items()
                        if made[source] not in (None, file_sha256(path))
                    ],
                )
            )
        return "; ".join(filter(None, told))

    def digest(self) -> str:
        """Return a digest of the people's bytes, the backgrounds' names and sizes, the pastings."""
        files = ((b.id, b.source, b.path.stat().st_size) for b in self.backgrounds)
        return digest(self.people.identity(), *files, *self.pastings).hex()


def gather(
    people: Location,
    target: Location,
    folders: Sequence[Path],
    run: CompositeRun,
    lists: Path | None = None,
) -> Sources:
    """Open the people and find the backgrounds, as the run's protocol or policies have them.

    Raises
    ------
    ShmError
        As `composite_store`.
    """
    if is_same(people, target):
        raise CompositeError(f"{people} holds the people: name another store for the composites")
    source = open_store(people)
    if source.kind != "prepared":
        raise CompositeError(
            f"{people} holds {source.kind} samples: give the store of `shm-data prepare`"
        )
    if is_inside(target, people):
        raise CompositeError(f"{target} lies in {people}: name a store that stands by itself")
    records = dict(source.samples())
    if not records:
        raise CompositeError(f"{source.path}: no sample in it was accepted")
    found = find_all_backgrounds(folders)
    if run.protocol == "composition-1k":
        return _listed(source, records, found, lists)
    return _allowed(source, records, found, run)


def _listed(
    people: Store, records: Mapping[int, Record], found: Sequence[Background], lists: Path | None
) -> Sources:
    """Take the backgrounds that the protocol's lists name."""
    if lists is None:
        raise CompositeError("composition-1k needs --lists: the folder of its lists of names")
    matched = match_lists(read_lists(lists), records, list(people.rejected()), found)
    require_as_published(matched.pastings, records)
    return Sources(
        people=people,
        records=records,
        backgrounds=matched.backgrounds,
        splits=matched.splits,
        left_out=(),
        pastings=matched.pastings,
    )


def _allowed(
    people: Store, records: Mapping[int, Record], found: Sequence[Background], run: CompositeRun
) -> Sources:
    """Take the backgrounds that the run's policies allow, and split them."""
    compare = partial(watched, "compare backgrounds", "photo")
    accepted, left_out = choose_backgrounds(
        found, people=run.people, unlabelled=run.unlabelled, watch=compare
    )
    longest = max(max(person["size"]) for person in records.values())
    measure = partial(watched, "measure backgrounds", "photo")
    own, small = large_enough(accepted, longest, max_pixels=run.max_pixels, watch=measure)
    sources = Sources(
        people=people,
        records=records,
        backgrounds=own,
        splits={},
        left_out=(*left_out, *small),
    )
    demand: Counter[str] = Counter()
    for slot, count in sources.counts(run).items():
        demand[records[slot]["split"]] += count
    if not own:
        why = reasons(sources.left_out) or "no photo there"
        raise CompositeError(f"no background may be used: {why}; or give others with --backgrounds")
    if run.protocol == "shm" and len(own) < demand.total():
        why = reasons(sources.left_out)
        raise CompositeError(
            f"{demand.total()} composites need a background each, but there are {len(own)}"
            f"{why and f' (left out: {why})'}: give more with --backgrounds"
        )
    return replace(sources, splits=split_backgrounds(own, demand, run.seed))


def split_backgrounds(
    backgrounds: Sequence[Background], demand: Counter[str], seed: int
) -> dict[str, str]:
    """Split the backgrounds, by id, in the shares of the composites; none is in two splits."""
    present = [split for split in SPLITS if demand[split]]
    if len(backgrounds) < len(present):
        raise CompositeError(
            f"{len(backgrounds)} backgrounds for {len(present)} splits: none may be in two, "
            "so give more"
        )
    shares = SplitConfig(**{split: demand[split] / demand.total() for split in SPLITS})
    return assign_splits((b.id for b in backgrounds), shares, seed, "backgrounds")


def reasons(left_out: Sequence[Reject]) -> str:
    """Return why backgrounds were left out, and how many for each reason, on one line."""
    reasons = Counter("the same file as another" if r.duplicate else r.reason for r in left_out)
    return "; ".join(f"{count} × {reason}" for reason, count in reasons.most_common(4))
