"""AISegment's matting set: ``clip_img/BATCH/clip_ID/NAME.jpg`` and, under ``matting``, its matte.

34,427 half-length portraits; the matte is the alpha channel of the PNG file (Beijing Wanxing
Convergence, "AISegment.com Matting Human Datasets", 2019).
"""

from shm.datasets.pairs import Found, Pair, Reject
from shm.datasets.tree import Tree, folders_of, stem_of

EXPECTS = "clip_img/BATCH/clip_ID/NAME.jpg and matting/BATCH/matting_ID/NAME.png"


def find(tree: Tree) -> Found | None:
    """Pair the clips with their mattes; None if the tree has not both folders."""
    clips = {key: path for path in tree.images if (key := _key(path, "clip_img", "clip_"))}
    mattes = {key: path for path in tree.images if (key := _key(path, "matting", "matting_"))}
    if not clips or not mattes:
        return None
    pairs = [Pair(image=clips[key], alpha=mattes[key]) for key in clips.keys() & mattes.keys()]
    rejects = [
        Reject(path, "no matte beside it") for key, path in clips.items() if key not in mattes
    ]
    rejects += [
        Reject(path, "a matte without a photo") for key, path in mattes.items() if key not in clips
    ]
    known = {*clips.values(), *mattes.values()}
    rest = [path for path in tree.images if path not in known]
    # Two files of one name and two suffixes: the dictionary has kept the later one.
    doubled = [path for path in rest if _key(path, "clip_img", "clip_")]
    doubled += [path for path in rest if _key(path, "matting", "matting_")]
    rejects += [Reject(path, "another file beside it has the same name") for path in doubled]
    left_alone = [path for path in rest if path not in doubled]
    return Found(pairs=tuple(pairs), rejects=tuple(rejects), left_alone=tuple(left_alone))


def _key(path: str, top: str, prefix: str) -> tuple[str, ...] | None:
    """Return what a clip and its matte have in common, None for files of other folders."""
    folders = folders_of(path)
    if top not in folders:
        return None
    at = folders.index(top)
    below = (folder.removeprefix(prefix) for folder in folders[at + 1 :])
    return (*folders[:at], "", *below, stem_of(path))
