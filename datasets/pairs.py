"""What a raw corpus holds: pairs of a photo and its annotations, and what was turned away."""

from dataclasses import dataclass
from pathlib import Path

from shm.pipeline.errors import ShmError


class CorpusError(ShmError, FileNotFoundError):
    """A corpus is missing, or holds nothing that the layout expects."""


class LayoutError(ShmError, ValueError):
    """A layout forgets images: each belongs into a pair, a reject, or what is left alone."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A photo with at least one annotation; all paths are POSIX, relative to the corpus.

    A layout leaves `id` and `group` empty where the corpus does not name them itself;
    `open_corpus` fills them in.

    Attributes
    ----------
    id : str
        Unique in the corpus, and safe as a file name.
    image : str
        The photo.
    mask, alpha, trimap : str or None
        A binary mask, a matte (in the alpha channel where the file has one), a trimap.
    foreground : str or None
        The file that holds the foreground's true colours; `image` itself where the photo's own
        colours are true under the matte.
    group : str
        The person or scene: what must not be both in training and in test.
    split : {'train', 'validation', 'test'} or None
        Where the corpus was published with one.
    """

    id: str = ""
    image: str
    mask: str | None = None
    alpha: str | None = None
    trimap: str | None = None
    foreground: str | None = None
    group: str = ""
    split: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the pair, each once, the photo first."""
        named = (self.image, self.mask, self.alpha, self.trimap, self.foreground)
        return tuple(dict.fromkeys(name for name in named if name is not None))


@dataclass(frozen=True)
class Reject:
    """Something that was turned away, and why; `duplicate` where it is here already."""

    source: str
    reason: str
    duplicate: bool = False


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a layout makes of a tree.

    Attributes
    ----------
    pairs : tuple of Pair
        In any order.
    rejects : tuple of Reject
        Files that should be part of a pair and are not.
    left_alone : tuple of str
        Images that are no part of the corpus.
    lists : tuple of str
        Files that are no images, but were read: a manifest, lists of names.
    """

    pairs: tuple[Pair, ...] = ()
    rejects: tuple[Reject, ...] = ()
    left_alone: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A raw corpus on disk: each of its images is in a pair, in a reject, or left alone.

    Attributes
    ----------
    root : Path
        The folder that all paths are relative to.
    layout : str
        The name of the layout, a key of `LAYOUTS`.
    pairs : tuple of Pair
        Sorted by id.
    rejects : tuple of Reject
        What should have been part of a pair, with the reason.
    left_alone : tuple of str
        What is no part of the corpus, e.g. ``"backgrounds/ (36 files)"``.
    """

    root: Path
    layout: str
    pairs: tuple[Pair, ...]
    rejects: tuple[Reject, ...]
    left_alone: tuple[str, ...]
