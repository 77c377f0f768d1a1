"""The page of training runs in a real browser: curves, pictures over time, figures, settings."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.datasets.stores import flip_a_byte
from tests.faults.chain import TRAINING
from tests.workflows.browser import open_page
from tests.workflows.corpora import run

MARKUP = "<b onmouseover=alert(1)>&"
DRAWN = ("--set", "loop.picture_every=4", "--set", "loop.validate_every=4")


@pytest.fixture(scope="module")
def runs(chain: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs that differ in their seed; the name of one is markup."""
    folder = tmp_path_factory.mktemp("runs")
    found = [folder / "first", folder / MARKUP]
    for seed, path in enumerate(found):
        options = (*TRAINING, *DRAWN, "--seed", seed)
        run("shm", "train", chain / "train.zarr", "--run", path, *options)
    return found


@pytest.fixture(scope="module")
def dim(chain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of Deep Image Matting."""
    path = tmp_path_factory.mktemp("runs") / "dim"
    options = ("--preset", "dim-light", *TRAINING, *DRAWN, "--steps", 2)
    run("shm", "train", chain / "train.zarr", "--run", path, *options)
    return path


@pytest.fixture
def copy(runs: list[Path], tmp_path: Path) -> Callable[[str], Path]:
    """Copy the first run, to do harm to it."""

    def copied(name: str) -> Path:
        return Path(shutil.copytree(runs[0], tmp_path / name))

    return copied


@pytest.fixture(scope="module")
def page_file(chain: Path, runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "runs.html"
    options = ("--store", chain / "train.zarr", "--split", "validation", "--worst", 2)
    told = json.loads(run("shm", "report", *runs, *options, "--out", out, "--json").stdout)
    assert told["report"] == str(out)
    assert [(each["name"], each["path"]) for each in told["runs"]] == [
        ("first", str(runs[0])),
        (MARKUP, str(runs[1])),
    ]
    evaluated = run(
        "shm", "evaluate", runs[0], chain / "train.zarr", "--split", "validation", "--json"
    )
    wanted, found = json.loads(evaluated.stdout), told["runs"][0]
    assert found["means"] == {region: wanted[region] for region in ("whole", "unknown")}
    for name in ("intervals", "trimap", "samples", "groups", "failed"):
        assert found[name] == wanted[name], name
    return out


def test_runs_are_shown_side_by_side(page_file: Path) -> None:
    with open_page() as (page, wrong):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        names = page.locator(".keys li").all_inner_texts()
        assert [name.strip() for name in names] == ["first", MARKUP]
        phases = page.locator("#curves ~ details > summary").all_inner_texts()
        assert phases == ["tnet", "mnet", "end-to-end"]
        total = page.locator("figure.chart", has_text="Loss: total").first
        assert total.locator("svg path").count() == 2
        assert "logarithmic" in total.locator("figcaption").inner_text()
        assert "logarithmic" in str(total.locator("svg").get_attribute("aria-label"))
        figures = page.get_by_role("region", name="Figures of each run", exact=True)
        assert figures.locator("tbody tr").count() == 2
        changes = page.get_by_role("region", name="Change of each run from first", exact=True)
        assert changes.locator("tbody tr").count() == 1
        rows = page.locator("#config tr:visible")
        assert rows.all_inner_texts() == ["setting\tfirst\t" + MARKUP, "seed\t0\t1"]
        page.locator("#same").check()
        assert rows.count() > 20
        assert not wrong
        assert not [url for url in asked if not url.startswith(("file:", "data:"))]


def test_figures_say_of_whom_they_are_and_what_they_are_divided_by(page_file: Path) -> None:
    with open_page() as (page, _):
        page.goto(page_file.as_uri())
        table = page.get_by_role("region", name="Figures of each run", exact=True)
        titles = table.locator("thead tr").nth(1).locator("th").all_inner_texts()
        sums = ["SAD ÷ 1000", "MSE × 10³", "Grad ÷ 1000", "Conn ÷ 1000"]
        assert titles == [*sums, "SAD ÷ 1000", "MSE × 10³", "MAD × 10³"]
        cells = table.locator("tbody tr").first.locator("td").all_inner_texts()
        assert cells[:3] == ["predicted", "28", "14"]
        assert " to " in cells[3]
        text = page.locator("main").inner_text()
        assert "Means, in brackets their 95 % bootstrap interval over people." in text


def test_pictures_are_seen_as_they_became(page_file: Path) -> None:
    with open_page() as (page, wrong):
        page.goto(page_file.as_uri())
        moments = page.locator(".moments:visible").first
        shown = moments.locator("img:visible")
        slider = moments.locator("input")
        assert moments.locator("output").inner_text() == "8"
        assert slider.get_attribute("aria-valuetext") == "step 8"
        assert shown.count() == 1
        slider.focus()
        page.keyboard.press("ArrowLeft")
        assert moments.locator("output").inner_text() == "4"
        assert slider.get_attribute("aria-valuetext") == "step 4"
        assert shown.count() == 1
        assert shown.first.get_attribute("data-step") == "4"
        assert page.locator(".worst").count() == 2 * 2
        assert not wrong


def test_predictions_are_looked_at_closely_by_keyboard_alone(page_file: Path) -> None:
    with open_page() as (page, wrong):
        page.goto(page_file.as_uri())
        first = page.locator(".look").first
        first.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        assert dialog.get_by_role("heading").inner_text().startswith("first: p")
        panes = dialog.locator(".view:visible")
        assert panes.count() == 3
        dialog.get_by_label("true trimap", exact=True).first.focus()
        page.keyboard.press("Space")
        assert panes.count() == 4
        own = panes.first.locator("img")
        width = int(str(own.get_attribute("width")))
        dialog.get_by_label("Zoom").select_option("400 %")
        assert own.evaluate("picture => picture.clientWidth") == 4 * width
        page.set_viewport_size({"width": 390, "height": 500})
        panes.first.evaluate("view => view.scrollTo(9, 7)")
        page.wait_for_timeout(200)
        assert len(set(panes.evaluate_all("all => all.map((view) => view.scrollTop)"))) == 1
        dialog.get_by_label("Zoom").select_option("to fit")
        box = panes.first.locator("img").bounding_box()
        assert box is not None
        own.click(position={"x": 150, "y": 90})
        assert own.evaluate("picture => picture.clientWidth") == 4 * width
        own.click()
        assert own.bounding_box() == box
        title = dialog.get_by_role("heading").inner_text()
        dialog.get_by_role("button", name="Next").press("Enter")
        assert dialog.get_by_role("heading").inner_text() != title
        page.keyboard.press("Escape")
        assert not dialog.is_visible()
        assert page.evaluate("document.activeElement === document.querySelectorAll('.look')[1]")
        assert not wrong


def test_runs_on_other_trimaps_are_not_compared(
    chain: Path, runs: list[Path], dim: Path, tmp_path: Path
) -> None:
    out = tmp_path / "both.html"
    options = ("--store", chain / "train.zarr", "--split", "validation", "--worst", 1)
    told = json.loads(run("shm", "report", runs[0], dim, *options, "-o", out, "--json").stdout)
    assert [each["trimap"] for each in told["runs"]] == ["predicted", "true"]
    with open_page() as (page, wrong):
        page.goto(out.as_uri())
        table = page.get_by_role("region", name="Figures of each run", exact=True)
        rows = [row.split("\t")[:2] for row in table.locator("tbody tr").all_inner_texts()]
        assert rows == [["first", "predicted"], ["dim", "true"]]
        assert page.get_by_role("region", name="Change").count() == 0
        text = page.locator("main").inner_text()
        assert "The runs start from different trimaps" in text
        assert "dim: left out, it started from true trimaps and first from predicted ones" in text
        pictures = [
            row.locator("figure figcaption").all_inner_texts()
            for row in page.locator(".worst").all()
        ]
        assert "predicted trimap" in pictures[0]
        assert pictures[1] == ["image", "true trimap", "predicted alpha", "true alpha"]
        phases = page.locator("#curves ~ details > summary").all_inner_texts()
        assert phases == ["tnet", "mnet", "end-to-end", *(f"stage-{each}" for each in range(4))]
        assert not wrong


def test_a_page_is_no_larger_than_it_may_be_and_says_what_is_missing(
    chain: Path, copy: Callable[[str], Path], tmp_path: Path
) -> None:
    many = copy("many")
    (picture, *_) = (many / "tnet" / "pictures").glob("step-*.png")
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    Image.fromarray(noise).save(picture)
    for step in range(100, 130):
        shutil.copy(picture, picture.with_name(f"step-{step:08d}.png"))
    options = ("--store", chain / "train.zarr", "--split", "validation", "--megabytes", 1)
    out = tmp_path / "report.html"
    told = json.loads(run("shm", "report", many, *options, "-o", out, "--json").stdout)
    assert told["bytes"] == out.stat().st_size <= 1_000_000
    with open_page() as (page, _):
        page.goto(out.as_uri())
        page.locator("#pictures ~ details > summary").first.click()
        told = page.locator(".moments .quiet").first.inner_text()
        assert re.fullmatch(r"[1-9] of 32 steps", told)


def test_what_could_not_be_scored_is_told(chain: Path, runs: list[Path], tmp_path: Path) -> None:
    store = Path(shutil.copytree(chain / "train.zarr", tmp_path / "train.zarr"))
    for file in (store / "images" / "image" / "c").rglob("*"):
        for at in np.linspace(0.05, 0.9, 20) if file.is_file() else ():
            flip_a_byte(file, at=at)
    out = tmp_path / "report.html"
    options = ("--store", store, "--split", "validation", "--worst", 1, "-o", out)
    done = run("shm", "report", runs[0], *options, "--json", code=1)
    (told,) = json.loads(done.stdout)["runs"]
    failed = len(told["failed"])
    assert 0 < failed < 28
    assert told["samples"] == 28 - failed
    assert f"{failed} images could not be scored" in done.stderr
    with open_page() as (page, _):
        page.goto(out.as_uri())
        summary = page.locator("details.reason > summary").inner_text()
        assert summary == f"{failed} images of first could not be scored"
        page.locator("details.reason > summary").click()
        assert "damaged" in page.locator(".files li").first.inner_text()
        text = page.locator("main").inner_text()
        assert "a store of this name is there, with other content" not in text  # its index is whole


def test_a_run_without_its_last_phase_is_shown_without_figures(
    chain: Path, runs: list[Path], copy: Callable[[str], Path], tmp_path: Path
) -> None:
    young = copy("young")
    shutil.rmtree(young / "end-to-end")
    out = tmp_path / "report.html"
    options = ("--store", chain / "train.zarr", "--split", "validation", "-o", out, "--json")
    done = run("shm", "report", runs[0], young, *options, code=1)
    whole, half = json.loads(done.stdout)["runs"]
    assert whole["samples"] == 28
    assert "no checkpoint in it of its last phase yet" in half["reason"]
    assert "not measured: young" in done.stderr
    assert "young: not measured: " in out.read_text()


def test_a_run_that_has_just_begun_is_shown_as_far_as_it_got(
    copy: Callable[[str], Path], tmp_path: Path
) -> None:
    young = copy("young")
    for phase in ("mnet", "end-to-end"):
        shutil.rmtree(young / phase)
    for file in (young / "tnet").glob("*.json"):
        file.unlink()
    log = (young / "tnet" / "log.jsonl").read_text()
    (young / "tnet" / "log.jsonl").write_text(log[: len(log) // 2])
    told = run("shm", "report", young, "--out", tmp_path / "young.html").stderr
    assert "no figures: --store STORE measures them" in told
    page = (tmp_path / "young.html").read_text()
    assert "no checkpoint yet" in page
    assert "Not measured" in page
    assert "left out" not in page  # the line that is being written is no damage


def test_lines_that_tell_of_no_step_are_left_out_and_counted(
    copy: Callable[[str], Path], tmp_path: Path
) -> None:
    odd = copy("odd")
    log = odd / "tnet" / "log.jsonl"
    lines = log.read_text().splitlines()
    more = ['{"step": 3, "kind": "train"}', "3", "{", '{"kind": "validation"}', lines[-1]]
    log.write_text("\n".join([*lines[:-1], *more]))
    out = tmp_path / "odd.html"
    run("shm", "report", odd, "-o", out)
    told = f"tnet/log.jsonl: left out 4 of {len(lines) + 4} lines, damaged or not of training"
    assert told in out.read_text()
    log.write_bytes(b"\xff\xfe\n{\n")
    run("shm", "report", odd, "-o", out)
    assert "tnet/log.jsonl: left out 1 of 1 lines, damaged or not of training" in out.read_text()


def test_what_is_no_run_is_a_line(chain: Path, runs: list[Path], tmp_path: Path) -> None:
    out = ("--out", tmp_path / "report.html")
    told = run("shm", "report", tmp_path / "none", *out, code=1).stderr
    assert f"{tmp_path / 'none'}: no such run" in told
    told = run("shm", "report", chain, *out, code=1).stderr
    assert "no log of training in it: give the folder of `shm train --run`" in told
    told = run("shm", "report", runs[0], runs[0], *out, code=1).stderr
    assert "the same run twice" in told
    assert not (tmp_path / "report.html").exists()
