"""What changed in a corpus since a store was made of it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shm.datasets.corpus import Pair
from shm.datasets.record import Record
from shm.datasets.store import Store
from shm.workflows.differences import listed
from shm.workflows.ledger import Ledger, Signatures
from shm.workflows.prepare.entries import Entry, hashes_of
from shm.workflows.prepare.shard import signatures
from shm.workflows.progress import progress

REJECTED = "rejected"


@dataclass
class Changes:
    """Which slots of a store were made from files that are others now.

    Attributes
    ----------
    slots : dict
        The changed slots, by shard; a shard with none of them is written again for its marks alone.
    sources : list of str
        Photos that changed, or have another mark.
    void : list of str
        All files of these slots: what the history tells of them no longer holds.
    seen : dict
        Files that look changed, and whose bytes are what they were.
    """

    slots: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    sources: list[str] = field(default_factory=list)
    void: list[str] = field(default_factory=list)
    seen: Signatures = field(default_factory=dict)

    def kept(self, store: Store, shard: int) -> frozenset[int]:
        """Return the slots of a shard whose samples stay when others are made again."""
        if shard not in self.slots:
            return frozenset()
        return frozenset(store.slots_of(shard)) - self.slots[shard]


def find_changes(store: Store, entries: Sequence[Entry], root: Path, ledger: Ledger) -> Changes:
    """Find the slots whose files changed after they were made.

    A file of the size and time that the ledger has is taken for unchanged; of others the SHA-256
    is compared with the record's.
    """
    known = ledger.signatures()
    changes = Changes()
    bound = store.attributes["config"]["sample"]["reject_below"]
    shards = list(filter(store.has_shard, range(store.shards)))
    there = sum(len(store.slots_of(shard)) for shard in shards)
    with progress("look for changes", there, "photo", brief=True) as bar:
        for shard, slot, record in _made(store, shards):
            bar.advance()
            pair = entries[slot].pair
            if pair is None:
                continue
            mark = entries[slot].mark
            marked = record.get("mark") != mark
            # A sample that was kept, or is now, is the same but for what its record says, unless it
            # is below the bound that it was kept in spite of.
            again = marked and (
                "rejected" in record
                or mark == "reject"
                or (mark is None and record["quality"]["quality"] < bound)
            )
            if not again and mark != "reject":
                now = signatures(root, pair)
                if len(now) < len(pair.files) or any(
                    known.get(name) != each for name, each in now.items()
                ):
                    again = not _is_same(root, pair, record)
                    changes.seen |= {} if again else now
            if marked or again:
                changes.slots[shard] |= {slot} if again else set()
                changes.sources.append(pair.image)
                changes.void += pair.files if again else ()
    return changes


def _made(store: Store, shards: Sequence[int]) -> Iterator[tuple[int, int, Record]]:
    for shard in shards:
        for slot, record in zip(store.slots_of(shard), store.records_of(shard), strict=True):
            yield shard, slot, record


def _is_same(root: Path, pair: Pair, record: Record) -> bool:
    """Return whether a pair's files have the bytes that a record was made from."""
    if "rejected" in record:  # its bytes are not known, and what was wrong may be mended
        return False
    try:
        now = hashes_of(root, pair)
    except OSError:
        return False
    return all(record.get(name) == each for name, each in now.items())


def explain_entries(store: Store, entries: Sequence[Entry]) -> str:
    """Say which inputs are new, gone, or taken for something else than when a store was made."""
    made: dict[str, object] = {}
    for shard in filter(store.has_shard, range(store.shards)):
        for record in store.records_of(shard):
            made[record["source"]] = _told(record)
    if len(made) < store.slots:  # of what is not made yet there is no record
        return (
            "the corpus holds other files than when this was begun, or others belong together, and "
            "this is not finished, so which these are is not known"
        )
    now, reasons = {}, {}
    for entry in entries:
        source = entry.pair.image if entry.pair else entry.reject.source if entry.reject else "?"
        now[source] = entry.split if entry.pair else REJECTED
        reasons[source] = "" if entry.reject is None else f" ({entry.reject.reason})"
    other = [name for name in now if name in made and made[name] != now[name]]
    rejected = [f"{name}{reasons[name]}" for name in other if now[name] == REJECTED]
    # What was rejected may have been so for what it holds, and count among the inputs all the same.
    moved = [name for name in other if REJECTED not in (now[name], made[name])]
    parts = [
        listed("new", [name for name in now if name not in made]),
        listed("gone", [name for name in made if name not in now]),
        listed("rejected now", rejected),
        listed("in another split now", moved),
    ]
    told = "; ".join(filter(None, parts)) or listed("no longer rejected", other)
    return told or "other files belong together"


def _told(record: Record) -> object:
    return REJECTED if "rejected" in record else record["split"]
