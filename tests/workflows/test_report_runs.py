"""The page of training runs in a real browser: curves, pictures over time, figures, settings."""

import json
import shutil
from pathlib import Path

import pytest

from tests.faults.chain import TRAINING
from tests.workflows.browser import open_page
from tests.workflows.corpora import run

MARKUP = "<b onmouseover=alert(1)>&"


@pytest.fixture(scope="module")
def runs(chain: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs that differ in their seed; the name of one is markup."""
    folder = tmp_path_factory.mktemp("runs")
    found = [folder / "first", folder / MARKUP]
    for seed, path in enumerate(found):
        options = (*TRAINING, "--set", "loop.picture_every=4", "--set", "loop.validate_every=4")
        run("shm", "train", chain / "train.zarr", "--run", path, *options, "--seed", seed)
    return found


@pytest.fixture(scope="module")
def page_file(chain: Path, runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "runs.html"
    options = ("--store", chain / "train.zarr", "--split", "validation", "--worst", 2)
    told = json.loads(run("shm", "report", *runs, *options, "--out", out, "--json").stdout)
    assert told["report"] == str(out)
    evaluated = run(
        "shm", "evaluate", runs[0], chain / "train.zarr", "--split", "validation", "--json"
    )
    wanted = json.loads(evaluated.stdout)
    assert told["figures"]["first"]["whole"] == wanted["whole"]
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
        assert page.locator("#figures ~ .wide").first.locator("tbody tr").count() == 2
        assert page.locator("#figures ~ .wide").nth(1).locator("tbody tr").count() == 1
        rows = page.locator("#config tr:visible")
        assert rows.all_inner_texts() == ["setting\tfirst\t" + MARKUP, "seed\t0\t1"]
        page.locator("#same").check()
        assert rows.count() > 20
        assert not wrong
        assert not [url for url in asked if not url.startswith(("file:", "data:"))]


def test_pictures_are_seen_as_they_became(page_file: Path) -> None:
    with open_page() as (page, wrong):
        page.goto(page_file.as_uri())
        moments = page.locator(".moments:visible").first
        shown = moments.locator("img:visible")
        assert moments.locator("output").inner_text() == "8"
        assert shown.count() == 1
        moments.locator("input").focus()
        page.keyboard.press("ArrowLeft")
        assert moments.locator("output").inner_text() == "4"
        assert shown.count() == 1
        assert shown.first.get_attribute("data-step") == "4"
        assert page.locator(".worst").count() == 2 * 2
        assert not wrong


def test_a_run_that_has_just_begun_is_shown_as_far_as_it_got(
    runs: list[Path], tmp_path: Path
) -> None:
    young = tmp_path / "young"
    shutil.copytree(runs[0], young)
    for phase in ("mnet", "end-to-end"):
        shutil.rmtree(young / phase)
    for file in (young / "tnet").glob("*.json"):
        file.unlink()
    log = (young / "tnet" / "log.jsonl").read_text()
    (young / "tnet" / "log.jsonl").write_text(log[: len(log) // 2])
    told = run("shm", "report", young, "--out", tmp_path / "young.html").stderr
    assert "no figures: --store STORE measures them" in told
    page = (tmp_path / "young.html").read_text()
    assert "none yet" in page
    assert "Not measured" in page


def test_what_is_no_run_is_a_line(chain: Path, runs: list[Path], tmp_path: Path) -> None:
    out = ("--out", tmp_path / "report.html")
    told = run("shm", "report", tmp_path / "none", *out, code=1).stderr
    assert f"{tmp_path / 'none'}: no such run" in told
    told = run("shm", "report", chain, *out, code=1).stderr
    assert "no log of training in it: give the folder of `shm train --run`" in told
    told = run("shm", "report", runs[0], runs[0], *out, code=1).stderr
    assert "the same run twice" in told
    assert not (tmp_path / "report.html").exists()
