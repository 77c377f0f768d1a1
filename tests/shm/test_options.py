"""What the commands refuse, each in a line, before anything is done."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from shm.cli import data, shm
from shm.commands.inspect import lines
from shm.workflows.progress import size_words


def refused(group: object, *words: object, code: int = 2) -> str:
    """Run a command that must fail; return its last line."""
    command = {"shm": shm, "shm-data": data}[str(group)]
    done = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--run", "http://host/run"), "'http://host/run' is a URL"),
        (("--run", "R", "--cache", "s3://bucket/cache"), "'s3://bucket/cache' is a URL"),
        (("--run", "R", "--cache-gigabytes", "nan"), "nan is not a finite number"),
        (("--run", "R", "--cache-gigabytes", "inf"), "inf is not a finite number"),
        (("--run", "R", "--learning-rate", "inf"), "inf is not a finite number"),
        (("--run", "R", "--colour-jitter", "nan"), "'--colour-jitter': nan is not a finite number"),
        (("--run", "R", "--mix", "a.zarr=1e300"), "with a weight from 0.001 to 1000"),
        (("--run", "R", "--mix", "a.zarr=nan"), "with a weight from 0.001 to 1000"),
        (("--run", "R", "--mix", "a.zarr"), "write STORE=WEIGHT"),
    ],
)
def test_an_option_that_cannot_be_meant_is_wrong_usage(
    tmp_path: Path, words: tuple[str, ...], line: str
) -> None:
    assert line in refused("shm", "train", tmp_path / "train.zarr", *words)


@pytest.mark.parametrize("url", ["s3://", "s3:///train.zarr", "https://", "http:///train.zarr"])
def test_a_url_without_a_bucket_or_a_host_is_wrong_usage(url: str) -> None:
    told = refused("shm-data", "inspect", url)
    assert "names no bucket" in told or "names no host" in told


def test_a_store_is_not_written_to_where_nobody_can() -> None:
    options = ("--backgrounds", "b")
    told = "can only be read: name a folder, or a bucket"
    assert told in refused("shm-data", "composite", "a.zarr", "http://h/b.zarr", *options)
    assert told in refused("shm-data", "prepare", "photos", "https://h/b.zarr")
    assert "is a URL" in refused("shm-data", "prepare", "s3://h/photos", "a.zarr")


def test_a_store_whose_bytes_nobody_counts_is_described() -> None:
    described = {
        "history": [],
        "store": "https://host/train.zarr",
        "kind": "prepared",
        "complete": True,
        "splits": {"train": 3},
        "samples": 3,
        "groups": 3,
        "canvas": 64,
        "shards": 1,
        "bytes": None,
        "quality": {},
        "config": {},
        "worst": [],
        "left_alone": [],
        "rejected": [],
    }
    assert "  bytes      unknown in 1 shard, unknown a sample" in lines(described)
    assert size_words(1.5e6) == "1.5 MB"


@pytest.mark.parametrize(
    "words",
    [
        ("sample", "raw"),
        ("prepare", "raw", "people.zarr"),
        ("composite", "people.zarr", "train.zarr", "--backgrounds", "voc"),
        ("materialise", "lazy.zarr", "train.zarr"),
    ],
    ids=lambda words: words[0],
)
def test_a_scheduler_and_workers_of_ones_own_exclude_each_other(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = refused("shm-data", *words, "--scheduler", "tcp://host:8786", "--workers", 2)
    assert "--scheduler has workers of its own: leave --workers out" in told
    assert not list(tmp_path.iterdir())
