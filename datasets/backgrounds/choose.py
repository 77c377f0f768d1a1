"""Which photos people are pasted on: those that show nobody yet, and each picture once.

A person left in a background is a label error, so a photo that nobody has annotated counts as
unknown, which is not the same as empty.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from shm.datasets.backgrounds.background import Background, known_person, merged
from shm.datasets.duplicates import Watch, equal_files
from shm.datasets.image import MAX_PIXELS, ImageError, image_size
from shm.datasets.pairs import Reject
from shm.datasets.record import Record

Policy = Literal["exclude", "allow"]

ENLARGED = 4
"""A background that would have to be enlarged more than so many times is too small."""


def choose_backgrounds(
    found: Sequence[Background],
    *,
    people: Policy = "exclude",
    unlabelled: Policy = "exclude",
    watch: Watch = iter,
) -> tuple[tuple[Background, ...], tuple[Reject, ...]]:
    """Choose the backgrounds to use, each picture once.

    Equal files share what is known of them, the licence too: where one shows a person all do,
    where one is known to show none the others show none either.

    Parameters
    ----------
    found : sequence of Background
        What `find_backgrounds` returned, of one folder or several.
    people : {'exclude', 'allow'}
        What to do with photos in which a person is annotated.
    unlabelled : {'exclude', 'allow'}
        What to do with photos that are not annotated.
    watch : callable
        Given the photos that have to be compared, and passes them on: to show how far they are.

    Returns
    -------
    tuple of Background, tuple of Reject
        Both in the order of `found`; together as many as there.
    """
    copies = {index: group for group in _equal(found, watch) for index in group}
    accepted, rejects = [], []
    for index, background in enumerate(found):
        group = copies.get(index, [index])
        reason = _refusal([found[copy] for copy in group], background, people, unlabelled)
        if reason is not None:
            rejects.append(Reject(background.source, reason))
        elif index != group[0]:
            reason = f"the same file as {found[group[0]].source}"
            rejects.append(Reject(background.source, reason, duplicate=True))
        else:
            accepted.append(merged([found[copy] for copy in group]))
    return tuple(accepted), tuple(rejects)


def large_enough(
    found: Sequence[Background],
    canvas: int,
    *,
    max_pixels: int = MAX_PIXELS,
    watch: Watch = iter,
) -> tuple[list[Background], list[Reject]]:
    """Leave out what would have to be enlarged over `ENLARGED` times to cover the canvas.

    Headers alone are read; what can't be read is kept, and left to whoever reads it whole.
    """
    large, small = [], []
    for background in watch(found):
        try:
            height, width = image_size(background.path, max_pixels=max_pixels)
        except (ImageError, OSError):
            height = width = canvas
        if min(height, width) * ENLARGED < canvas:
            size = f"{width}×{height} pixels"
            reason = f"{size}: to cover {canvas}, it would be enlarged over {ENLARGED} times"
            small.append(Reject(background.source, reason))
        else:
            large.append(background)
    return large, small


def distinct_pictures(
    scenes: Mapping[int, Record], people: Mapping[int, Record]
) -> tuple[dict[int, Record], list[Reject]]:
    """Return the backgrounds, by slot, that repeat neither another one nor a person's photo.

    Parameters
    ----------
    scenes, people : mapping of slot to record
        With ``pixels``, the digest of what the photo shows.
    """
    photos = {person.get("pixels"): person["id"] for person in people.values()}
    first: dict[str, str] = {}
    distinct, repeated = {}, []
    for slot, scene in scenes.items():
        source = scene["source"]
        if scene["pixels"] in photos:
            reason = f"it is the photo of the person {photos[scene['pixels']]}"
            repeated.append(Reject(source, reason))
        elif first.setdefault(scene["pixels"], source) != source:
            reason = f"the same picture as {first[scene['pixels']]}"
            repeated.append(Reject(source, reason, duplicate=True))
        else:
            distinct[slot] = scene
    return distinct, repeated


def _equal(found: Sequence[Background], watch: Watch) -> list[list[int]]:
    fit = [index for index, background in enumerate(found) if background.unfit is None]
    groups = equal_files([found[index].path for index in fit], watch)
    return [[fit[copy] for copy in group] for group in groups]


def _refusal(
    copies: list[Background], background: Background, people: Policy, unlabelled: Policy
) -> str | None:
    if background.unfit is not None:
        return background.unfit
    person = known_person(copies)
    if person and people == "exclude":
        other = next(copy.source for copy in copies if copy.person)
        where = "it" if background.person else f"its copy {other}"
        return f"a person is annotated in {where}"
    if person is None and unlabelled == "exclude":
        why = f"not annotated ({background.note})" if background.note else "not annotated"
        return f"{why}: may show a person (--unlabelled allow takes it)"
    return None
