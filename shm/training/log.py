"""The log of a phase: JSON lines that stay one continuous curve however often a run is resumed."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

Record = dict[str, Any]


def read_log(path: Path) -> Iterator[Record]:
    """Yield the whole lines of a log; a last line that a kill cut short is left out."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            return
        yield record


def cut_log(path: Path, step: int) -> None:
    """Drop what a log tells about steps after `step`; the file appears cut in one instant."""
    if not path.exists():
        return
    kept = [record for record in read_log(path) if record["step"] <= step]
    fresh = path.with_name(path.name + ".new")
    fresh.write_text("".join(map(_line, kept)), encoding="utf-8")
    fresh.replace(path)


def _line(record: Mapping[str, Any]) -> str:
    # json writes floats as repr does: every bit survives.
    return json.dumps(record) + "\n"


class TrainingLog:
    """Writes ``log.jsonl``, and TensorBoard's files beside it.

    A record has ``step``, ``kind`` (``"train"`` or ``"validation"``) and numbers, nested by name at
    most twice.

    Parameters
    ----------
    folder : Path
        The phase's folder.
    step : int
        Where the run goes on from: later records of an earlier, killed run are cut, for the same
        steps are about to be told again.
    tensorboard : bool
        Write TensorBoard's event files too.
    """

    def __init__(self, folder: Path, *, step: int, tensorboard: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "log.jsonl"
        cut_log(self.path, step)
        self._file = self.path.open("a", encoding="utf-8")
        self._board = _summary_writer(folder / "tensorboard", step) if tensorboard else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()

    def write(self, record: Record) -> None:
        """Append one record."""
        self._file.write(_line(record))
        self._file.flush()
        if self._board is not None:
            for name, value in _numbers(record, record["kind"]):
                self._board.add_scalar(name, value, record["step"])

    def sync(self) -> None:
        """Put what was written on the disk, as a checkpoint that counts on it is about to."""
        os.fsync(self._file.fileno())


class Window:
    """Means of the steps since the last line of the log.

    Its sums travel with the checkpoint, so that the curve doesn't show where a run was resumed; its
    clock doesn't.
    """

    def __init__(self, sums: dict[str, float] | None = None, steps: int = 0) -> None:
        self.sums = sums or {}
        self.steps = steps
        self._samples, self._seconds, self._waited = 0, 0.0, 0.0

    def add(
        self, losses: Mapping[str, float], *, samples: int, seconds: float, waited: float
    ) -> None:
        """Add one step: its losses, its samples, the seconds it took and waited for them."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.steps += 1
        self._samples += samples
        self._seconds += seconds
        self._waited += waited

    def summary(self) -> dict[str, float | dict[str, float]]:
        """Return mean losses, samples a second and the seconds spent waiting for data."""
        return {
            "losses": {name: total / self.steps for name, total in self.sums.items()},
            "samples_per_second": self._samples / self._seconds,
            "seconds_waiting": self._waited,
        }


class Waits:
    """How long the steps of a run have waited for data, but the first: then loaders start."""

    def __init__(self) -> None:
        self.first = 0.0
        self.steps = -1
        self.waited, self.spent = 0.0, 0.0

    def add(self, *, waited: float, spent: float) -> None:
        """Add one step: the seconds it waited for its batch, and those it took in all."""
        self.steps += 1
        if self.steps == 0:
            self.first = waited
            return
        self.waited += waited
        self.spent += spent

    def __str__(self) -> str:
        told = f"waited for data: {self.first:.2f} s for the first batch"
        if self.steps < 1:
            return told
        each, share = self.waited / self.steps * 1000, self.waited / self.spent
        return (
            f"{told}, {self.waited:.2f} s for all others ({each:.1f} ms a step, {share:.1%} of it)"
        )


def _numbers(record: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}/{name}")
        elif isinstance(value, int | float) and name != "step":
            yield f"{prefix}/{name}", float(value)


def _summary_writer(folder: Path, step: int) -> "SummaryWriter":
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step + 1)
