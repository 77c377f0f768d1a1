"""Each way to lay a corpus out gives its pairs, and every image in it is accounted for."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shm.datasets.corpus import CorpusError, LayoutError, Pair, open_corpus
from shm.datasets.layouts import LAYOUTS, Layout
from shm.datasets.pairs import Found
from tests.datasets.raw_corpora import accounted, by_id, cutout, mask, matte, photo, reasons, write


@pytest.mark.parametrize(
    ("image", "annotation", "role"),
    [
        ("images/a.jpg", "masks/a.png", "mask"),
        ("images/train/a.jpg", "masks/train/a.png", "mask"),
        ("train/images/a.jpg", "train/masks/a.png", "mask"),
        ("IMAGES/a.JPG", "Mattes/a.PNG", "alpha"),
        ("img/a.jpg", "gt/a.png", "alpha"),
        ("photos/a.jpg", "trimaps/a.png", "trimap"),
        ("a.jpg", "a_mask.png", "mask"),
        ("a.jpg", "a-Matte.png", "alpha"),
        ("a.jpg", "a.mask.png", "mask"),
        ("a.jpg", "mask_a.png", "mask"),
        ("a.jpg", "masks/a.png", "mask"),
        ("person/a.jpg", "masks/a.png", "mask"),
        ("images/a.jpg", "images/a_trimap.png", "trimap"),
        ("images/a_image.jpg", "masks/a_mask.png", "mask"),
        ("a_rgb.png", "a_alpha.png", "alpha"),
        ("images/img_1.jpg", "masks/img_1.png", "mask"),
        ("images/img_1.jpg", "masks/mask_1.png", "mask"),
        ("masks/a_image.jpg", "masks/a_image_trimap.png", None),
        ("images/blue-label.jpg", "masks/blue-label.png", "mask"),
        ("blue-label.jpg", "masks/blue-label.png", "mask"),
        ("train/a.jpg", "train_masks/a_mask.gif", "mask"),
        ("train_images/a.jpg", "train_masks/a.png", "mask"),
        ("images-v2/a.jpg", "alphas-v2/a.png", "alpha"),
        ("my_photos/a.jpg", "masks/a.png", "mask"),
    ],
)
def test_a_photo_is_paired_with_what_stands_beside_it(
    tmp_path: Path, image: str, annotation: str, role: str | None
) -> None:
    corpus = open_corpus(write(tmp_path, {image: photo(0), annotation: mask()}))
    assert corpus.layout == "folder"
    assert accounted(corpus)
    if role is None:
        assert not corpus.pairs
        return
    (pair,) = corpus.pairs
    assert (pair.image, getattr(pair, role)) == (image, annotation)
    assert pair.files == (image, annotation)
    assert pair.id == pair.group == Path(image).stem
    assert pair.split is None


def test_a_photo_has_all_that_belongs_to_it(tmp_path: Path) -> None:
    files = {f"{folder}/a.png": mask() for folder in ("masks", "alphas", "trimaps")}
    write(tmp_path, {"images/a.jpg": photo(0), "foregrounds/a.jpg": photo(1), **files})
    (pair,) = open_corpus(tmp_path).pairs
    assert pair == Pair(
        id="a",
        image="images/a.jpg",
        mask="masks/a.png",
        alpha="alphas/a.png",
        trimap="trimaps/a.png",
        foreground="foregrounds/a.jpg",
        group="a",
    )


@pytest.mark.parametrize(("content", "role"), [(mask(), "mask"), (matte(), "alpha")])
def test_the_content_of_a_twin_says_what_it_is(
    tmp_path: Path, content: NDArray[np.uint8], role: str
) -> None:
    corpus = open_corpus(write(tmp_path, {"a.jpg": photo(0), "a.png": content}))
    (pair,) = corpus.pairs
    assert pair.files == ("a.jpg", "a.png")
    assert getattr(pair, role) == "a.png"


def test_two_photos_of_one_stem_in_one_folder_keep_their_suffix(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.jpg": photo(0), "images/a.png": photo(1), "masks/a.png": mask()})
    corpus = open_corpus(tmp_path)
    assert sorted(by_id(corpus)) == ["images__a.jpg", "images__a.png"]
    assert {pair.mask for pair in corpus.pairs} == {"masks/a.png"}


def test_two_photos_of_one_stem_in_two_folders_take_their_folders_name(tmp_path: Path) -> None:
    files = {f"{person}/images/1.jpg": photo(n) for n, person in enumerate("pq")}
    files |= {f"{person}/masks/1.png": mask() for person in "pq"} | {"p/images/2.jpg": photo(2)}
    corpus = open_corpus(write(tmp_path, files | {"p/masks/2.png": mask()}))
    assert sorted(by_id(corpus)) == ["2", "p__images__1", "q__images__1"]


def test_names_that_differ_in_case_alone_do_not_share_a_file_name(tmp_path: Path) -> None:
    files = {
        "p/A.jpg": photo(0),
        "p/A_mask.png": mask(),
        "q/a.jpg": photo(1),
        "q/a_mask.png": mask(),
    }
    corpus = open_corpus(write(tmp_path, files))
    assert sorted(by_id(corpus)) == ["p__A", "q__a"]


def test_a_copy_at_another_size_is_a_duplicate(tmp_path: Path) -> None:
    files: dict[str, NDArray[np.uint8]] = {}
    for number in range(24):
        files[f"images/{number}.jpg"] = photo(number)
        files[f"masks/{number}.png"] = mask(number)
        files[f"alphas/{number}.png"] = matte()
    files["full_resolution/7.jpg"] = photo(7, 480, 640)
    files["full_resolution/7_mask.png"] = mask()
    corpus = open_corpus(write(tmp_path, files))
    assert sorted(by_id(corpus)) == sorted(str(number) for number in range(24))
    (reject,) = corpus.rejects
    assert reject.duplicate
    assert reject.source == "full_resolution/7.jpg"
    assert reject.reason == "the same photo as images/7.jpg at another size"
    assert corpus.left_alone == ("full_resolution/7_mask.png",)
    assert accounted(corpus)


def test_a_photo_that_was_saved_again_is_a_duplicate(tmp_path: Path) -> None:
    files = {"a/images/x.jpg": photo(0), "a/masks/x.png": mask(), "b/images/x.png": photo(0)}
    corpus = open_corpus(write(tmp_path, files | {"b/masks/x.png": mask()}))
    assert sorted(by_id(corpus)) == ["x"]
    assert reasons(corpus) == {"b/images/x.png": "the same photo as a/images/x.jpg, saved again"}


def test_of_two_equal_files_the_one_with_a_matte_stays(tmp_path: Path) -> None:
    files = {"a/1.png": photo(0), "a/1_mask.png": mask(), "b/2.png": photo(0)}
    corpus = open_corpus(write(tmp_path, files | {"b/2_alpha.png": matte()}))
    assert sorted(by_id(corpus)) == ["2"]
    assert reasons(corpus) == {"a/1.png": "the same file as b/2.png"}
    assert corpus.rejects[0].duplicate


def test_a_photo_without_a_mask_and_a_mask_without_a_photo_are_rejected(tmp_path: Path) -> None:
    files = {"images/a.jpg": photo(0), "images/b.jpg": photo(1), "masks/c.png": mask()}
    corpus = open_corpus(write(tmp_path, files | {"masks/a.png": mask()}))
    assert sorted(by_id(corpus)) == ["a"]
    assert reasons(corpus) == {
        "images/b.jpg": "no mask, matte or trimap beside it",
        "masks/c.png": "a mask without a photo",
    }


def test_a_second_mask_is_rejected(tmp_path: Path) -> None:
    files = {"images/a.jpg": photo(0), "masks/a.png": mask(), "masks/a.jpg": mask()}
    corpus = open_corpus(write(tmp_path, files))
    assert corpus.pairs[0].mask == "masks/a.png"
    assert reasons(corpus) == {
        "masks/a.jpg": "a second mask for images/a.jpg: masks/a.png is taken"
    }


def test_what_is_no_part_of_a_corpus_is_left_alone_and_said(tmp_path: Path) -> None:
    files: dict[str, NDArray[np.uint8] | str] = {"images/a.jpg": photo(0), "masks/a.png": mask()}
    files |= {f"backgrounds/{number}.jpg": photo(number) for number in range(3)}
    files |= {
        "truth/a.png": matte(),
        "README.md": "words",
        "images/a.txt": "x",
        "images/b.txt": "x",
    }
    files |= {".hidden/a.jpg": photo(4), "__MACOSX/images/._a.jpg": "x", "images/._a.jpg": "x"}
    corpus = open_corpus(write(tmp_path, files))
    assert sorted(by_id(corpus)) == ["a"]
    assert not corpus.rejects
    assert corpus.left_alone == (
        "README.md",
        "backgrounds/ (3 files)",
        "images/*.txt (2 files)",
        "truth/ (1 file)",
    )


def test_formats_that_are_not_read_are_rejected(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.jpg": photo(0), "masks/a.png": mask(), "images/b.heic": "x"})
    assert reasons(open_corpus(tmp_path)) == {
        "images/b.heic": ".heic files are not read: save it as JPEG, PNG, WebP or TIFF"
    }


def test_links_that_lead_out_of_the_corpus_are_rejected(tmp_path: Path) -> None:
    root = write(tmp_path / "raw", {"images/a.jpg": photo(0), "masks/a.png": mask()})
    write(tmp_path, {"secret.jpg": photo(1), "more/c.jpg": photo(2)})
    (root / "images/b.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "images/lost.jpg").symlink_to("nowhere.jpg")
    (root / "more").symlink_to(tmp_path / "more")
    (root / "inside").symlink_to(root / "images")
    corpus = open_corpus(root)
    assert sorted(by_id(corpus)) == ["a"]
    assert reasons(corpus) == {
        "images/b.jpg": "a link that leads out of the corpus: copy the file instead",
        "images/lost.jpg": "a link that leads nowhere",
        "more": "a link that leads out of the corpus: copy the folder instead",
    }
    assert corpus.left_alone == ("inside",)


def test_aisegment_is_found(tmp_path: Path) -> None:
    files = {
        "data/clip_img/1803/clip_0/1803-01.jpg": photo(0),
        "data/clip_img/1803/clip_1/1803-02.jpg": photo(1),
        "data/matting/1803/matting_0/1803-01.png": cutout(0),
        "data/matting/1803/matting_0/1803-03.png": cutout(3),
    }
    corpus = open_corpus(write(tmp_path, files))
    assert corpus.layout == "aisegment"
    (pair,) = corpus.pairs
    assert (pair.id, *pair.files) == ("1803-01", *list(files)[::2])
    assert pair.alpha == "data/matting/1803/matting_0/1803-01.png"
    assert sorted(reasons(corpus).values()) == ["a matte without a photo", "no matte beside it"]
    assert accounted(corpus)


def test_p3m_is_found_with_its_splits(tmp_path: Path) -> None:
    files: dict[str, NDArray[np.uint8]] = {}
    for number, (folder, kind) in enumerate(
        [
            ("train", "blurred_image"),
            ("validation/P3M-500-P", "blurred_image"),
            ("validation/P3M-500-NP", "original_image"),
        ]
    ):
        files[f"P3M-10k/{folder}/{kind}/p_{number}.jpg"] = photo(number)
        files[f"P3M-10k/{folder}/mask/p_{number}.png"] = matte()
        files[f"P3M-10k/{folder}/facemask/p_{number}.png"] = mask()
    files["P3M-10k/validation/P3M-500-NP/trimap/p_2.png"] = mask()
    corpus = open_corpus(write(tmp_path, files))
    pairs = by_id(corpus)
    assert corpus.layout == "p3m"
    assert [pairs[f"p_{number}"].split for number in range(3)] == ["train", "test", "test"]
    assert all(pair.alpha and pair.mask is None for pair in corpus.pairs)
    assert pairs["p_2"].trimap == "P3M-10k/validation/P3M-500-NP/trimap/p_2.png"
    assert accounted(corpus)


def test_adobe_is_found_with_its_splits_and_its_lists(tmp_path: Path) -> None:
    train = "Combined_Dataset/Training_set"
    test = "Combined_Dataset/Test_set"
    files: dict[str, NDArray[np.uint8] | str] = {}
    for number, folder in enumerate(
        [f"{train}/Adobe-licensed images", f"{train}/Other", f"{test}/Adobe-licensed images"]
    ):
        name = ("a.jpg", "b.jpg", "a.png")[number]
        files |= {f"{folder}/fg/{name}": photo(number), f"{folder}/alpha/{name}": matte()}
    files[f"{train}/Other/fg/unlisted.jpg"] = photo(5)
    files[f"{train}/Other/alpha/unlisted.jpg"] = matte()
    files[f"{test}/Adobe-licensed images/trimaps/a_0.png"] = mask()
    files[f"{train}/training_fg_names.txt"] = "a.jpg\nb.jpg\r\ngone.jpg\n../../secret.jpg\n"
    files[f"{test}/test_fg_names.txt"] = "a.png\n"
    corpus = open_corpus(write(tmp_path, files))
    assert corpus.layout == "adobe"
    assert sorted(pair.split or "" for pair in corpus.pairs) == ["test", "train", "train"]
    assert len({pair.id for pair in corpus.pairs}) == 3
    assert all(pair.foreground == pair.image for pair in corpus.pairs)
    assert reasons(corpus) == {
        f"{train}/Other/fg/unlisted.jpg": "no list of names has it",
        "gone.jpg": f"line 3 of {train}/training_fg_names.txt names it, but no fg folder holds it",
        "../../secret.jpg": (
            f"line 4 of {train}/training_fg_names.txt: a path where a file name should stand"
        ),
    }
    assert accounted(corpus)


def test_a_bare_adobe_tree_has_no_splits(tmp_path: Path) -> None:
    files = {
        "Adobe-licensed images/fg/a.png": photo(0),
        "Adobe-licensed images/alpha/a.png": matte(),
    }
    corpus = open_corpus(write(tmp_path, files))
    assert corpus.layout == "adobe"
    assert [(pair.id, pair.split) for pair in corpus.pairs] == [("a", None)]


def test_cut_outs_are_their_own_photo_matte_and_foreground(tmp_path: Path) -> None:
    corpus = open_corpus(write(tmp_path, {f"{n}.png": cutout(n) for n in range(3)}))
    assert corpus.layout == "rgba"
    assert {pair.files for pair in corpus.pairs} == {("0.png",), ("1.png",), ("2.png",)}
    assert all(pair.image == pair.alpha == pair.foreground for pair in corpus.pairs)


def test_foregrounds_with_mattes_are_photos_of_true_colours(tmp_path: Path) -> None:
    corpus = open_corpus(write(tmp_path, {"fg/a.jpg": photo(0), "alpha/a.png": matte()}))
    (pair,) = corpus.pairs
    assert (pair.image, pair.foreground, pair.alpha) == ("fg/a.jpg", "fg/a.jpg", "alpha/a.png")


def test_layouts_are_tried_from_the_most_particular(tmp_path: Path) -> None:
    assert list(LAYOUTS) == ["manifest", "aisegment", "adobe", "p3m", "rgba", "folder"]
    write(tmp_path, {"images/a.jpg": photo(0), "masks/a.png": mask()})
    assert open_corpus(tmp_path, "folder") == open_corpus(tmp_path)


def test_a_corpus_of_links_to_elsewhere_says_that_these_are_why_it_is_empty(tmp_path: Path) -> None:
    write(tmp_path / "there", {"images/a.jpg": photo(0), "masks/a.png": mask()})
    (tmp_path / "here").mkdir()
    for name in ("images", "masks"):
        (tmp_path / "here" / name).symlink_to(tmp_path / "there" / name)
    with pytest.raises(CorpusError, match="2 rejected, the first 'images': a link"):
        open_corpus(tmp_path / "here")


def test_a_layout_that_forgets_images_is_refused_with_the_first_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ["images/a.jpg", "masks/a.png", "images/b.jpg", "masks/b.png", "c.jpg"]
    write(tmp_path, dict.fromkeys(files, mask()))
    pair = Pair(image="images/a.jpg", mask="masks/a.png")
    forgetful = Layout(lambda _: Found(pairs=(pair,), left_alone=("c.jpg",)), "images")
    monkeypatch.setitem(LAYOUTS, "mine", forgetful)
    with pytest.raises(LayoutError, match=r"'mine' says nothing of 2 of 5 images.*images/b\.jpg"):
        open_corpus(tmp_path, "mine")


@settings(max_examples=60, deadline=None)
@given(
    st.sets(
        st.tuples(
            st.sampled_from(["", "images/", "masks/", "p/", "p/alphas/", "fg/", "bg/", "q/gt/"]),
            st.sampled_from(["a", "b", "a_mask", "b-trimap", "img_a", "x_fg"]),
            st.sampled_from([".jpg", ".png", ".PNG"]),
        ),
        min_size=1,
        max_size=14,
    )
)
def test_nothing_is_dropped_and_ids_are_unique(
    tmp_path_factory: pytest.TempPathFactory, names: set[tuple[str, str, str]]
) -> None:
    root = tmp_path_factory.mktemp("raw")
    for folder, stem, suffix in names:
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / f"{stem}{suffix}").touch()
    try:
        corpus = open_corpus(root)
    except CorpusError:
        assert all(folder == "bg/" for folder, _, _ in names)
        return
    assert accounted(corpus)
    ids = [pair.id.casefold() for pair in corpus.pairs]
    assert len(set(ids)) == len(ids)
    assert ids == [pair.id.casefold() for pair in sorted(corpus.pairs, key=lambda pair: pair.id)]
    images = [pair.image for pair in corpus.pairs] + [reject.source for reject in corpus.rejects]
    assert len(set(images)) == len(images)


def test_a_pipe_is_rejected_and_never_waited_for(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.png": photo(1), "masks/a.png": mask()})
    os.mkfifo(tmp_path / "images" / "b.png")
    assert reasons(open_corpus(tmp_path))["images/b.png"] == "not a regular file"


def test_a_store_in_the_corpus_is_no_part_of_it(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.png": photo(1), "masks/a.png": mask()})
    write(tmp_path, {"people.zarr/zarr.json": "{}", "people.zarr/image/x.png": photo(2)})
    corpus = open_corpus(tmp_path)
    assert (len(corpus.pairs), corpus.rejects, corpus.left_alone) == (1, (), ())


def test_one_folder_of_a_published_name_does_not_hide_the_others(tmp_path: Path) -> None:
    for name in "abcd":
        write(tmp_path, {f"images/{name}.png": photo(ord(name)), f"masks/{name}.png": mask()})
    write(tmp_path, {"more/original_image/q.jpg": photo(9), "more/mask/q.png": mask()})
    assert len(open_corpus(tmp_path).pairs) >= 4
