"""What a word that nobody knows may have meant."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], where: str = "") -> str:
    """Say which known word was meant, or else all that are known.

    Parameters
    ----------
    word : str
        Unknown.
    known : strings
    where : str
        Stands before the word that is proposed, as ``losses.`` before ``losses.gamma``.
    """
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {where}{near[0]}?" if near else f"known are {', '.join(known)}"
