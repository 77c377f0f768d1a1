"""Whatever others made is read, or refused with an error of ours: never a crash, hang or bomb."""

import importlib
import warnings
from functools import cache
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from shm.datasets.damage import StoreError
from tests.faults.fuzz.target import FindingError, Target, check, regressions
from tests.faults.fuzz.targets import MODULES, NAMES, target_of

CORPUS = [(name, path.name) for name in NAMES for path in regressions(name)]

EXAMPLES = {"stores": 6}
"""Of each target of a module, where not 20: opening a store takes longer than all else."""


@cache
def inputs(name: str) -> list[bytes]:
    return [path.read_bytes() for path in regressions(name)]


@pytest.mark.parametrize(("name", "file"), CORPUS)
def test_what_did_harm_once_is_read_or_refused(name: str, file: str) -> None:
    (path,) = (path for path in regressions(name) if path.name == file)
    check(target_of(name), path.read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_bent_or_made_up_is_read_or_refused(name: str) -> None:
    target = target_of(name)
    module = next(module for module, names in MODULES.items() if name in names)

    @settings(max_examples=EXAMPLES.get(module, 20), phases=[Phase.generate], database=None)
    @given(st.one_of(st.binary(max_size=64), st.integers(0, 2**32).map(Random)))
    def holds(given: bytes | Random) -> None:
        data = given if isinstance(given, bytes) else target.mutated(given, inputs(name))
        check(target, data)

    holds()


def test_every_target_is_known_by_its_name() -> None:
    for module, names in MODULES.items():
        found = importlib.import_module(f"tests.faults.fuzz.{module}").TARGETS
        assert tuple(found) == names


def test_a_crash_a_warning_and_a_refusal_without_end_are_findings() -> None:
    def crash(_: bytes) -> None:
        raise KeyError("size")

    def warn(_: bytes) -> None:
        warnings.warn("odd", stacklevel=1)

    def refuse(data: bytes) -> None:
        raise StoreError(data.decode())

    for run, data in ((crash, b""), (warn, b""), (refuse, b""), (refuse, 10_000 * b"x")):
        with pytest.raises(FindingError):
            check(Target(run=run, seeds=list), data)
    check(Target(run=refuse, seeds=list), b"a.zarr: no such store")


def test_what_takes_more_memory_than_it_should_is_a_finding() -> None:
    with pytest.raises(FindingError):
        check(Target(run=lambda _: bytearray(2**31), seeds=list), b"")
