"""Pages of one file: styles, scripts and pictures inside, and nothing from elsewhere."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from shm import __version__
from shm.workflows.progress import size_words

WEB = Path(__file__).parent / "web"


def write_page(template: str, **values: object) -> bytes:
    """Return a page made of a template of ``web/``, in UTF-8; every value is escaped."""
    parts = _environment().get_template(template).generate(version=__version__, **values)
    return b"".join(part.encode("utf-8", "backslashreplace") for part in parts)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(WEB),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"inline": _inline, "hash_of": _hash_of}
    environment.policies["json.dumps_kwargs"] = {}  # else it would sort the names
    environment.filters |= {"size": size_words, "short": _short}
    return environment


def _inline(name: str) -> Markup:
    """Return a file of ours as it stands: it is no one else's text."""
    return Markup((WEB / name).read_text(encoding="utf-8"))  # noqa: S704


def _hash_of(name: str) -> str:
    """Return what a content security policy knows a script of ours by."""
    content = _inline(name).encode()  # what is inlined: a checkout may have other ends of lines
    return f"sha256-{b64encode(sha256(content).digest()).decode('ascii')}"


def _short(value: Any) -> str:  # noqa: ANN401
    """Return a number with three digits that say something."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
