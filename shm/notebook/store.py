"""A store as a notebook shows it: what is in it, and its samples by number or by id."""

import html
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm.datasets.composites.store import CompositeStore
from shm.datasets.opening import Samples
from shm.datasets.tree import printable
from shm.notebook.sample import Sample, figure

GLIMPSES = 6
"""Samples that a notebook shows of a store."""


class SampleStore:
    """Samples of a finished store; a sequence of them, in the order of their ids.

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
        """Return the samples of one split: ``train``, ``validation`` or ``test``."""
        return SampleStore(self.samples, name)

    def describe(self) -> dict[str, Any]:
        """Return what ``shm-data inspect --json`` tells of the store."""
        from shm.workflows.inspect import inspect_store

        return inspect_store(self.samples.path)

    def __len__(self) -> int:
        return len(self._slots)

    def __getitem__(self, which: int | str) -> Sample:
        """Read the sample of a number, from 0, or of an id.

        Raises
        ------
        IndexError, KeyError
            There is none.
        DamageError
            Its bytes are not those that were written.
        """
        slot = self._find(which) if isinstance(which, str) else int(self._slots[which])
        record = self.samples.record(slot)
        names = self.samples.fields if isinstance(self.samples, CompositeStore) else None
        arrays = self.samples.read(slot, record, names)
        parts = {name: arrays[name] for name in ("image", "trimap", "alpha", "foreground")}
        return Sample(id=record["id"], background=arrays.get("background"), record=record, **parts)

    def __iter__(self) -> Iterator[Sample]:
        return (self[number] for number in range(len(self)))

    def _find(self, name: str) -> int:
        store = self.samples
        slot = store.find(name) if isinstance(store, CompositeStore) else self._slot_of.get(name)
        if slot is None:
            raise KeyError(name)
        return slot

    def __repr__(self) -> str:
        split = f", {self._split}" if self._split else ""
        return f"SampleStore({str(self.samples.path)!r}{split}: {len(self)} samples)"

    def _repr_html_(self) -> str:
        about = self.describe()
        facts = {
            "kind": about["kind"],
            "samples": len(self) if self._split else about["samples"],
            "splits": ", ".join(f"{name} {count}" for name, count in about["splits"].items()),
            "rejected": len(about["rejected"]),
            "canvas": f"{about['canvas']} px",
        }
        rows = "".join(
            f"<tr><th>{name}</th><td>{html.escape(str(value))}</td></tr>"
            for name, value in facts.items()
        )
        name = html.escape(printable(str(self.samples.path)))
        places = np.unique(np.linspace(0, max(0, len(self) - 1), GLIMPSES).astype(int))
        some = [self[place] for place in places.tolist()] if len(self) else []
        shown = "".join(figure(printable(each.id), each.image) for each in some)
        return (
            f"<div><p><b>{name}</b></p><table>{rows}</table>"
            f"<div style='display:flex;flex-wrap:wrap;gap:8px'>{shown}</div></div>"
        )
