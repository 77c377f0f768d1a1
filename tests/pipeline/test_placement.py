"""People that are moved, scaled and mirrored: none ends in the air, none loses its edge."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shm.pipeline.composite import Subject, blend
from shm.pipeline.placement import (
    ASIDE,
    KEEP,
    REACH,
    SCALES,
    Extent,
    Move,
    Placement,
    PlacementError,
    choose_placement,
    extent_of,
    parse_moves,
    place,
    placed_column,
    placed_pixel,
    scaled_size,
)
from shm.pipeline.resize import enlarge_with_opencv
from shm.pipeline.values import UNKNOWN, Alpha, RgbImage
from tests.pipeline.scenes import plain, soft_disc

SIDES = st.integers(16, 900)
SHARES = st.floats(0.05, 0.95)
MOVES = st.sets(st.sampled_from(["move", "scale", "flip"]))


@st.composite
def extents(draw: st.DrawFn) -> Extent:
    height, width = draw(SIDES), draw(SIDES)
    cuts = [draw(st.booleans()) for _ in range(4)]
    centre = draw(SHARES) * height, draw(SHARES) * width
    top, left, bottom, right = cuts
    return Extent(
        size=(height, width),
        centre=centre,
        cut_top=top,
        cut_left=left,
        cut_bottom=bottom,
        cut_right=right,
    )


def subject_of(alpha: Alpha, foreground: RgbImage) -> Subject:
    trimap = np.where(alpha == 0, np.uint8(0), np.where(alpha == 255, np.uint8(255), np.uint8(128)))
    return Subject(foreground=foreground, alpha=alpha, trimap=trimap)


def disc() -> Subject:
    random = np.random.default_rng(0)
    return subject_of(soft_disc(40, 12, 5), random.integers(0, 256, (40, 40, 3), np.uint8))


@given(
    extent=extents(),
    frame=st.tuples(SIDES, SIDES),
    moves=MOVES,
    beside=st.none() | st.floats(0, 120),
    seed=st.integers(0, 999),
)
@settings(max_examples=300)
def test_cut_sides_stay_out_and_the_middle_stays_in_the_frame(
    extent: Extent, frame: tuple[int, int], moves: set[Move], beside: float | None, seed: int
) -> None:
    placement = choose_placement(extent, frame, moves, np.random.default_rng(seed), beside=beside)
    height, width = scaled_size(extent.size, placement.scale)
    cut_left, cut_right = extent.cut_left, extent.cut_right
    row, column = extent.centre
    if placement.flip:
        cut_left, cut_right, column = cut_right, cut_left, extent.size[1] - column
    assert placement.top <= 0 or not extent.cut_top
    assert placement.left <= 0 or not cut_left
    assert placement.top + height >= frame[0] or not extent.cut_bottom
    assert placement.left + width >= frame[1] or not cut_right
    assert -1 <= placement.top + placement.scale * row <= frame[0] + 1
    assert -1 <= placement.left + placement.scale * column <= frame[1] + 1


@given(extent=extents(), moves=MOVES, seed=st.integers(0, 999))
def test_nothing_changes_but_what_may(extent: Extent, moves: set[Move], seed: int) -> None:
    placement = choose_placement(extent, extent.size, moves, np.random.default_rng(seed))
    if "flip" not in moves:
        assert not placement.flip
    if "scale" not in moves:
        assert placement.scale == 1
        if "move" not in moves:
            assert (placement.top, placement.left) == (0, 0)
    low, high = SCALES
    assert low - 1e-6 <= placement.scale <= high + 1e-6


@given(extent=extents(), moves=MOVES, seed=st.integers(0, 99))
def test_what_is_drawn_next_does_not_depend_on_what_may_move(
    extent: Extent, moves: set[Move], seed: int
) -> None:
    one, other = np.random.default_rng(seed), np.random.default_rng(seed)
    choose_placement(extent, (100, 100), moves, one)
    choose_placement(extent, (100, 100), (), other)
    assert one.random() == other.random()


@given(seed=st.integers(0, 999))
def test_a_free_subject_is_moved_as_far_as_is_said_and_no_further(seed: int) -> None:
    free = Extent(size=(100, 200), centre=(50, 100))
    random = np.random.default_rng(seed)
    placement = choose_placement(free, free.size, ["move"], random)
    assert abs(placement.left) <= REACH * 200 + 1
    assert abs(placement.top) <= REACH * 100 + 1


@given(column=st.floats(0, 200), cut=st.booleans(), seed=st.integers(0, 999))
def test_who_stands_beside_another_keeps_the_distance_wherever_there_is_room(
    column: float, cut: bool, seed: int
) -> None:
    extent = Extent(size=(100, 60), centre=(50, 12), cut_left=cut)
    random = np.random.default_rng(seed)
    placement = choose_placement(extent, (100, 200), ["move"], random, beside=column)
    distance = abs(placed_column(extent, placement) - column)
    if not cut or column > 110:
        assert distance >= ASIDE * 200 - 2


def test_places_scales_and_sides_vary() -> None:
    free = Extent(size=(100, 200), centre=(50, 100))
    drawn = [
        choose_placement(free, free.size, ["move", "scale", "flip"], np.random.default_rng(seed))
        for seed in range(50)
    ]
    assert len({(each.top, each.left) for each in drawn}) > 40
    assert min(each.scale for each in drawn) < 0.8
    assert max(each.scale for each in drawn) > 1.2
    assert 10 < sum(each.flip for each in drawn) < 40


def test_an_extent_tells_which_sides_cut_the_subject_off() -> None:
    alpha = np.zeros((40, 60), np.uint8)
    alpha[10:, 20:30] = 255
    alpha[0, 0] = 127  # less than half there
    assert extent_of(alpha) == Extent(size=(40, 60), centre=(25, 25), cut_bottom=True)
    alpha[5, :] = 128
    sides = Extent(size=(40, 60), centre=(22.5, 30), cut_bottom=True, cut_left=True, cut_right=True)
    assert extent_of(alpha) == sides
    assert extent_of(np.zeros((40, 60), np.uint8)) == Extent(size=(40, 60), centre=(20, 30))


def test_keep_is_the_identity() -> None:
    subject = disc()
    assert place(subject, KEEP, (40, 40)) is subject
    wider = place(subject, KEEP, (50, 60))
    for name in ("foreground", "alpha", "trimap"):
        large, small = getattr(wider, name), getattr(subject, name)
        assert large.shape[:2] == (50, 60)
        assert np.array_equal(large[:40, :40], small)
        assert not large[40:].any()
        assert not large[:, 40:].any()


def test_mirrored_twice_is_the_identity() -> None:
    subject, flip = disc(), Placement(flip=True)
    once = place(subject, flip, (40, 40))
    assert np.array_equal(once.foreground, subject.foreground[:, ::-1])
    twice = place(once, flip, (40, 40))
    for name in ("foreground", "alpha", "trimap"):
        assert np.array_equal(getattr(twice, name), getattr(subject, name))


@given(top=st.integers(-60, 60), left=st.integers(-60, 60))
def test_a_move_takes_every_pixel_along_and_fills_up_with_nobody(top: int, left: int) -> None:
    subject = disc()
    moved = place(subject, Placement(top=top, left=left), (40, 40))
    for name in ("foreground", "alpha", "trimap"):
        before, after = getattr(subject, name), getattr(moved, name)
        padded = np.pad(before, [(60, 60), (60, 60), (0, 0)][: before.ndim])
        expected = padded[60 - top : 100 - top, 60 - left : 100 - left]
        assert np.array_equal(after, expected)


@given(
    scale=st.floats(*SCALES),
    top=st.integers(-20, 20),
    left=st.integers(-20, 20),
    flip=st.booleans(),
    seed=st.integers(0, 9),
)
@settings(deadline=None)
def test_a_trimap_never_contradicts_alpha_wherever_the_subject_stands(
    scale: float, top: int, left: int, flip: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    noise = random.choice(np.array([0, 1, 90, 254, 255], np.uint8), (30, 30))
    alpha = np.maximum(soft_disc(30, 8, 3), noise * (random.random((30, 30)) < 0.1))
    subject = subject_of(alpha.astype(np.uint8), plain((200, 100, 50), 30))
    placed = place(subject, Placement(scale=scale, top=top, left=left, flip=flip), (37, 31))
    assert set(np.unique(placed.trimap).tolist()) <= {0, 128, 255}
    assert np.all(placed.alpha[placed.trimap == 255] == 255)
    assert np.all(placed.alpha[placed.trimap == 0] == 0)


@pytest.mark.parametrize("scale", [0.61, 0.83, 1.37])
def test_colours_near_the_edge_stay_the_subject_s(scale: float) -> None:
    colour = (200, 60, 40)
    alpha = soft_disc(64, 20, 1)
    foreground = np.where(alpha[..., None] > 0, plain(colour), plain((0, 255, 255)))
    subject = subject_of(alpha, foreground.astype(np.uint8))
    placed = place(subject, Placement(scale=scale), (64, 64))
    seen = placed.alpha >= 16
    assert (placed.alpha[seen] < 255).sum() > 40
    # A level of αF is up to 255/α levels of F, and is not seen: α times it is a level again.
    allowed = 2 + 2 * 255 / placed.alpha[seen].astype(float)[:, None]
    assert np.all(np.abs(placed.foreground[seen].astype(int) - colour) <= allowed)
    on_itself = blend(placed.foreground, placed.alpha, plain(colour))
    assert np.abs(on_itself.astype(int) - colour).max() <= 2


def test_opencv_places_to_the_same_bytes() -> None:
    subject = disc()
    for scale in np.linspace(*SCALES, 9).astype(np.float32).tolist():
        placement = Placement(scale=scale, top=-3, left=5, flip=True)
        one = place(subject, placement, (40, 44))
        other = place(subject, placement, (40, 44), by=enlarge_with_opencv)
        for name in ("foreground", "alpha", "trimap"):
            assert np.array_equal(getattr(one, name), getattr(other, name))


PLACEMENTS = st.builds(
    Placement,
    scale=st.just(1.0) | st.floats(*SCALES),
    top=st.integers(-60, 60),
    left=st.integers(-60, 60),
    flip=st.booleans(),
)


@given(data=st.data(), placement=PLACEMENTS | st.just(KEEP))
@settings(max_examples=150, deadline=None)
def test_a_window_of_a_placed_subject_is_that_of_the_whole(
    data: st.DataObject, placement: Placement
) -> None:
    subject, frame = disc(), data.draw(st.sampled_from([(40, 40), (37, 52)]))
    rows, columns = (sorted(data.draw(st.tuples(*[st.integers(0, n)] * 2))) for n in frame)
    window = slice(*rows), slice(*columns)
    whole, part = place(subject, placement, frame), place(subject, placement, frame, window=window)
    for name in ("foreground", "alpha", "trimap"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[window])


def marked(pixel: tuple[int, int]) -> Subject:
    """A subject of whose trimap one pixel is unknown, and whose alpha is 1 everywhere."""
    subject = subject_of(np.full((21, 30), 255, np.uint8), np.zeros((21, 30, 3), np.uint8))
    subject.trimap[pixel] = UNKNOWN
    return subject


@given(placement=PLACEMENTS | st.just(KEEP), row=st.integers(0, 20), column=st.integers(0, 29))
@settings(max_examples=200, deadline=None)
def test_a_placed_pixel_is_where_the_subject_s_pixel_is_placed(
    placement: Placement, row: int, column: int
) -> None:
    frame = (25, 33)
    trimap = place(marked((row, column)), placement, frame).trimap
    found = placed_pixel((row, column), (21, 30), placement, frame)
    there = {(int(r), int(c)) for r, c in zip(*np.nonzero(trimap == UNKNOWN), strict=True)}
    if placement.scale >= 1:
        assert found in there or (found is None and not there)
    elif found is not None and there:  # made smaller, a pixel may be lost: its neighbour stays
        assert min(max(abs(found[0] - r), abs(found[1] - c)) for r, c in there) <= 1


@given(size=st.tuples(SIDES, SIDES), row=SHARES, column=SHARES)
def test_a_pixel_of_who_stays_stays(size: tuple[int, int], row: float, column: float) -> None:
    pixel = int(row * size[0]), int(column * size[1])
    assert placed_pixel(pixel, size, KEEP, size) == pixel
    mirrored = placed_pixel(pixel, size, Placement(flip=True), size)
    assert mirrored == (pixel[0], size[1] - 1 - pixel[1])
    for away in (Placement(top=size[0]), Placement(left=-size[1])):
        assert placed_pixel(pixel, size, away, size) is None


def test_moves_are_read_from_text() -> None:
    assert parse_moves("keep") == ()
    assert parse_moves("flip, move") == ("move", "flip")
    assert parse_moves("scale") == ("scale",)
    for text in ("", "turn", "keep,move", "move;flip"):
        with pytest.raises(PlacementError, match="move, scale, flip"):
            parse_moves(text)
