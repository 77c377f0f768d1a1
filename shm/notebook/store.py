"""A store as a notebook shows it: what is in it, and its samples by number or by id."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from shm.datasets.composites.store import CompositeStore
from shm.datasets.opening import Samples
from shm.datasets.splits import SPLITS, SplitError
from shm.datasets.tree import printable
from shm.notebook.sample import Sample, figure, table
from shm.workflows.progress import size_words

GLIMPSES = 6
"""Samples that a notebook shows of a store."""


class SampleStore:
    """Samples of a finished store, or of one of its splits, in the order of their ids.

    A sequence: ``store[0]``, ``store["person_0003"]``, ``store[:10]``, ``len(store)``,
    ``"person_0003" in store``, and a loop over it.

    Parameters
    ----------
    samples : Store or CompositeStore
    split : str, optional
        Of which alone.
    """

    def __init__(self, samples: Samples, split: str | None = None) -> None:
        self.samples = samples
        self._split = split

    @cached_property
    def _slots(self) -> NDArray[np.int64]:
        return self.samples.slots_in(self._split)

    @cached_property
    def _slot_of(self) -> dict[str, int]:
        return {record["id"]: slot for slot, record in self.samples.samples(self._split)}

    def split(self, name: str) -> "SampleStore":
        """Return the samples of one split: ``train``, ``validation`` or ``test``.

        Raises
        ------
        ShmError
            No split is called so.
        """
        if name not in SPLITS:
            raise SplitError(f"no split is called {name!r}: {', '.join(SPLITS)}")
        return SampleStore(self.samples, name)

    def describe(self) -> dict[str, Any]:
        """Return what ``shm-data inspect --json`` tells of the store."""
        from shm.workflows.inspect import inspect_store

        return inspect_store(self.samples.path)

    def __len__(self) -> int:
        return len(self._slots)

    @overload
    def __getitem__(self, which: int | str) -> Sample: ...

    @overload
    def __getitem__(self, which: slice) -> list[Sample]: ...

    def __getitem__(self, which: int | str | slice) -> Sample | list[Sample]:
        """Read the sample of a number, from 0, or of an id; of a slice all of them.

        Raises
        ------
        IndexError, KeyError
            There is none.
        DamageError
            Its bytes are not those that were written.
        """
        if isinstance(which, slice):
            return [self._read(slot) for slot in self._slots[which].tolist()]
        return self._read(self._find(which) if isinstance(which, str) else int(self._slots[which]))

    def _read(self, slot: int) -> Sample:
        record = self.samples.record(slot)
        names = self.samples.fields if isinstance(self.samples, CompositeStore) else None
        arrays = self.samples.read(slot, record, names)
        parts = {name: arrays[name] for name in ("image", "trimap", "alpha", "foreground")}
        return Sample(id=record["id"], background=arrays.get("background"), record=record, **parts)

    def __iter__(self) -> Iterator[Sample]:
        return (self._read(slot) for slot in self._slots.tolist())

    def __contains__(self, which: object) -> bool:
        return self._slot(str(getattr(which, "id", which))) is not None

    def _find(self, name: str) -> int:
        slot = self._slot(name)
        if slot is None:
            raise KeyError(f"{name}: no sample has this id: ids have no ending, and rejects none")
        return slot

    def _slot(self, name: str) -> int | None:
        if not isinstance(self.samples, CompositeStore):
            return self._slot_of.get(name)
        slot = self.samples.find(name)
        return slot if slot is not None and slot in self._slots else None

    def __repr__(self) -> str:
        split = f", {self._split}" if self._split else ""
        return f"SampleStore({str(self.samples.path)!r}{split}: {len(self)} samples)"

    def _repr_html_(self) -> str:
        about = self.describe()
        splits = about["splits"]
        facts = {
            "kind": about["kind"],
            "samples": len(self),
            "split": self._split or ", ".join(f"{name} {splits[name]}" for name in splits),
            "people": about["groups"],
            "rejected": len(about["rejected"]),
            "canvas": f"{about['canvas']} px",
            "bytes": size_words(about["bytes"]),
        }
        if self._split:  # of which the store does not know these
            del facts["people"], facts["rejected"], facts["bytes"]
        places = np.unique(np.linspace(0, max(0, len(self) - 1), GLIMPSES).astype(int))
        some = [self[place] for place in places.tolist()] if len(self) else []
        shown = "".join(figure(printable(each.id), each.image) for each in some)
        return (
            f"<div>{table(printable(str(self.samples.path)), facts)}"
            f"<div style='display:flex;flex-wrap:wrap;gap:8px'>{shown}</div></div>"
        )
