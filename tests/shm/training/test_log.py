import json
import math
from pathlib import Path

from shm.training.log import Record, TrainingLog, cut_log, read_log


def record(step: int, loss: float = 0.1) -> Record:
    return {"step": step, "kind": "train", "losses": {"total": loss}}


def steps_in(path: Path) -> list[int]:
    return [each["step"] for each in read_log(path)]


def test_what_an_earlier_run_told_after_the_checkpoint_is_cut(tmp_path: Path) -> None:
    with TrainingLog(tmp_path, step=0, tensorboard=False) as log:
        for step in (10, 20, 30):
            log.write(record(step))
    with TrainingLog(tmp_path, step=20, tensorboard=False) as log:
        log.write(record(30, 0.2))
    assert steps_in(log.path) == [10, 20, 30]
    assert list(read_log(log.path))[-1]["losses"]["total"] == 0.2


def test_a_line_that_a_kill_cut_short_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = "".join(json.dumps(record(step)) + "\n" for step in (1, 2, 3))
    for length in range(len(lines)):
        path.write_text(lines[:length])
        cut_log(path, 2)
        assert steps_in(path) == [1, 2][: len(steps_in(path))]
        assert not path.read_text() or path.read_text().endswith("\n")


def test_losses_keep_every_bit(tmp_path: Path) -> None:
    value = math.pi / 7
    with TrainingLog(tmp_path, step=0, tensorboard=False) as log:
        log.write(record(1, value))
    assert next(read_log(log.path))["losses"]["total"] == value


def test_tensorboard_gets_the_same_numbers(tmp_path: Path) -> None:
    with TrainingLog(tmp_path, step=0) as log:
        log.write(record(1, 0.5))
    files = list((tmp_path / "tensorboard").iterdir())
    assert len(files) == 1
    assert b"train/losses/total" in files[0].read_bytes()
