"""The page of a store in a real browser: looked through from all sides."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from shm.datasets.composites.store import open_composites
from tests.workflows.browser import open_page
from tests.workflows.corpora import Options, run, write_backgrounds, write_people
from tests.workflows.pages import (
    MARKUP,
    PEOPLE,
    box,
    ids,
    mark,
    open_sample,
    opened,
    pixel,
    tally,
)


def test_samples_are_found_filtered_and_sorted(page: Page) -> None:
    store_order = ids(page)
    assert len(store_order) == PEOPLE
    assert store_order[0] == "p0003"  # the shifted mask: of the lowest quality
    page.locator("#falling").check()
    assert ids(page)[-1] == "p0003"
    page.locator("#sort").select_option("id")
    assert ids(page) == sorted(ids(page), reverse=True)
    page.locator("#find").fill("p000")
    assert len(ids(page)) == PEOPLE - 1
    assert page.locator("#count").inner_text() == f"{PEOPLE - 1} of {PEOPLE}"
    page.locator("#find").fill("")
    page.locator("#why").select_option("worst")
    assert "p0003" in ids(page)
    assert len(ids(page)) == PEOPLE // 4
    page.locator("#why").select_option("")
    page.locator("#split").select_option("test")
    assert 0 < len(ids(page)) < PEOPLE


def test_a_sample_is_looked_at_from_all_sides(page: Page) -> None:
    open_sample(page, "p0000")
    page.locator('input[name="behind"][value="red"]').check()
    corner, other = (0.03, 0.5), (0.97, 0.5)
    photo = pixel(page, *corner)  # before, at the left of the slider
    assert pixel(page, *other) == (224, 0, 0)  # after: the cut-out
    page.locator("#slide").fill("0")
    assert pixel(page, *corner) == (224, 0, 0)
    page.locator("#slide").fill("100")
    assert pixel(page, *corner) == photo
    for view, colour in (("alpha", (0, 0, 0)), ("trimap", (0, 0, 0)), ("mask", (0, 0, 0))):
        page.locator("#before").select_option(view)
        assert pixel(page, *corner) == colour
        assert pixel(page, 0.5, 0.5) == (255, 255, 255)
    fit = box(page, "#frame")["width"]
    page.locator('input[name="zoom"][value="400"]').check()
    assert box(page, "#frame")["width"] == 4 * 64
    page.locator('input[name="zoom"][value="fit"]').check()
    assert box(page, "#frame")["width"] == fit
    page.locator("#next").click()
    assert page.locator("#panel-id").inner_text() != "p0000"
    page.keyboard.press("Escape")
    assert not page.locator("#panel[open]").count()


def test_the_slider_follows_the_pointer(page: Page) -> None:
    open_sample(page, "p0000")
    frame = box(page, "#frame")
    middle = frame["y"] + frame["height"] / 2
    page.mouse.move(frame["x"] + frame["width"] * 0.5, middle)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] * 0.8, middle)
    page.mouse.up()
    assert float(page.locator("#slide").input_value()) == pytest.approx(80, abs=1)


def test_markup_in_a_file_s_name_is_a_name(page: Page) -> None:
    assert page.title().startswith("people.zarr")
    assert page.locator("img[src=x]").count() == 0
    card = page.locator("#sheet > li", has_text="onerror")
    assert json.loads(str(card.get_attribute("data-target")))["source"] == f"images/{MARKUP}"
    card.locator("button").click()
    assert f"images/{MARKUP}" in page.locator("#facts").inner_text()
    page.keyboard.press("Escape")
    page.locator("#rejects ~ details summary").first.click()
    assert page.locator("#rejects ~ details code").first.inner_text() == "images/q<b>.png"
    assert page.title().startswith("people.zarr")


def test_all_of_it_works_by_keyboard(page: Page) -> None:
    page.locator("#sheet button").first.focus()
    page.keyboard.press("Enter")
    first = page.locator("#panel-id").inner_text()
    page.keyboard.press("r")
    assert page.locator("#said").inner_text().endswith("marked reject")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("k")
    page.keyboard.press("1")
    assert page.locator("#after").input_value() == "image"
    page.keyboard.press("s")
    assert page.locator("#before").input_value() == "image"
    page.keyboard.press("b")
    assert page.locator('input[value="black"]').is_checked()
    page.keyboard.press("+")
    assert page.locator('input[name="zoom"][value="100"]').is_checked()
    page.keyboard.press("Escape")
    assert tally(page) == "1 to keep, 1 to reject"
    page.reload()  # the browser remembers
    assert tally(page) == "1 to keep, 1 to reject"
    page.locator("#marked").select_option("reject")
    assert ids(page) == [first]


def test_letters_in_a_list_of_choices_choose_there_and_set_no_mark(page: Page) -> None:
    open_sample(page, "p0000")
    for key in "rk2":
        page.locator("#before").focus()
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert tally(page) == "0 to keep, 0 to reject"


def test_arrows_scroll_a_picture_only_where_it_is_larger_than_its_place(page: Page) -> None:
    open_sample(page, "p0000")
    first = page.locator("#panel-id").inner_text()
    page.locator('input[name="zoom"][value="100"]').check()  # 64 pixels: it fits
    page.locator("#stage").focus()
    page.keyboard.press("ArrowRight")
    second = page.locator("#panel-id").inner_text()
    assert second != first
    page.set_viewport_size({"width": 400, "height": 300})
    page.locator('input[name="zoom"][value="400"]').check()
    page.locator("#stage").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#panel-id").inner_text() == second
    page.keyboard.press("Shift+ArrowLeft")
    assert page.locator("#panel-id").inner_text() == first


MIDDLE = """() => {
  const [frame, stage] = ["frame", "stage"].map((id) => document.getElementById(id));
  const [inner, outer] = [frame, stage].map((each) => each.getBoundingClientRect());
  return (outer.top + stage.clientHeight / 2 - inner.top) / inner.height;
}"""
"""How far down in the picture the middle of the stage is, in shares of its height."""


def test_what_is_in_the_middle_stays_there_when_zoomed_and_is_moved_by_the_pointer(
    page: Page,
) -> None:
    page.set_viewport_size({"width": 400, "height": 360})
    open_sample(page, "p0000")
    page.locator('input[name="zoom"][value="200"]').check()
    page.locator('input[name="zoom"][value="400"]').check()
    assert page.evaluate(MIDDLE) == pytest.approx(0.5, abs=0.02)
    page.locator("#stage").scroll_into_view_if_needed()
    stage = box(page, "#stage")
    x, y = stage["x"] + 0.2 * stage["width"], stage["y"] + 0.5 * stage["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 30, steps=3)
    page.mouse.up()
    assert page.evaluate(MIDDLE) == pytest.approx(0.5 + 30 / 256, abs=0.02)
    assert page.locator("#slide").input_value() == "50"


def test_the_focus_goes_to_the_next_card_where_its_own_is_filtered_out(page: Page) -> None:
    page.locator("#marked").select_option("none")
    before = ids(page)
    mark(page, {before[2]: "reject"})
    page.locator(f'#sheet > li[data-id="{before[3]}"] button:focus').wait_for()
    assert ids(page) == [name for name in before if name != before[2]]


@pytest.mark.parametrize("width", [390, 1300])
def test_a_card_that_has_the_focus_is_not_under_the_marks(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 600})
    page.locator("#falling").focus()
    for _ in range(PEOPLE):
        page.keyboard.press("Tab")
        card = box(page, "#sheet button:focus")
        assert card["y"] + card["height"] <= box(page, ".marks")["y"]


def test_a_card_is_told_with_its_figures_and_its_mark(page: Page) -> None:
    mark(page, {"p0001": "keep"})
    told = page.locator('#sheet > li[data-id="p0001"]').aria_snapshot()
    assert "quality" in told
    assert "keep" in told


def test_the_page_holds_the_command_that_makes_its_store(folder: Path, page: Page) -> None:
    told = page.locator(".marks code").inner_text()
    made = "--size 64 --trimap fixed --refine none --marks marks.json"
    assert told == f"shm-data prepare {folder / 'raw'} {folder / 'people.zarr'} {made}"


def test_pictures_are_made_smaller_until_the_page_is_no_larger_than_asked(
    tmp_path: Path, there: Options
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    raw = write_people(tmp_path / "raw", 4, 400)
    for photo in (raw / "images").iterdir():
        Image.fromarray(noise ^ np.asarray(Image.open(photo))).save(photo)
    words = ("shm-data", "prepare", raw, tmp_path / "people.zarr", "--refine", "none", *there)
    run(*words, "--trimap", "fixed")
    sides = []
    for megabytes in (1, 64):
        page = tmp_path / f"{megabytes}.html"
        words = ("shm-data", "report", tmp_path / "people.zarr", "--out", page)
        told = json.loads(run(*words, "--megabytes", megabytes, "--json").stdout)
        assert told["bytes"] == page.stat().st_size <= megabytes * 1e6
        sides.append(told["side"])
    assert sides[0] < sides[1] == 400
    with opened(tmp_path / "1.html") as shown:
        shown.locator("#sheet button").first.click()
        assert f"400 × 400 px, shown at {sides[0]} px" in shown.locator("#facts").inner_text()


def test_a_page_that_is_too_small_shows_fewer_samples_and_says_so(
    chain: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    words = ("shm-data", "report", chain / "train.zarr", "--out", page, "--samples", 5000)
    told = json.loads(run(*words, "--megabytes", 1, "--json").stdout)
    assert told["bytes"] == page.stat().st_size <= 1e6
    assert told["shown"] == 280 - told["too_large"] < 280
    with opened(page) as shown:
        assert len(ids(shown)) == told["shown"]
        assert f"{told['too_large']} more had no room" in shown.locator("#samples").inner_text()
        assert {"worst", "best", "random"} == {
            why
            for card in shown.locator("#sheet > li").all()
            for why in str(card.get_attribute("data-why")).split()
        }
    assert (
        f"{told['too_large']} more samples have no room in 1 MB"
        in run(*words, "--megabytes", 1).stderr
    )


@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_more_samples_are_shown_than_asked_for(folder: Path, tmp_path: Path, count: int) -> None:
    words = ("shm-data", "report", folder / "people.zarr", "--samples", count, "--json")
    assert json.loads(run(*words, "--out", tmp_path / "x.html").stdout)["shown"] == count


def test_composites_are_shown_with_what_is_behind_them(chain: Path, tmp_path: Path) -> None:
    words = ("shm-data", "report", chain / "lazy.zarr", "--out", tmp_path / "report.html")
    run(*words, "--samples", 12)
    with open_page() as (page, wrong):
        page.goto((tmp_path / "report.html").as_uri())
        assert len(ids(page)) == 12
        page.locator("#sheet button").first.click()
        views = page.locator("#before option").all_inner_texts()
        assert views == ["Photo", "Background", "Trimap", "Alpha", "Foreground", "Cut-out"]
        assert "VOC2012/JPEGImages/" in page.locator("#facts").inner_text()
        page.keyboard.press("r")
        page.keyboard.press("Escape")
        assert tally(page) == "0 to keep, 1 to reject"
        objects = page.locator("figure", has_text="Objects in the backgrounds")
        assert "chair" in objects.inner_text()
        assert page.locator("#left-out ~ details").count() == 1
        assert not wrong


def test_figures_of_composites_are_measured_on_them(tmp_path: Path, there: Options) -> None:
    raw = write_people(tmp_path / "raw", 8)
    backgrounds = write_backgrounds(tmp_path / "behind", 12)
    for name in ("b000", "b001"):
        (backgrounds / f"VOC2012/Annotations/{name}.xml").write_text("<annotation></annotation>")
    (backgrounds / "VOC2012/Annotations/b002.xml").unlink()
    people, out = tmp_path / "people.zarr", tmp_path / "composites.zarr"
    run("shm-data", "prepare", raw, people, "--refine", "none", "--trimap", "fixed", *there)
    words = ("--backgrounds", backgrounds, "--placement", "move,scale", "--per-foreground", 12)
    run("shm-data", "composite", people, out, *words, "--unlabelled", "allow", *there)
    run("shm-data", "report", out, "--out", tmp_path / "report.html", "--samples", 5)
    store = open_composites(out)
    records = {record["id"]: (slot, record) for slot, record in store.samples()}
    others = 0
    with opened(tmp_path / "report.html") as page:
        for card in page.locator("#sheet > li").all():
            slot, record = records[str(card.get_attribute("data-id"))]
            arrays = store.read(slot)
            subject = float(str(card.get_attribute("data-subject")))
            assert subject == pytest.approx(arrays["alpha"].mean() / 255)
            others += abs(subject - record["quality"]["subject"]) > 0.01
            assert float(str(card.get_attribute("data-unknown"))) == pytest.approx(
                (arrays["trimap"] == 128).mean()
            )
        assert others
        assert "of those shown" in page.locator("figure", has_text="Brightness").inner_text()
        assert page.locator("figure", has_text="Quality of the person").count() == 1
        behind = page.locator("figure", has_text="Objects in the backgrounds").inner_text()
        assert all(each in behind for each in ("chair", "(nothing annotated)", "(no annotation)"))


def test_masks_of_composites_and_of_mattes_are_told_apart_from_missing_ones(
    chain: Path, folder: Path, tmp_path: Path, there: Options
) -> None:
    out = ("--out", tmp_path / "report.html")
    words = ("shm-data", "report", chain / "lazy.zarr", "--corpus", chain / "raw", *out)
    assert "composites stand elsewhere than their masks" in run(*words, code=1).stderr
    shutil.copytree(folder / "raw", tmp_path / "raw")
    (tmp_path / "raw/masks").rename(tmp_path / "raw/alphas")
    run("shm-data", "prepare", tmp_path / "raw", tmp_path / "x.zarr", "--max-rejects", 1, *there)
    words = ("shm-data", "report", tmp_path / "x.zarr", "--corpus", tmp_path / "raw", *out)
    assert "no masks: these samples were made from mattes or trimaps" in run(*words).stderr
    words = ("shm-data", "report", folder / "people.zarr", "--corpus", tmp_path / "raw", *out)
    assert f"{PEOPLE} without their mask" in run(*words).stderr


def test_a_manifest_says_where_the_masks_are(folder: Path, tmp_path: Path, there: Options) -> None:
    shutil.copytree(folder / "raw", tmp_path / "raw")
    rows = [f"images/p000{n}.png,masks/p000{n}.png" for n in range(4)]
    manifest = tmp_path / "raw/manifest.csv"
    manifest.write_text("\n".join(["image,mask", *rows]))
    run("shm-data", "prepare", manifest, tmp_path / "x.zarr", *there)
    words = ("shm-data", "report", tmp_path / "x.zarr", "--corpus", manifest, "--json")
    told = json.loads(run(*words, "--out", tmp_path / "x.html").stdout)
    assert (told["shown"], told["masks"], told["no_masks"]) == (4, 4, 0)


def test_what_can_not_be_shown_is_a_line(chain: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "report.html")
    assert "no such store" in run("shm-data", "report", tmp_path / "x", *out, code=1).stderr
    no_folder = ("--out", tmp_path / "file" / "report.html")
    (tmp_path / "file").write_text("")
    told = run("shm-data", "report", chain / "people.zarr", *no_folder, code=1).stderr
    assert str(tmp_path / "file") in told
    nowhere = ("--corpus", tmp_path / "nowhere")
    told = run("shm-data", "report", chain / "people.zarr", *nowhere, *out, code=1).stderr
    assert f"{tmp_path / 'nowhere'}: there is no such folder" in told
    assert not (tmp_path / "report.html").exists()
