"""``inspect`` says what is in a store, and where it came from."""

import hashlib
import json
from pathlib import Path

from shm.datasets.composites.store import open_composites
from shm.datasets.store import open_store
from tests.workflows.corpora import run


def test_the_samples_of_lowest_quality_are_listed_first(chain: Path) -> None:
    told = run("shm-data", "inspect", chain / "people.zarr", "--json", "--worst", 5).stdout
    described = json.loads(told)
    records = [record for _, record in open_store(chain / "people.zarr").samples()]
    lowest = sorted(records, key=lambda record: record["quality"]["quality"])[:5]
    listed = [(each["id"], each["quality"]) for each in described["worst"]]
    assert listed == [(record["id"], record["quality"]["quality"]) for record in lowest]
    assert described["worst"][0]["source"] == lowest[0]["source"]
    assert described["worst"][0]["cause"] in described["worst"][0]["figures"]
    assert 0 < described["quality"]["unknown"] < 1
    assert lowest[0]["id"] in run("shm-data", "inspect", chain / "people.zarr").stdout
    composites = json.loads(run("shm-data", "inspect", chain / "train.zarr", "--json").stdout)
    assert composites["worst"] == []


def test_a_composite_leads_back_to_both_files_and_what_they_hold(chain: Path) -> None:
    store = chain / "lazy.zarr"
    _, record = next(open_composites(store).samples("test"))
    words = ("shm-data", "inspect", store, "--sample", record["id"])
    told = json.loads(run(*words, "--json").stdout)
    assert (told["id"], told["recipe"]) == (record["id"], record["recipe"])
    in_words = run(*words).stdout
    for part, root in (("foreground", "raw"), ("background", "backgrounds")):
        file = chain / root / told[part]["source"]
        assert told[part]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert told[part]["sha256"] in in_words
    refused = run("shm-data", "inspect", store, "--sample", "nobody-000", code=1)
    assert "no sample 'nobody-000'" in refused.stderr


def test_a_datasheet_says_what_is_in_a_store_and_where_it_came_from(chain: Path) -> None:
    people = run("shm-data", "inspect", chain / "people.zarr", "--datasheet").stdout
    assert people.startswith("# people.zarr\n")
    assert "The raw corpus raw, read as folder." in people
    page = run("shm-data", "inspect", chain / "train.zarr", "--datasheet").stdout
    for line in ("| VOC2012 | ", "| a person is annotated in it | 2 |", "## To be filled in"):
        assert line in page, page
    both = ("shm-data", "inspect", chain / "train.zarr", "--datasheet", "--json")
    assert "--datasheet is a page of its own" in run(*both, code=2).stderr
