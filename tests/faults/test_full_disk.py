"""On a full disk every command says so in a line, leaves nothing by halves, and goes on after."""

from pathlib import Path

import pytest

from tests.faults.chain import (
    ALL,
    LAZY,
    MATERIALISE,
    NET_FILES,
    SAMPLE,
    Attacked,
)
from tests.faults.disks import small_disk, taken
from tests.workflows.corpora import Options, run

ROOM = 2**22
"""Bytes besides the result: a disk has folders, and things come beside their places first."""


LONG = (LAZY, MATERIALISE, SAMPLE, NET_FILES)


@pytest.mark.parametrize(
    "attacked",
    [
        pytest.param(each, id=each.name, marks=pytest.mark.long if each in LONG else ())
        for each in ALL
    ],
)
def test_a_full_disk_is_a_line_and_the_command_goes_on_when_there_is_room(
    chain: Path, tmp_path: Path, there: Options, attacked: Attacked
) -> None:
    if not (chain / attacked.result).exists():
        run(*attacked.words(chain, chain / attacked.result))
    needed = taken(chain / attacked.result)
    dask = there if attacked.dask else ()
    with small_disk(tmp_path / "disk", ROOM + needed) as disk:
        out = disk.folder / attacked.result
        words = (*attacked.words(chain, out), *dask)
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
        assert attacked.is_same(chain, out)
