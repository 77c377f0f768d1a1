"""prepare, composite, materialise, inspect, verify and export, as processes on real files."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from PIL import Image

from shm.datasets.composites.store import open_composites
from shm.datasets.record import decode_record, encode_record
from shm.datasets.store import open_store
from tests.datasets.stores import all_files, flip_a_byte
from tests.workflows.corpora import (
    Options,
    run,
    write_backgrounds,
    write_people,
)

PEOPLE = 140  # three shards of 64 at 64 pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, there: Options) -> Path:
    """A corpus, and the stores that undisturbed commands make of it."""
    folder = tmp_path_factory.mktemp("chain")
    write_people(folder / "raw", PEOPLE, 32)  # a quarter of the pixels, but for the first
    shutil.copytree(write_people(folder / "large", 1), folder / "raw", dirs_exist_ok=True)
    write_backgrounds(folder / "backgrounds", 30, people=(3, 4))
    run("shm-data", "prepare", folder / "raw", folder / "people.zarr", "--size", 64)
    run(*composite(folder, folder / "train.zarr"))
    run(*composite(folder, folder / "lazy.zarr"), "--lazy", *there)
    return folder


def composite(folder: Path, out: Path) -> Options:
    options = ("--backgrounds", folder / "backgrounds", "--per-foreground", 2)
    return "shm-data", "composite", folder / "people.zarr", out, *options


def inspected(store: Path) -> dict[str, object]:
    described: dict[str, object] = json.loads(run("shm-data", "inspect", store, "--json").stdout)
    return described


def test_every_person_and_composite_is_there(folder: Path) -> None:
    people, train = inspected(folder / "people.zarr"), inspected(folder / "train.zarr")
    assert (people["kind"], people["samples"], people["rejected"]) == ("prepared", PEOPLE, [])
    assert people["splits"] == {"test": 14, "train": 112, "validation": 14}
    assert (train["kind"], train["samples"]) == ("composited", 2 * PEOPLE)
    assert train["canvas"] == 64


def test_no_background_shows_a_person_or_is_in_two_splits(folder: Path) -> None:
    used = inspected(folder / "train.zarr")["backgrounds"]
    assert isinstance(used, list)
    names = [each["source"] for each in used]
    assert len(names) == len(set(names)) == 28
    assert not [name for name in names if "b003" in name or "b004" in name]


def test_no_person_is_in_two_splits(folder: Path) -> None:
    store = open_composites(folder / "train.zarr")
    splits: dict[str, set[str]] = {}
    for _, record in store.samples():
        splits.setdefault(record["group"], set()).add(record["split"])
    assert len(splits) == PEOPLE
    assert all(len(found) == 1 for found in splits.values())


def test_a_composite_is_its_foreground_over_its_background(folder: Path) -> None:
    store = open_composites(folder / "train.zarr")
    slot, _ = next(store.samples("test"))
    arrays = store.read(slot)
    alpha = arrays["alpha"][..., None] / 255.0
    exact = alpha * arrays["foreground"] + (1 - alpha) * arrays["background"]
    assert np.abs(arrays["image"] - exact).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_gives_the_same_bytes(
    folder: Path, tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "people.zarr"
    run("shm-data", "prepare", folder / "raw", out, "--size", 64, "--workers", workers)
    assert all_files(out) == all_files(folder / "people.zarr")


def test_a_cluster_elsewhere_gives_the_same_bytes(
    folder: Path, tmp_path: Path, there: Options
) -> None:
    out = tmp_path / "people.zarr"
    words = ("shm-data", "prepare", folder / "raw", out, "--size", 64)
    run(*words, *there)
    assert all_files(out) == all_files(folder / "people.zarr")
    refused = run(*words, "--scheduler", "foo", code=1)
    assert "no scheduler's address" in refused.stderr


def test_a_lazy_store_made_whole_is_the_store_made_at_once(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "whole.zarr"
    run("shm-data", "materialise", folder / "lazy.zarr", out)
    assert all_files(out) == all_files(folder / "train.zarr")
    run("shm-data", "materialise", folder / "lazy.zarr", out)
    assert all_files(out) == all_files(folder / "train.zarr")
    refused = run("shm-data", "materialise", out, tmp_path / "again.zarr", code=1)
    assert "has its images already" in refused.stderr
    assert not (tmp_path / "again.zarr").exists()


def test_a_finished_command_run_again_changes_nothing(folder: Path) -> None:
    before = all_files(folder / "people.zarr")
    run("shm-data", "prepare", folder / "raw", folder / "people.zarr", "--size", 64)
    assert all_files(folder / "people.zarr") == before


def test_other_options_on_the_same_store_are_refused_by_name(folder: Path) -> None:
    words = ("shm-data", "prepare", folder / "raw", folder / "people.zarr", "--size", 64)
    refused = run(*words, "--refine", "knn", code=1)
    assert "made otherwise: with --refine auto, now --refine knn" in refused.stderr
    assert "Run again with the old options (--refine auto)" in refused.stderr
    assert "--overwrite" in refused.stderr


def test_a_sound_store_verifies_and_a_flipped_byte_does_not(
    folder: Path, tmp_path: Path, there: Options
) -> None:
    run("shm-data", "verify", folder / "people.zarr")
    store = tmp_path / "people.zarr"
    shutil.copytree(folder / "people.zarr", store)
    file = store / "foreground" / "c" / "1" / "0" / "0" / "0"
    flip_a_byte(file)
    told = run("shm-data", "verify", store, code=1)
    assert "shard 1 of foreground is damaged" in told.stderr
    found = json.loads(run("shm-data", "verify", store, "--repair", "--json", code=1).stdout)
    assert [(each["array"], each["shard"]) for each in found["damages"]] == [("foreground", 1)]
    run("shm-data", "prepare", folder / "raw", store, "--size", 64, *there)
    run("shm-data", "verify", store)
    assert all_files(store) == all_files(folder / "people.zarr")


def test_export_gives_back_the_files(folder: Path, tmp_path: Path) -> None:
    run("shm-data", "export", folder / "people.zarr", tmp_path / "files", "--split", "test")
    store = open_store(folder / "people.zarr")
    samples = list(store.samples("test"))
    for name in ("image", "alpha", "trimap", "foreground"):
        written = sorted(file.stem for file in (tmp_path / "files" / name).iterdir())
        assert written == [record["id"] for _, record in samples]
    slot, record = samples[0]
    with Image.open(tmp_path / "files" / "alpha" / f"{record['id']}.png") as picture:
        assert np.array_equal(np.asarray(picture), store.read(slot, record)["alpha"])


def test_the_samples_of_lowest_quality_are_listed_first(folder: Path) -> None:
    told = run("shm-data", "inspect", folder / "people.zarr", "--json", "--worst", 5).stdout
    described = json.loads(told)
    records = [record for _, record in open_store(folder / "people.zarr").samples()]
    lowest = sorted(records, key=lambda record: record["quality"]["quality"])[:5]
    listed = [(each["id"], each["quality"]) for each in described["worst"]]
    assert listed == [(record["id"], record["quality"]["quality"]) for record in lowest]
    assert described["worst"][0]["source"] == lowest[0]["source"]
    assert described["worst"][0]["cause"] in described["worst"][0]["figures"]
    assert 0 < described["quality"]["unknown"] < 1
    assert lowest[0]["id"] in run("shm-data", "inspect", folder / "people.zarr").stdout
    composites = json.loads(run("shm-data", "inspect", folder / "train.zarr", "--json").stdout)
    assert composites["worst"] == []


def test_a_sample_below_the_bound_is_rejected_with_its_figure(
    tmp_path: Path, there: Options
) -> None:
    write_people(tmp_path / "raw", 5)
    file = tmp_path / "raw" / "masks" / "p0003.png"
    with Image.open(file) as mask:
        shifted = np.roll(np.asarray(mask), 20, axis=1)
    Image.fromarray(shifted).save(file)
    words = ("shm-data", "prepare", tmp_path / "raw", tmp_path / "people.zarr", "--size", 64)
    options = ("--trimap", "fixed", "--refine", "none", *there, "--reject-below", 0.3)
    told = run(*words, *options, "--json", code=1).stdout
    (reject,) = json.loads(told)["rejected"]
    assert reject["source"] == "images/p0003.png"
    assert "is below 0.3; unsupported" in reject["reason"]
    config = open_store(tmp_path / "people.zarr").attributes["config"]
    assert config["sample"]["reject_below"] == 0.3
    assert config["sample"]["trimap"]["mode"] == "fixed"


def test_a_band_that_no_trimap_would_use_is_wrong_usage(tmp_path: Path) -> None:
    words = ("shm-data", "prepare", tmp_path, tmp_path / "people.zarr")
    refused = run(*words, "--erode", "1%", "--kernel", "cross", code=2)
    assert "--kernel, --erode, of mattes too, add --trimap fixed or random" in refused.stderr


def test_a_random_band_gives_the_same_bytes_again_and_others_with_another_seed(
    tmp_path: Path, there: Options
) -> None:
    write_people(tmp_path / "raw", 3)
    files = []
    for number, seed in enumerate((0, 0, 1)):
        out = tmp_path / f"{number}.zarr"
        band = ("--trimap", "random", "--erode", "6px", "--dilate", "12px")
        words = ("shm-data", "prepare", tmp_path / "raw", out, "--size", 64, *band)
        run(*words, "--refine", "none", "--seed", seed, *there)
        files.append(all_files(out / "trimap"))
    assert files[0] == files[1] != files[2]


def test_damage_of_any_part_of_composites_is_named_and_repaired(
    folder: Path, tmp_path: Path, there: Options
) -> None:
    store = tmp_path / "train.zarr"
    shutil.copytree(folder / "train.zarr", store)
    run("shm-data", "verify", store)
    with (store / "images" / "image" / "c" / "0" / "0" / "0" / "0").open("r+b") as file:
        file.truncate(20)
    flip_a_byte(store / "foregrounds" / "alpha" / "c" / "2" / "0" / "0")
    flip_a_byte(store / "recipe" / "c" / "0" / "0")
    (store / "backgrounds" / "file" / "c" / "0" / "0").unlink()
    told = json.loads(run("shm-data", "verify", store, "--repair", "--json", code=1).stdout)
    named = [("images/image", 0), ("foregrounds/alpha", 2), ("recipe", 0), ("backgrounds/file", 0)]
    assert sorted((each["array"], each["shard"]) for each in told["damages"]) == sorted(named)
    assert "not finished" in run("shm-data", "verify", store, code=1).stderr
    assert inspected(store)["complete"] is False
    run(*composite(folder, store), *there)
    run("shm-data", "verify", store)
    assert all_files(store) == all_files(folder / "train.zarr")


def test_a_part_of_composites_is_not_taken_for_a_store(folder: Path) -> None:
    told = run("shm-data", "verify", folder / "train.zarr" / "images", "--repair", code=1)
    assert "part of the composites" in told.stderr


def test_a_person_moved_to_the_test_split_by_hand_is_found(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "lazy.zarr"
    shutil.copytree(folder / "lazy.zarr", store)
    slot, person = next(open_composites(store).foregrounds.samples("train"))
    array = zarr.open_group(store / "foregrounds", mode="r+")["record"]
    record = decode_record(np.asarray(array[slot]))  # type: ignore[index]
    assert record == person
    array[slot] = encode_record(record | {"split": "test"})  # type: ignore[index]
    told = run("shm-data", "verify", store, code=1).stderr
    assert f"leak: the person {person['id']} is in test, but pasted with" in told
    found = json.loads(run("shm-data", "verify", store, "--json", code=1).stdout)
    assert (found["sound"], found["damages"]) == (False, [])
    assert all(f"the person {person['id']} is in test" in leak for leak in found["leaks"])
    assert found["leaks"]


def lazily(folder: Path, out: Path, *options: object, code: int = 0) -> dict[str, object]:
    """Composite one recipe a person, and say what is in the store."""
    words = ("shm-data", "composite", folder / "people.zarr", out, "--lazy")
    run(*words, "--per-foreground", 1, *options, code=code)
    return inspected(out)


def reasons(described: dict[str, object]) -> dict[str, str]:
    left_out = described["left_out"]
    assert isinstance(left_out, list)
    return {reject["source"]: reject["reason"] for reject in left_out}


def sources(described: dict[str, object]) -> set[str]:
    used = described["backgrounds"]
    assert isinstance(used, list)
    return {each["source"] for each in used}


def test_a_background_that_can_t_be_used_is_left_out_with_its_reason(
    folder: Path, tmp_path: Path, there: Options
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    noise = np.random.default_rng(5).integers(0, 256, (70, 80, 3), np.uint8)
    Image.fromarray(noise[:15]).save(plain / "small.png")
    for name in ("same.bmp", "same.png"):
        Image.fromarray(noise).save(plain / name)
    (plain / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (plain / "empty.jpg").write_bytes(b"")
    shutil.copy(folder / "raw" / "images" / "p0007.png", plain / "anna.png")
    shutil.copy(folder / "backgrounds/VOC2012/JPEGImages/b001.jpg", plain / "z.jpg")
    folders = ("--backgrounds", folder / "backgrounds", "--backgrounds", plain)
    options = (*folders, "--unlabelled", "allow", *there)
    described = lazily(folder, tmp_path / "lazy.zarr", *options, code=1)
    found = reasons(described)
    person = "a person is annotated in it"
    assert found.pop("plain/broken.jpg").startswith("damaged: ")
    assert found == {
        "VOC2012/JPEGImages/b003.jpg": person,
        "VOC2012/JPEGImages/b004.jpg": person,
        "plain/small.png": "80×15 pixels: to cover 64, it would be enlarged over 4 times",
        "plain/same.png": "the same picture as plain/same.bmp",
        "plain/empty.jpg": "the file is empty",
        "plain/anna.png": "it is the photo of the person p0007",
        "plain/z.jpg": "the same file as VOC2012/JPEGImages/b001.jpg",
    }
    assert not sources(described) & set(found)
    assert "plain/same.bmp" in sources(described)
    shown = run("shm-data", "inspect", tmp_path / "lazy.zarr").stdout
    assert all(reason in shown for reason in found.values())


def test_a_voc_photo_without_its_xml_is_left_out_unless_it_is_allowed(
    folder: Path, tmp_path: Path, there: Options
) -> None:
    shutil.copytree(folder / "backgrounds", tmp_path / "backgrounds")
    (tmp_path / "backgrounds/VOC2012/Annotations/b000.xml").unlink()
    photo = "VOC2012/JPEGImages/b000.jpg"
    options = ("--backgrounds", tmp_path / "backgrounds", *there)
    described = lazily(folder, tmp_path / "without.zarr", *options)
    assert reasons(described)[photo].startswith("not annotated: may show a person")
    assert photo not in sources(described)
    described = lazily(folder, tmp_path / "with.zarr", *options, "--unlabelled", "allow")
    assert photo not in reasons(described)
    assert photo in sources(described)


def test_a_composite_leads_back_to_both_files_and_what_they_hold(folder: Path) -> None:
    store = folder / "lazy.zarr"
    _, record = next(open_composites(store).samples("test"))
    words = ("shm-data", "inspect", store, "--sample", record["id"])
    told = json.loads(run(*words, "--json").stdout)
    assert (told["id"], told["recipe"]) == (record["id"], record["recipe"])
    in_words = run(*words).stdout
    for part, root in (("foreground", "raw"), ("background", "backgrounds")):
        file = folder / root / told[part]["source"]
        assert told[part]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert told[part]["sha256"] in in_words
    refused = run("shm-data", "inspect", store, "--sample", "nobody-000", code=1)
    assert "no sample 'nobody-000'" in refused.stderr


def test_too_few_backgrounds_are_one_line_with_the_cure(folder: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    for number in (1, 2):
        photo = f"VOC2012/JPEGImages/b{number:03d}.jpg"
        shutil.copy(folder / "backgrounds" / photo, plain)
    words = ("shm-data", "composite", folder / "people.zarr", tmp_path / "x.zarr")
    told = run(*words, "--backgrounds", plain, code=1).stderr
    assert "no background may be used (2 × not annotated: may show a person" in told
    assert "--unlabelled allow" in told
    told = run(*words, "--backgrounds", plain, "--unlabelled", "allow", code=1).stderr
    assert "2 backgrounds for 3 splits: none may be in two, so give more" in told
    assert not (tmp_path / "x.zarr").exists()


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
    folder: Path, tmp_path: Path, options: Options, message: str
) -> None:
    words = ("shm-data", "composite", folder / "people.zarr", tmp_path / "x.zarr")
    told = run(*words, "--backgrounds", folder / "backgrounds", *options, code=2).stderr
    assert message in " ".join(told.split())
    assert not (tmp_path / "x.zarr").exists()


def test_every_option_gives_the_same_samples_in_both_forms(
    folder: Path, tmp_path: Path, there: Options
) -> None:
    options: Options = ("--people-per-composite", 2, "--linear", *there)
    options += ("--placement", "move,scale,flip")
    options += ("--match-colours", "0.2,0.8", "--blur", "0,2", "--noise", "1,4", "--jpeg", "60,95")
    words = (*composite(folder, tmp_path / "lazy.zarr"), *options, "--lazy")
    run(*words)
    run(*composite(folder, tmp_path / "train.zarr"), *options)
    lazy, whole = (open_composites(tmp_path / f"{name}.zarr") for name in ("lazy", "train"))
    assert list(lazy.samples()) == list(whole.samples())
    for slot in range(0, lazy.slots, 3):
        one, other = lazy.read(slot), whole.read(slot)
        assert all(np.array_equal(one[name], other[name]) for name in one)
    run("shm-data", "verify", tmp_path / "train.zarr")
    refused = run(*words, "--noise", 3, code=1).stderr
    assert "with --noise 1,4, now --noise 3." in refused


def test_both_forms_export_the_same_files(folder: Path, tmp_path: Path) -> None:
    for name in ("lazy", "train"):
        run("shm-data", "export", folder / f"{name}.zarr", tmp_path / name, "--split", "validation")
    exported = all_files(tmp_path / "lazy")
    assert exported == all_files(tmp_path / "train")
    ids = {
        record["id"] for _, record in open_composites(folder / "lazy.zarr").samples("validation")
    }
    names = ("image", "alpha", "trimap", "foreground", "background")
    written = {name for name in exported if not name.startswith(".")}
    assert written == {f"{name}/{each}.png" for name in names for each in ids}


def test_a_store_of_another_form_is_refused_by_name(folder: Path) -> None:
    refused = run(*composite(folder, folder / "train.zarr"), "--lazy", code=1)
    assert "with no --lazy, now --lazy." in refused.stderr
    refused = run("shm-data", "composite", folder / "train.zarr", folder / "x.zarr",
                  "--backgrounds", folder / "backgrounds", code=1)  # fmt: skip
    assert "give the store of `shm-data prepare`" in refused.stderr


def test_the_people_are_never_overwritten_with_composites(folder: Path) -> None:
    before = all_files(folder / "people.zarr")
    refused = run(*composite(folder, folder / "people.zarr"), "--overwrite", code=1)
    assert "holds the people" in refused.stderr
    assert all_files(folder / "people.zarr") == before


def test_export_overwrites_no_file_of_others(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "p0000.png").write_text("mine")
    refused = run("shm-data", "export", folder / "people.zarr", tmp_path, code=1)
    assert "holds other files" in refused.stderr
    assert (tmp_path / "image" / "p0000.png").read_text() == "mine"


def test_altered_metadata_is_one_line(folder: Path, tmp_path: Path) -> None:
    for old, new in (('"slots": 140', '"slots": 12'), ('"kind": "prepared"', '"kind": "lazy"')):
        store = tmp_path / "store.zarr"
        shutil.copytree(folder / "people.zarr", store, dirs_exist_ok=True)
        text = (folder / "people.zarr" / "zarr.json").read_text()
        assert old in text
        (store / "zarr.json").write_text(text.replace(old, new))
        assert "metadata" in run("shm-data", "verify", store, code=1).stderr


def test_all_of_a_group_share_the_split_that_the_corpus_names(
    tmp_path: Path, there: Options
) -> None:
    write_people(tmp_path / "raw", 6)
    splits = ("train", "", "test", "", "train", "test")
    groups = ("anna", "anna", "bob", "bob", "carl", "carl")
    rows = [
        f"images/p{n:04d}.png,masks/p{n:04d}.png,{group},{split}"
        for n, (group, split) in enumerate(zip(groups, splits, strict=True))
    ]
    (tmp_path / "raw" / "manifest.csv").write_text("\n".join(["image,mask,group,split", *rows]))
    out = tmp_path / "people.zarr"
    told = run("shm-data", "prepare", tmp_path / "raw", out, "--size", 64, *there, code=1)
    assert "'images/p0005.png': its group 'carl' is in the split train already" in told.stderr
    found = {r["source"]: (r["group"], r["split"]) for _, r in open_store(out).samples()}
    assert sorted(found.values()) == [
        ("anna", "train"), ("anna", "train"), ("bob", "test"), ("bob", "test"), ("carl", "train")
    ]  # fmt: skip


def test_a_datasheet_says_what_is_in_a_store_and_where_it_came_from(folder: Path) -> None:
    people = run("shm-data", "inspect", folder / "people.zarr", "--datasheet").stdout
    assert people.startswith("# people.zarr\n")
    assert "The raw corpus raw, read as folder." in people
    page = run("shm-data", "inspect", folder / "train.zarr", "--datasheet").stdout
    for line in ("| VOC2012 | ", "| a person is annotated in it | 2 |", "## To be filled in"):
        assert line in page, page
    both = ("shm-data", "inspect", folder / "train.zarr", "--datasheet", "--json")
    assert "--datasheet is a page of its own" in run(*both, code=2).stderr


def test_settings_edited_by_hand_are_noticed(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "train.zarr", tmp_path / "train.zarr")
    about = tmp_path / "train.zarr" / "zarr.json"
    about.write_text(about.read_text().replace('"linear": false', '"linear": true'))
    told = run("shm-data", "verify", tmp_path / "train.zarr", code=1).stderr
    assert "shard 0 of zarr.json is not what was written" in told


def test_a_store_never_lies_in_another(folder: Path) -> None:
    inside = folder / "people.zarr" / "train.zarr"
    words = ("shm-data", "composite", folder / "people.zarr", inside)
    told = run(*words, "--backgrounds", folder / "backgrounds", code=1).stderr
    assert "name a store that stands by itself" in told
    assert not inside.exists()
