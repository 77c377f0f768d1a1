"""Where a store lies: a path of this machine, or a URL that fsspec knows."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

import fsspec
from fsspec.registry import known_implementations
from upath import UPath

from shm.datasets.storage.errors import LocationError

Location: TypeAlias = Path | UPath
"""A place to read from: ``location / "images"``, ``str(location)``, ``location.name``."""

LOCAL = frozenset({"file", "local"})
WEB = frozenset({"http", "https"})

LIBRARIES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "http": "aiohttp",
    "https": "aiohttp",
    "az": "adlfs",
    "abfs": "adlfs",
}
"""The package that reads a protocol, where fsspec alone can't."""

HOSTED = frozenset(LIBRARIES)
"""Protocols whose URLs begin with a host or a bucket."""

URL = re.compile(r"(?P<protocol>[A-Za-z][A-Za-z0-9+.-]*(::[^/]*)?)://")


def locate(text: str | Path | UPath) -> Location:
    """Return the place that a path or a URL names; whether anything is there is not looked up.

    Parameters
    ----------
    text : str or path
        A path, or a URL such as ``s3://bucket/train.zarr`` or ``https://host/train.zarr``.

    Raises
    ------
    LocationError
        Its protocol is unknown, its library is not installed, or the URL carries credentials.
    """
    if isinstance(text, Path | UPath):
        return text
    match = URL.match(text)
    if match is None:
        return Path(text)
    protocol = match["protocol"].lower()
    require_protocol(protocol, text)
    require_plain(protocol, text)
    if protocol in HOSTED and not _split(text).netloc:
        what = "host" if protocol in WEB else "bucket"
        raise LocationError(f"{text}: names no {what}: write {protocol}://{what.upper()}/STORE")
    try:
        place = UPath(protocol + text[match.end("protocol") :].rstrip("/"))
    except ValueError as error:
        raise LocationError(
            f"{public_url(text)}: is no URL of a store ({error}): write {protocol}://HOST/STORE"
        ) from error
    return Path(place.path) if protocol in LOCAL else place


def absolute(location: Location) -> Location:
    """Return a place by its whole name, as a process of another working directory needs it."""
    return location.resolve() if isinstance(location, Path) else location


def is_same(one: Location, other: Location) -> bool:
    """Return whether two names are of one place."""
    return str(absolute(one)) == str(absolute(other))


def is_inside(one: Location, other: Location) -> bool:
    """Return whether one place lies in another."""
    return str(absolute(one)).startswith(f"{absolute(other)}/")


def _split(text: str) -> SplitResult:
    """Return the parts of a URL; raises `LocationError` where its host is none."""
    try:
        return urlsplit(text)
    except ValueError as error:
        raise LocationError(
            f"a URL's host can't be read ({error}): write PROTOCOL://HOST/STORE, and [ ] around "
            "numeric IPv6 addresses alone"
        ) from error


def public_url(text: str) -> str:
    """Return a URL without what may be secret in it: user, password, query and fragment."""
    parts = _split(text)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme else text


def require_protocol(protocol: str, text: str) -> None:
    """Raise `LocationError` where no installed library reads a protocol."""
    shown = public_url(text)
    if "::" in protocol:
        raise LocationError(
            f"{shown}: chained URLs can't be read; give the last one by itself, and for a cache "
            "the option of the command"
        )
    try:
        fsspec.get_filesystem_class(protocol)
    except ValueError:
        near = get_close_matches(protocol, [*LIBRARIES, *known_implementations], 1)
        hint = f"did you mean {near[0]}://?" if near else f"known are {', '.join(LIBRARIES)}"
        raise LocationError(f"{shown}: unknown protocol {protocol!r}; {hint}") from None
    except ImportError as error:
        library = LIBRARIES.get(protocol)
        cure = f"pip install {library}" if library else str(error)
        raise LocationError(
            f"{shown}: the library that reads {protocol}:// is not installed: {cure}"
        ) from error


def require_plain(protocol: str, text: str) -> None:
    """Raise `LocationError` where a URL carries what must not stand in logs and run folders."""
    parts = _split(text)
    user, at, _ = parts.netloc.rpartition("@")
    if parts.query or (protocol in WEB and (at or parts.fragment)) or ":" in user:
        raise LocationError(
            f"{public_url(text)}: was given with a user, a password, a query or a fragment, which "
            "would end up in logs; give the bare URL, and credentials as fsspec's configuration "
            "has them (https://filesystem-spec.readthedocs.io, Configuration)"
        )
