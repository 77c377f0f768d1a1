"""What holds for every test."""

import os
import signal

import pytest
from hypothesis import settings

# Before PyTorch is imported: see shm/cli.py. And a thread each, since tests run side by side and on
# tensors so small that threads wait for each other longer than they work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What a shell starts in the background ignores Ctrl-C, and so does what that starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples every time, on however busy a machine.
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:  # noqa: ARG001
    """Run one more process than there are cores: a third of the time is waiting for others."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else 4


LONGEST = (
    "test_blocks",
    *("test_kills", "test_loader", "test_benchmarks", "test_far_stores", "test_clusters"),
    *("test_full_disk", "test_changes", "test_compilation", "test_composite", "test_golden"),
    *("test_export", "test_ranks", "test_prepare", "test_verify", "test_predict", "test_resume"),
    *("test_phase", "test_backgrounds", "test_train_stream", "test_camera", "test_train_ranks"),
)
"""Files of tests that take longest, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that at the end nobody waits for one of them."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))
