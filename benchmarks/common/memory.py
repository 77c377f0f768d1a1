"""The most memory that a process has held."""

import contextlib
import ctypes
import resource
import sys
from pathlib import Path


def give_back() -> None:
    """Return freed memory to the system, where that is asked for as glibc has it.

    What imports and compilation have freed would else serve the solves, and count for none.
    """
    with contextlib.suppress(AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def forget_peak() -> None:
    """Let `peak` count from now on, where the system can: compilation needs more than a solve."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """Return the most bytes that this process has held; on Linux since `forget_peak`."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would start with what the parent had held
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
