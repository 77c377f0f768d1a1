"""Making a store in any number of attempts: create it, or find out how far the last one got."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from shm.datasets.damage import StoreError
from shm.datasets.group import open_group, require_writable
from shm.datasets.storage.location import Location
from shm.datasets.storage.opening import open_storage
from shm.pipeline.errors import ShmError
from shm.workflows.differences import (
    Difference,
    Spelling,
    differences,
    told_as_options,
    told_otherwise,
)
from shm.workflows.ledger import Ledger
from shm.workflows.lock import locked
from shm.workflows.placing import ROOT, create_whole, remove, remove_leftovers


class ResumeError(ShmError, ValueError):
    """The store at the target was made from other inputs or with other options."""


class _Store(Protocol):
    kind: Any
    attributes: dict[str, Any]


AnyStore = TypeVar("AnyStore", bound=_Store)


@dataclass(frozen=True, kw_only=True)
class Making(Generic[AnyStore]):
    """How a command makes a store.

    Attributes
    ----------
    command : str
        In the words of the command line: ``shm-data prepare``.
    wanted : mapping
        What the store must say of itself: its kind, and all that decides its bytes.
    create : callable
        Creates an empty store of that at a path.
    reopen : callable
        Opens one to write in it, whether it is finished or not.
    spellings : mapping
        How the settings in `wanted`, named ``config.sample.size``, are said as options.
    check : callable, optional
        Refuses work that there is no room for, given the store that stands there, or None.
    is_empty : callable, optional
        Whether a finished store has no sample, so that it may be made anew with other options.
    explain : callable, optional
        Given the store that stands there, names the inputs that are others than it was made from.
    """

    command: str
    wanted: Mapping[str, Any]
    create: Callable[[Location], object]
    reopen: Callable[[Location], AnyStore]
    spellings: Mapping[str, Spelling]
    check: Callable[[AnyStore | None], None] = lambda _: None
    is_empty: Callable[[AnyStore], bool] = lambda _: False
    explain: Callable[[AnyStore], str] = lambda _: ""


@contextmanager
def open_for_writing(
    path: Location, making: Making[AnyStore], *, overwrite: bool = False
) -> Iterator[tuple[AnyStore, Ledger]]:
    """Create the store, or open what an earlier run of the same command left, and hold it.

    Parameters
    ----------
    path : Path or URL
    making : Making
    overwrite : bool
        Make the store anew, unless what stands there is this very one, unfinished.

    Raises
    ------
    BusyError
        Another command writes to it.
    ResumeError
        What stands there was made otherwise; the message names the options that differ.
    """
    require_writable(path)
    if isinstance(path, Path):
        path = path.absolute()  # a name such as `.` has no place beside it
        if not path.parent.is_dir():
            raise StoreError(f"{path.parent}: no such folder to put {path.name} in")
        if path.is_symlink() and not path.exists():
            raise StoreError(f"{path} is a link to nothing: name the place that it leads to")
    with locked(path, making.command) as killed:
        store = _opened(path, making, overwrite=overwrite)
        ledger = Ledger(path)
        if not store.attributes["complete"]:
            ledger.begin(making.command, making.wanted["software"], making.wanted.get("config", {}))
            if killed is not None:
                ledger.add("note", text=f"{killed} was killed before")
        try:
            yield store, ledger
        except BaseException as error:
            with suppress(OSError):  # of a full disk, say
                ledger.add("stop", why=" ".join(str(error).split()) or type(error).__name__)
            raise
        if ledger.written:
            remove_leftovers(path)  # of workers that died while others went on


def _opened(path: Location, making: Making[AnyStore], *, overwrite: bool) -> AnyStore:
    wanted = _plain(making.wanted)
    there = open_storage(path).size(ROOT) is not None
    if overwrite and (there or (isinstance(path, Path) and path.exists())):
        # Opening it first, so that nothing is ever deleted but a store of ours.
        _, layout = open_group(path)
        if isinstance(path, Path) and path.is_symlink():
            raise ResumeError(f"{path} is a link: name the store that it leads to")
        if layout["kind"] != wanted["kind"]:
            raise ResumeError(
                f"{path} holds {layout['kind']} samples: --overwrite replaces a store of its own "
                "kind only; name another"
            )
        if layout["complete"] or differences(layout, wanted):
            making.check(None)  # before anything is deleted
            remove(path)
            there = False
    if not there and not (isinstance(path, Path) and path.exists()):
        making.check(None)
        create_whole(path, making.create)
        return making.reopen(path)
    _, layout = open_group(path)
    if layout["kind"] != wanted["kind"]:
        raise ResumeError(f"{path} holds {layout['kind']} samples: name another store")
    changes = differences(layout, wanted)
    if changes and layout["complete"] and making.is_empty(making.reopen(path)):
        making.check(None)  # a mistaken path, most often: nothing is lost
        remove(path)
        create_whole(path, making.create)
        return making.reopen(path)
    if changes:
        raise _made_otherwise(path, changes, making)
    remove_leftovers(path)
    store = making.reopen(path)
    if not store.attributes["complete"]:
        making.check(store)
    return store


def _made_otherwise(
    path: Location, changes: Sequence[Difference], making: Making[AnyStore]
) -> ResumeError:
    """Say what differs, and how to get either store."""
    _, there = open_group(path)
    old, new = told_as_options(changes, there, _plain(making.wanted), making.spellings)
    if old:  # of which other splits and rejects follow, which nobody needs to hear of
        told = f"with {' '.join(old)}, now {' '.join(new)}"
        cure = f"with the old options ({' '.join(old)})"
    else:
        others = told_otherwise(changes, lambda: making.explain(making.reopen(path)))
        told, cure = "; ".join(others), "as it was made"
    return ResumeError(
        f"{path} was made otherwise: {told}. Run again {cure}, name another store, or add "
        "--overwrite to make it anew"
    )


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value as JSON gives it back: tuples as lists, keys as strings."""
    plain: dict[str, Any] = json.loads(json.dumps(value))
    return plain
