"""What became of the inputs: accepted or rejected, each rejection with its reason."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from shm.datasets.damage import DamageError
from shm.datasets.record import Record, encode_record
from shm.datasets.storage.location import Location
from shm.datasets.store import Arrays, Store
from shm.pipeline.errors import ShmError

MAX_REASON = 400
MAX_SOURCE = 500
"""Letters of a reject's reason and source that are kept; a letter takes up to six bytes."""


class OutOfMemoryError(ShmError, MemoryError):
    """A photo needs more memory than there is."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a command that writes a store; `redone` names photos that were made again."""

    store: Location
    accepted: int
    rejected: tuple[dict[str, Any], ...]
    left_alone: tuple[str, ...] = ()
    redone: tuple[str, ...] = ()

    @property
    def failures(self) -> int:
        """Rejects that mean a loss: no duplicates of accepted photos, and none asked for."""
        return sum(
            not (reject.get("duplicate") or reject.get("marked")) for reject in self.rejected
        )

    def as_json(self) -> dict[str, Any]:
        """Return the outcome for ``--json``."""
        return {
            "store": str(self.store),
            "samples": self.accepted,
            "rejected": list(self.rejected),
            "left_alone": list(self.left_alone),
            "redone": list(self.redone),
        }


def outcome_of(store: Store, redone: Iterable[str] = ()) -> Outcome:
    """Read from a store's records what was accepted and what was rejected."""
    accepted, rejected = 0, []
    for _, record in store.records():
        if "rejected" in record:
            rejected.append(reject_of(record))
        else:
            accepted += 1
    return Outcome(
        store=store.path,
        accepted=accepted,
        rejected=tuple(rejected),
        left_alone=tuple(store.attributes.get("left_alone", ())),
        redone=tuple(redone),
    )


def reject_of(record: Record) -> dict[str, Any]:
    """Return source and reason of a rejected input's record."""
    return {
        "source": record["source"],
        "reason": record["rejected"],
        "duplicate": record.get("duplicate", False),
        "marked": record.get("mark") == "reject",
    }


def attempt(
    source: str, make: Callable[[], tuple[Arrays | None, Record]]
) -> tuple[Arrays | None, Record]:
    """Make a sample, or the record of its rejection: one bad input never stops the others."""
    try:
        arrays, record = make()
        encode_record(record)
    except DamageError:
        raise  # what was made before is damaged, not this input
    except ShmError as error:
        return None, rejection(source, str(error))
    except MemoryError as error:
        raise OutOfMemoryError(
            f"{source}: not enough memory: give fewer --workers or a smaller --size; the same "
            "command then carries on"
        ) from error
    except OSError as error:
        if not isinstance(error, FileNotFoundError | PermissionError):
            raise  # a full disk, a lost mount: not this input's fault
        return None, rejection(source, f"can't be read: {error.strerror}")
    except Exception as error:  # noqa: BLE001 - a decoder's or solver's surprise loses one photo
        return None, rejection(source, f"unexpected {type(error).__name__}: {error}")
    return arrays, record


def rejection(source: str, reason: str, *, duplicate: bool = False) -> Record:
    """Return the record of a rejected input; it always fits into its slot."""
    return {
        "source": source[:MAX_SOURCE],
        "rejected": " ".join(reason.split())[:MAX_REASON],
        "duplicate": duplicate,
    }
