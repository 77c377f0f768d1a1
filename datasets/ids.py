"""Ids as names of files, on whatever system a store comes to."""

import hashlib

LONGEST = 230
"""Bytes of an id; file systems take 255, and ``-0001.png`` comes behind it."""

_NEVER = frozenset("/\\" + "".join(map(chr, [*range(32), *range(127, 160)])))
"""Separators, and control characters, which a terminal that lists the folder would obey."""

_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}
)
"""Names that Windows takes for devices, whatever suffix they have."""


def is_file_name(name: str) -> bool:
    """Return whether a name with a suffix behind it is a file's own name, in its own folder.

    Neither a path nor part of one, nor a device, nor too long.
    """
    return (
        name not in ("", ".", "..")
        and not set(name) & _NEVER
        and not _is_device(name)
        and len(name.encode(errors="surrogatepass")) <= LONGEST
    )


def file_name(name: str) -> str:
    """Return a name, without separators, as one that `is_file_name`; most are it already."""
    if _is_device(name):
        name = f"_{name}"
    encoded = name.encode()
    if len(encoded) <= LONGEST:
        return name
    # Two long names that begin alike stay apart.
    ending = f"~{hashlib.sha256(encoded).hexdigest()[:12]}"
    return encoded[: LONGEST - len(ending)].decode(errors="ignore") + ending


def _is_device(name: str) -> bool:
    return name.split(".", maxsplit=1)[0].rstrip().lower() in _DEVICES
