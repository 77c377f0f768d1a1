"""Making a store in any number of attempts: create it, or find out how far the last one got."""

import glob
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from upath import UPath

from shm.datasets.damage import StoreError
from shm.datasets.group import open_group, require_writable
from shm.datasets.storage.location import Location
from shm.datasets.storage.opening import open_storage
from shm.datasets.storage.remote import RemoteStorage
from shm.pipeline.errors import ShmError
from shm.workflows.ledger import Ledger
from shm.workflows.lock import locked

ROOT = "zarr.json"
"""Key of what makes a folder, or the objects below a name, a store."""

NAMED = 5
"""Files that a message names; of the others it says how many there are."""


class ResumeError(ShmError, ValueError):
    """The store at the target was made from other inputs or with other options."""


class _Store(Protocol):
    kind: Any
    attributes: dict[str, Any]


AnyStore = TypeVar("AnyStore", bound=_Store)

Spelling = Callable[[Any], str]
"""Says a value of the configuration in the words of the command line: ``--refine knn``."""


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
    explain : callable, optional
        Given the store that stands there, names the inputs that are others than it was made from.
    """

    command: str
    wanted: Mapping[str, Any]
    create: Callable[[Location], object]
    reopen: Callable[[Location], AnyStore]
    spellings: Mapping[str, Spelling]
    check: Callable[[AnyStore | None], None] = lambda _: None
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
            _remove_leftovers(path)  # of workers that died while others went on


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
            _remove(path)
            there = False
    if not there and not (isinstance(path, Path) and path.exists()):
        making.check(None)
        _create(path, making.create)
        return making.reopen(path)
    _, layout = open_group(path)
    changes = differences(layout, wanted)
    if changes:
        raise _made_otherwise(path, changes, making)
    _remove_leftovers(path)
    store = making.reopen(path)
    if not store.attributes["complete"]:
        making.check(store)
    return store


@dataclass(frozen=True)
class Difference:
    """A setting that is another than the one that a store was made with."""

    name: str
    old: Any
    new: Any


def differences(
    there: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = ""
) -> list[Difference]:
    """Return every wanted value that is not the one there."""
    found = []
    for name, value in wanted.items():
        old = there.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            found += differences(old, value, f"{prefix}{name}.")
        elif old != value:
            found.append(Difference(prefix + name, old, value))
    return found


def _made_otherwise(
    path: Location, changes: list[Difference], making: Making[AnyStore]
) -> ResumeError:
    """Say what differs, and how to get either store."""
    there, wanted = open_group(path)[1], _plain(making.wanted)
    old, new, other = [], [], []
    for name in dict.fromkeys(_option_of(change.name, making.spellings) for change in changes):
        if name in making.spellings:
            spell = making.spellings[name]
            old.append(spell(_value(there, name)))
            new.append(spell(_value(wanted, name)))
        elif name == "inputs" or name.endswith("identity"):
            other.append(making.explain(making.reopen(path)) or "its inputs changed")
        elif name.startswith("software."):
            was, now = _value(there, name), _value(wanted, name)
            other.append(f"by {name.removeprefix('software.')} {was}, now {now}")
        elif not {"config", "slots", "canvas"} & {name.split(".")[0]}:
            other.append(f"{name} was {_value(there, name)}, now {_value(wanted, name)}")
    # Of other options other splits and rejects follow, which nobody needs to hear of.
    told = [f"with {' '.join(old)}, now {' '.join(new)}"] if old else list(dict.fromkeys(other))
    told = told or [f"{change.name} was {change.old}, now {change.new}" for change in changes]
    cure = f"with the old options ({' '.join(old)})" if old else "as it was made"
    return ResumeError(
        f"{path} was made otherwise: {'; '.join(told)}. Run again {cure}, name another store, or "
        "add --overwrite to make it anew"
    )


def listed(what: str, names: Sequence[str]) -> str:
    """Name the first few of some files after what is said of them; nothing where there is none."""
    rest = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    return f"{what}: {', '.join([*names[:NAMED], *rest])}" if names else ""


def _option_of(name: str, spellings: Mapping[str, Spelling]) -> str:
    """Return the option that a setting belongs to: its own, or that of a group of settings."""
    parts = name.split(".")
    whole = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((each for each in whole if each in spellings), name)


def _value(said: Any, name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    for part in name.split("."):
        said = said.get(part) if isinstance(said, Mapping) else None
    return said


def _remove(path: Location) -> None:
    """Delete a store; out of its place in one step, so that a kill leaves no part of it there."""
    if not isinstance(path, Path):
        _remove_there(path)
        return
    old = path.with_name(f".{path.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    path.rename(old)
    shutil.rmtree(old)


def _remove_leftovers(path: Location) -> None:
    """Delete what was being written when its process died."""
    if isinstance(path, Path):
        for leftover in path.rglob("*.partial"):
            leftover.unlink(missing_ok=True)


def _remove_there(path: UPath) -> None:
    """Delete a store's objects, last the one that makes it a store; until then it is unfinished.

    Shards that stayed behind would be taken for those of the next store.
    """
    group, layout = open_group(path, writable=True)
    group.attrs["shm"] = layout | {"complete": False}
    storage = RemoteStorage(path)
    storage.delete_some([key for key in storage.listing() if key != ROOT])
    left = [key for key in storage.listing() if key != ROOT]
    if left:
        raise ResumeError(f"{path}: {len(left)} objects can't be deleted, as {left[0]}; try again")
    storage.delete(ROOT)


def _create(path: Location, create: Callable[[Location], object]) -> None:
    """Create the store beside its place and move it there whole."""
    if not isinstance(path, Path):
        _create_there(path, create)
        return
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.rmtree(path.with_name(f".{path.name}.old"), ignore_errors=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        create(partial)
        partial.rename(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _create_there(path: UPath, create: Callable[[Location], object]) -> None:
    """Create the store here and upload it, what makes it one last."""
    if not path.name:
        raise ResumeError(f"{path}: names no place in the bucket: add one, as people.zarr")
    storage = RemoteStorage(path)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / path.name
        create(made)
        files = sorted(each for each in made.rglob("*") if each.is_file())
        keys = {each.relative_to(made).as_posix(): each for each in files}
        others = sorted(set(storage.listing()) - keys.keys())  # else of a creation that was killed
        if others:
            raise ResumeError(
                f"{path}: there are other objects, as {others[0]}: name another place"
            )
        for key in sorted(keys, key=lambda key: (key == ROOT, key)):
            storage.write(key, keys[key].read_bytes())


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value as JSON gives it back: tuples as lists, keys as strings."""
    plain: dict[str, Any] = json.loads(json.dumps(value))
    return plain
