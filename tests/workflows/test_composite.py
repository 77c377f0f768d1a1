"""``composite`` and ``materialise``, as processes on real files, and what holds for workers."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shm.datasets.composites.planning import PlanError, RecipeConfig
from shm.datasets.composites.store import open_composites
from shm.datasets.group import made_as
from shm.workflows.composite import composite_store
from shm.workflows.composite.images import ImageJob, image_shard
from shm.workflows.composite.sources import CompositeRun
from shm.workflows.engine import ClusterConfig
from tests.datasets.stores import all_files, write_people, write_store
from tests.faults.chain import COMPOSITE, PEOPLE
from tests.workflows.corpora import Options, inspected, run, write_backgrounds


def test_a_worker_notices_that_another_store_stands_at_the_path(tmp_path: Path) -> None:
    path, config = tmp_path / "stores" / "s.zarr", RecipeConfig(per_foreground=1)
    for each in (config, replace(config, linear=True)):
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir()
        store = write_store(path, 4, config=each)
        wanted = [store.read(slot)["image"] for slot in range(4)]
        same = made_as(store.attributes)
        image_shard(ImageJob(store=path, made_as=same, shard=0, identity=store.identity()))
        for slot in range(4):
            assert np.array_equal(store.read(slot)["image"], wanted[slot])


def test_a_store_is_not_deleted_for_one_that_can_t_be_made(tmp_path: Path) -> None:
    """Of five people, one alone is in validation and one in test."""
    write_store(tmp_path / "train.zarr", 4)
    write_people(tmp_path / "people.zarr", 5)
    backgrounds = write_backgrounds(tmp_path / "backgrounds", 12)
    before = all_files(tmp_path / "train.zarr")
    with pytest.raises(PlanError, match="two people a composite, but only one in the split"):
        composite_store(
            tmp_path / "people.zarr",
            tmp_path / "train.zarr",
            [backgrounds],
            CompositeRun(recipe=RecipeConfig(people_per_composite=2)),
            ClusterConfig(),
            overwrite=True,
        )
    assert all_files(tmp_path / "train.zarr") == before


def test_decoded_backgrounds_make_the_same_samples(tmp_path: Path) -> None:
    write_people(tmp_path / "people.zarr", 6, canvas=96)  # no background is reduced for it
    backgrounds = write_backgrounds(tmp_path / "backgrounds", 12)
    paths = {decoded: tmp_path / f"{decoded}.zarr" for decoded in (False, True)}
    for decoded, path in paths.items():
        run = CompositeRun(recipe=RecipeConfig(per_foreground=3), decoded=decoded)
        composite_store(
            tmp_path / "people.zarr",
            path,
            [backgrounds],
            run,
            ClusterConfig(workers=1),
            form="lazy",
        )
    files, pixels = (open_composites(path) for path in paths.values())
    assert {record["encoding"] for record in pixels.scenes().values()} == {"pixels"}
    assert pixels.slots == files.slots == 18
    for slot in range(18):
        one, other = files.read(slot), pixels.read(slot)
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_every_person_and_composite_is_there(chain: Path) -> None:
    people, train = inspected(chain / "people.zarr"), inspected(chain / "train.zarr")
    assert (people["kind"], people["samples"], people["rejected"]) == ("prepared", PEOPLE, [])
    assert people["splits"] == {"test": 14, "train": 112, "validation": 14}
    assert (train["kind"], train["samples"]) == ("composited", 2 * PEOPLE)
    assert train["canvas"] == 64


def test_no_person_is_in_two_splits(chain: Path) -> None:
    store = open_composites(chain / "train.zarr")
    splits: dict[str, set[str]] = {}
    for _, record in store.samples():
        splits.setdefault(record["group"], set()).add(record["split"])
    assert len(splits) == PEOPLE
    assert all(len(found) == 1 for found in splits.values())


def test_a_composite_is_its_foreground_over_its_background(chain: Path) -> None:
    store = open_composites(chain / "train.zarr")
    slot, _ = next(store.samples("test"))
    arrays = store.read(slot)
    alpha = arrays["alpha"][..., None] / 255.0
    exact = alpha * arrays["foreground"] + (1 - alpha) * arrays["background"]
    assert np.abs(arrays["image"] - exact).max() <= 0.5 + 1e-9


def test_a_lazy_store_made_whole_is_the_store_made_at_once(chain: Path, tmp_path: Path) -> None:
    out = tmp_path / "whole.zarr"
    run("shm-data", "materialise", chain / "lazy.zarr", out)
    assert all_files(out) == all_files(chain / "train.zarr")
    run("shm-data", "materialise", chain / "lazy.zarr", out)
    assert all_files(out) == all_files(chain / "train.zarr")
    refused = run("shm-data", "materialise", out, tmp_path / "again.zarr", code=1)
    assert "has its images already" in refused.stderr
    assert not (tmp_path / "again.zarr").exists()


def test_every_option_gives_the_same_samples_in_both_forms(
    chain: Path, tmp_path: Path, there: Options
) -> None:
    options: Options = ("--people-per-composite", 2, "--linear", *there)
    options += ("--placement", "move,scale,flip")
    options += ("--match-colours", "0.2,0.8", "--blur", "0,2", "--noise", "1,4", "--jpeg", "60,95")
    words = (*COMPOSITE.words(chain, tmp_path / "lazy.zarr"), *options, "--lazy")
    run(*words)
    run(*COMPOSITE.words(chain, tmp_path / "train.zarr"), *options)
    lazy, whole = (open_composites(tmp_path / f"{name}.zarr") for name in ("lazy", "train"))
    assert list(lazy.samples()) == list(whole.samples())
    for slot in range(0, lazy.slots, 3):
        one, other = lazy.read(slot), whole.read(slot)
        assert all(np.array_equal(one[name], other[name]) for name in one)
    run("shm-data", "verify", tmp_path / "train.zarr")
    refused = run(*words, "--noise", 3, code=1).stderr
    assert "with --noise 1,4, now --noise 3." in refused


WRONG_USAGE = [
    (("--protocol", "shm", "--per-foreground", 3), "decides --per-foreground: leave it out"),
    (("--protocol", "shm", "--unlabelled", "allow"), "decides --unlabelled"),
    (("--protocol", "shm", "--people", "allow", "--jpeg", 90), "decides --jpeg, --people"),
    (("--protocol", "shm", "--lists", "lists"), "needs --lists, and only that does"),
    (("--protocol", "composition-1k"), "composition-1k needs --lists"),
    (("--protocol", "composition-1k", "--lists", "x", "--linear"), "decides --linear"),
    (("--lists", "lists"), "needs --lists, and only that does"),
    (("--placement", "turn"), "write keep, or some of move, scale, flip"),
    (("--blur", "2,1"), "the first no larger than the second"),
    (("--people-per-composite", 3), "3 is not in the range 1<=x<=2"),
]


@pytest.mark.parametrize(("options", "message"), WRONG_USAGE)
def test_options_that_make_no_sense_together_are_wrong_usage(
    chain: Path, tmp_path: Path, options: Options, message: str
) -> None:
    words = ("shm-data", "composite", chain / "people.zarr", tmp_path / "x.zarr")
    told = run(*words, "--backgrounds", chain / "backgrounds", *options, code=2).stderr
    assert message in " ".join(told.split())
    assert not (tmp_path / "x.zarr").exists()


def test_a_store_of_another_form_is_refused_by_name(chain: Path) -> None:
    refused = run(*COMPOSITE.words(chain, chain / "train.zarr"), "--lazy", code=1)
    assert "with no --lazy, now --lazy." in refused.stderr
    refused = run("shm-data", "composite", chain / "train.zarr", chain / "x.zarr",
                  "--backgrounds", chain / "backgrounds", code=1)  # fmt: skip
    assert "give the store of `shm-data prepare`" in refused.stderr


def test_the_people_are_never_overwritten_with_composites(chain: Path) -> None:
    before = all_files(chain / "people.zarr")
    refused = run(*COMPOSITE.words(chain, chain / "people.zarr"), "--overwrite", code=1)
    assert "holds the people" in refused.stderr
    assert all_files(chain / "people.zarr") == before


def test_a_store_never_lies_in_another(chain: Path) -> None:
    inside = chain / "people.zarr" / "train.zarr"
    words = ("shm-data", "composite", chain / "people.zarr", inside)
    told = run(*words, "--backgrounds", chain / "backgrounds", code=1).stderr
    assert "name a store that stands by itself" in told
    assert not inside.exists()


def test_people_whose_store_moved_are_the_same_people(chain: Path, tmp_path: Path) -> None:
    shutil.copytree(chain / "people.zarr", tmp_path / "moved.zarr")
    shutil.copytree(chain / "lazy.zarr", tmp_path / "lazy.zarr")
    options = ("--backgrounds", chain / "backgrounds", "--per-foreground", 2, "--lazy")
    run("shm-data", "composite", tmp_path / "moved.zarr", tmp_path / "lazy.zarr", *options)
    assert all_files(tmp_path / "lazy.zarr") == all_files(chain / "lazy.zarr")
