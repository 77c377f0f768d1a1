"""On a full disk every command says so in a line, leaves nothing by halves, and goes on after."""

from pathlib import Path

import pytest

from tests.faults.chain import (
    ALL,
    CHAIN,
    LAZY,
    MATERIALISE,
    NET_FILES,
    SAMPLE,
    Attacked,
    write_chain,
)
from tests.faults.disks import small_disk, taken
from tests.workflows.corpora import Options, run

ROOM = 2**22
"""Bytes besides the result: a disk has folders, and things come beside their places first."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, there: Options) -> Path:
    """What undisturbed commands make."""
    return write_chain(tmp_path_factory.mktemp("chain"), *there, names=CHAIN)


LONG = (LAZY, MATERIALISE, SAMPLE, NET_FILES)


@pytest.mark.parametrize(
    "attacked",
    [
        pytest.param(each, id=each.name, marks=pytest.mark.long if each in LONG else ())
        for each in ALL
    ],
)
def test_a_full_disk_is_a_line_and_the_command_goes_on_when_there_is_room(
    folder: Path, tmp_path: Path, there: Options, attacked: Attacked
) -> None:
    if not (folder / attacked.result).exists():
        run(*attacked.words(folder, folder / attacked.result))
    needed = taken(folder / attacked.result)
    dask = there if attacked.dask else ()
    with small_disk(tmp_path / "disk", ROOM + needed) as disk:
        out = disk.folder / attacked.result
        words = (*attacked.words(folder, out), *dask)
        for share in (0.0, 0.5):
            filler = disk.fill(int(needed * share))
            told = run(*words, code=1).stderr.splitlines()
            (line,) = [each for each in told if each.startswith("Error: ")]
            assert "No space left on device" in line
            assert str(disk.folder) in line
            assert line.endswith("free some space, then run the same command to carry on")
            assert not list(disk.folder.rglob("*.partial"))
            filler.unlink()
        run(*words)
        assert attacked.is_same(folder, out)
