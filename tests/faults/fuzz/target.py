"""What an attacker's bytes may do: be read, or be refused with one of the project's own errors."""

import contextlib
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from shm.pipeline.errors import ShmError
from tests.faults.fuzz.mutation import Mutate, bend

SECONDS = 3.0
"""How long a processor may work on one input of a few kilobytes; others may keep it waiting."""

HEADROOM = 2**30
"""Bytes of address space that one input may ask for, beyond what the process has."""

GROWTH = 2**28
"""Bytes by which one input may raise the most memory that the process ever held."""

MESSAGE = 2000
"""Letters that a refusal may have: it is to be read on a terminal."""


class FindingError(AssertionError):
    """An input did what none may; the cause is what it raised."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Code that reads what others made.

    Attributes
    ----------
    run : callable
        Feeds bytes to it, and asserts what holds of all that is read.
    seeds : callable
        Returns inputs to start from, which are read without an error.
    mutate : callable
        Changes an input as its format suggests.
    max_length : int
        Bytes of the longest input that is tried.
    """

    run: Callable[[bytes], object]
    seeds: Callable[[], Sequence[bytes]]
    mutate: Mutate = bend
    max_length: int = 4096

    def mutated(self, random: Random, corpus: Sequence[bytes] = ()) -> bytes:
        """Return one of the seeds, or of the corpus, changed a few times."""
        data = random.choice([*self.seeds(), *corpus])
        for _ in range(random.randint(1, 4)):
            data = self.mutate(data, random)
        return data[: self.max_length]


def check(target: Target, data: bytes) -> None:
    """Feed one input to a target; raise `FindingError` unless it is read or refused as promised."""
    started, held = time.process_time(), _most_memory()
    try:
        with warnings.catch_warnings(), _bounded_memory():
            warnings.simplefilter("error")
            target.run(data)
    except ShmError as error:
        if not str(error).strip():
            raise FindingError("a refusal without a reason") from error
        if len(str(error)) > MESSAGE:
            raise FindingError(f"a refusal of {len(str(error))} letters") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic of Rust is no Exception
        raise FindingError(f"{type(error).__name__}: {error!s:.200}") from error
    taken, grown = time.process_time() - started, _most_memory() - held
    if taken > SECONDS:
        raise FindingError(f"took {taken:.1f} seconds")
    if grown > GROWTH:
        raise FindingError(f"took {grown / 2**20:.0f} MiB of memory")


def regressions(name: str) -> list[Path]:
    """Return the inputs of a target that found something once, or are special."""
    return sorted((Path(__file__).parent / "corpus" / name).glob("*"))


def _most_memory() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


@contextlib.contextmanager
def _bounded_memory() -> Iterator[None]:
    """Refuse allocations beyond `HEADROOM`, where the system can."""
    if sys.platform != "linux":
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    bound = pages * resource.getpagesize() + HEADROOM
    resource.setrlimit(resource.RLIMIT_AS, (bound, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
