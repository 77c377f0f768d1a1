"""One look at everything that a store says of its samples."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shm.datasets.composites.store import CompositeStore
from shm.datasets.opening import Samples
from shm.datasets.record import Record
from shm.datasets.store import Store
from shm.datasets.tree import printable
from shm.pipeline.seed import generator
from shm.workflows.outcome import reject_of
from shm.workflows.progress import watched
from shm.workflows.report.store.choice import Candidate, Choice, Chooser
from shm.workflows.report.store.figures import Histogram, count, histograms
from shm.workflows.report.store.rejects import Reasons

MOST_CLASSES = 24


@dataclass(kw_only=True)
class Survey:
    """What a page says of all samples, and which of them it may show.

    Attributes
    ----------
    samples, people, backgrounds : int
        How many there are; people and backgrounds that composites show, 0 for prepared people.
    splits : counts by name
    groups : set of str
        Persons or scenes.
    histograms : list of Histogram
        Of composites only the quality is of all of them: the rest is measured on those shown.
    rejects, left_out : Reasons
        Inputs, and backgrounds, that were not taken.
    marks : list of dict
        Those that the store obeys.
    classes : list of (name, composites)
        What is annotated in the backgrounds, the most frequent; `more_classes` are left out.
    """

    samples: int = 0
    people: int = 0
    backgrounds: int = 0
    splits: Counter[str] = field(default_factory=Counter)
    groups: set[str] = field(default_factory=set)
    histograms: list[Histogram] = field(default_factory=list)
    rejects: Reasons = field(default_factory=Reasons)
    left_out: Reasons = field(default_factory=Reasons)
    marks: list[dict[str, Any]] = field(default_factory=list)
    classes: list[tuple[str, int]] = field(default_factory=list)
    more_classes: int = 0
    choice: Choice

    def count(self, record: Record, times: int = 1) -> None:
        """Count an accepted sample, or so many composites of a person."""
        self.samples += times
        self.splits[record["split"]] += times
        self.groups.add(record["group"])
        count(self.histograms, record["quality"], times)

    def heed(self, record: Record) -> None:
        """Keep the mark that a record was made with."""
        target = target_of(record)
        if target is not None and "mark" in record:
            self.marks.append(dict(target) | {"mark": record["mark"]})


def target_of(record: Record) -> Mapping[str, Any] | None:
    """Return what a mark on a photo is of: its path, its bytes, its annotations' bytes."""
    if not record.get("sha256"):
        return None  # nobody could tell it from a changed one
    return {
        "source": record["source"],
        "sha256": record["sha256"],
        "annotations": record.get("annotations_sha256", {}),
    }


def survey(store: Samples, samples: int, seed: int) -> Survey:
    """Look at every record once.

    Parameters
    ----------
    store : Store or CompositeStore
        Composites have to be finished.
    samples : int
        How many samples a page shows at most.
    seed : int
        Of what is drawn.
    """
    chooser = Chooser(count=samples, seed=seed)
    if isinstance(store, CompositeStore):
        return _of_composites(store, chooser)
    return _of_people(store, chooser)


def _of_people(store: Store, chooser: Chooser) -> Survey:
    found = Survey(histograms=histograms(), choice=chooser.choice())
    shards = list(filter(store.has_shard, range(store.shards)))
    for shard in watched("look at samples", "shard", shards):
        for slot, record in zip(store.slots_of(shard), store.records_of(shard), strict=True):
            found.heed(record)
            if "rejected" in record:
                found.rejects.add(reject_of(record), target_of(record))
            else:
                found.count(record)
                chooser.offer(slot, record)
    found.choice = chooser.choice()
    return found


def _of_composites(store: CompositeStore, chooser: Chooser) -> Survey:
    found = Survey(histograms=histograms(["quality"]), choice=chooser.choice())
    uses = np.bincount(store.column("foreground"), minlength=store.foregrounds.slots).tolist()
    for slot, person in watched("look at people", "person", store.foregrounds.records(), len(uses)):
        found.heed(person)
        if "rejected" not in person and uses[slot]:
            found.people += 1
            found.count(person, uses[slot])
            chooser.offer(slot, person)
    behind = np.bincount(store.column("background"), minlength=store.backgrounds.slots).tolist()
    objects: Counter[str] = Counter()
    for slot, scene in store.backgrounds.records():
        if "rejected" in scene:
            found.rejects.add(reject_of(scene))
        elif behind[slot]:
            found.backgrounds += 1
            for name in _classes(scene):
                objects[name] += behind[slot]
    for reject in store.attributes["left_out"]:
        found.left_out.add(reject)
    found.classes = objects.most_common(MOST_CLASSES)
    found.more_classes = len(objects) - len(found.classes)
    found.choice = _composites_of(store, chooser)
    return found


def _classes(scene: Record) -> list[str]:
    if scene.get("classes"):
        return [printable(name) for name in scene["classes"]]
    if "person" not in scene:  # of an earlier version
        return ["(nothing known)"]
    return ["(no annotation)" if scene["person"] is None else "(nothing annotated)"]


def _composites_of(store: CompositeStore, chooser: Chooser) -> Choice:
    """Choose composites: one of each of the worst and the best people, and some of all.

    One person's composites have one quality: else the worst would be one person over and over.
    """
    people = chooser.choice()
    random = generator(chooser.seed, "report")
    column = store.column("foreground")

    def one_of(person: int) -> Candidate:
        slot = int(random.choice(np.flatnonzero(column == person)))
        return slot, store.record(slot)

    some = min(chooser.count, store.slots)
    drawn = random.choice(store.slots, some, replace=False).tolist()
    own = {slot: one_of(slot) for slot, _ in [*people.worst, *people.best]}
    return Choice(
        worst=[own[slot] for slot, _ in people.worst],
        best=[own[slot] for slot, _ in people.best],
        lots=[(slot, store.record(slot)) for slot in drawn],
        ranked=people.ranked,
    )
