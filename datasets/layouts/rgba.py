"""Cut-outs: a folder of RGBA files, each its own photo, matte and true foreground."""

from shm.datasets.image import ImageError, has_alpha
from shm.datasets.layouts import roles
from shm.datasets.pairs import Found, Pair, Reject
from shm.datasets.tree import Tree

EXPECTS = "nothing but RGBA images (PNG, WebP or TIFF)"


def find(tree: Tree) -> Found | None:
    """Make a pair of each file; None if some have a mask's name, or none has an alpha channel.

    A file without an alpha channel among many with one is a reject; where they are more than one
    in ten, the folder is taken to be something else.
    """
    images = [path for path in tree.images if roles.apart(path) is None]
    left_alone = tuple(path for path in tree.images if roles.apart(path) is not None)
    if not images or any(roles.role_of(path).is_annotation for path in images):
        return None
    pairs, rejects = [], []
    for path in images:
        try:
            promised = has_alpha(tree.root / path, max_pixels=tree.max_pixels)
        except ImageError as error:
            rejects.append(Reject(path, str(error)))
            continue
        if promised:
            pairs.append(Pair(image=path, alpha=path, foreground=path))
        else:
            rejects.append(Reject(path, "no alpha channel: not a cut-out"))
        if len(rejects) > max(1, len(images) // 10):
            return None
    if not pairs or len(rejects) >= len(pairs):
        return None
    return Found(pairs=tuple(pairs), rejects=tuple(rejects), left_alone=left_alone)
