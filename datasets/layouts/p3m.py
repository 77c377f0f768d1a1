"""P3M-10k: ``train/{blurred_image,mask}`` and ``validation/P3M-500-{P,NP}/{…_image,mask,trimap}``.

Its ``mask`` folders hold alpha mattes (Li et al., Privacy-Preserving Portrait Matting, ACM
Multimedia 2021, arXiv 2104.14222). Its authors train on ``train`` and publish their figures on the
two sets of 500, so these are the test split.
"""

from shm.datasets.pairs import Found, Pair, Reject
from shm.datasets.tree import Tree, folders_of, stem_of

EXPECTS = "train/{blurred_image,mask} and validation/P3M-500-*/{blurred_image,original_image,mask}"

_PHOTOS = ("original_image", "blurred_image")
_ROLES = (*_PHOTOS, "mask", "trimap")
_SPLITS = {"train": "train", "validation": "test"}

_Key = tuple[tuple[str, ...], str]


def find(tree: Tree) -> Found | None:
    """Pair the photos with their mattes; None if no image folder has P3M's name."""
    files: dict[_Key, dict[str, str]] = {}
    left_alone, rejects = [], []
    for path in tree.images:
        folders = folders_of(path)
        if not folders or folders[-1] not in _ROLES:
            left_alone.append(path)
            continue
        roles = files.setdefault((folders[:-1], stem_of(path)), {})
        if folders[-1] in roles:
            rejects.append(Reject(path, f"{roles[folders[-1]]} beside it has the same name"))
        else:
            roles[folders[-1]] = path
    if not any(role in roles for roles in files.values() for role in _PHOTOS):
        return None
    pairs = []
    for (folders, _), roles in files.items():
        photos = [roles[role] for role in _PHOTOS if role in roles]
        left_alone += photos[1:]
        if photos and "mask" in roles:
            split = next((_SPLITS[name] for name in folders if name in _SPLITS), None)
            pair = Pair(
                image=photos[0], alpha=roles["mask"], trimap=roles.get("trimap"), split=split
            )
            pairs.append(pair)
        elif photos:
            rejects += [Reject(photos[0], "no matte in the mask folder beside it")]
            left_alone += [roles["trimap"]] if "trimap" in roles else []
        else:
            rejects += [Reject(path, f"a {role} without a photo") for role, path in roles.items()]
    return Found(pairs=tuple(pairs), rejects=tuple(rejects), left_alone=tuple(left_alone))
