"""Names and files that attack: what each is, and what it is to get from the commands."""

import os
import socket
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from tests.pipeline.scenes import scene

SIDE = 32
ESCAPE = "\x1b]0;owned\x07"
"""Sets the title of a terminal that is shown it."""

FORGED = f"{ESCAPE}\nforged line\u202e\x9b31m<script>|"

ACCEPTED, ABSENT = "accepted", "absent"
"""What a name may get, beside a reason for its rejection or how it is left alone."""


def png(shade: int = 0) -> bytes:
    """Return a photo as a PNG; each shade is another photo."""
    image = np.clip(scene(SIDE)[0].astype(int) - 2 * shade, 0, 255).astype(np.uint8)
    image[0, :8] = shade
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def negative() -> bytes:
    """Return a photo that looks like none of the others."""
    buffer = BytesIO()
    Image.fromarray(255 - scene(SIDE)[0]).save(buffer, "PNG")
    return buffer.getvalue()


def mask() -> bytes:
    buffer = BytesIO()
    alpha = scene(SIDE)[1]
    Image.fromarray(np.where(alpha >= 128, np.uint8(255), np.uint8(0))).save(buffer, "PNG")
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG whose header promises that many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def animation() -> bytes:
    buffer = BytesIO()
    frames = [Image.fromarray(np.full((SIDE, SIDE), grey, np.uint8)) for grey in (0, 90, 200)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def text_bomb() -> bytes:
    """Return a PNG with a comment that is 4 MB when it is unpacked."""
    whole = png()
    packed = b"Comment\0\0" + zlib.compress(bytes(4_000_000))
    check = struct.pack(">I", zlib.crc32(b"zTXt" + packed))
    return whole[:33] + struct.pack(">I", len(packed)) + b"zTXt" + packed + check + whole[33:]


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A file among the photos, and what becomes of it.

    `make` puts it at a path, whose folder is there; `gets` is `ACCEPTED`, `ABSENT` (neither it nor
    its mask is told of) or begins the reason; `id` is the sample's, where it is not the stem.
    """

    make: Callable[[Path], object]
    gets: str
    id: str = ""
    mask: bool = True


def content(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def link(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


def bind(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


OUT = "a link that leads out of the corpus"
NO_TEXT = "its name is not valid UTF-8"
NO_IMAGE = "not an image"

NAMES = {
    # name without suffix: the id that it gets, where that is told here
    "new\nline": "new_line",
    "carriage\rreturn": "carriage_return",
    "quote's": "quote's",
    'double"quote': "double_quote",
    "<img src=x onerror=alert(1)>": "_img src=x onerror=alert(1)_",
    "\x1b[31mred\x1b[0m": "_[31mred_[0m",
    f"{ESCAPE}osc": "_]0;owned_osc",
    "\x9b31mc1": "_31mc1",
    "-rf": "-rf",
    "--help": "--help",
    " leading": " leading",
    "trailing ": "trailing ",
    "x" * 251: "",
    "日" * 83: "",
    "CON": "_CON",
    "nul.tail": "_nul.tail",
    "rtl\u202egnp": "rtl_gnp",
    "a..b": "a..b",
    "back\\slash": "back_slash",
    "C:evil": "C_evil",
    "\\\\host\\share": "__host_share",
    "$(touch pwned)": "$(touch pwned)",
    "%s%n": "%s%n",
    "star*": "star_",
    "~root": "~root",
}

PHOTOS = {
    f"{name}.png": Photo(make=content(png(number)), gets=ACCEPTED, id=given)
    for number, (name, given) in enumerate(NAMES.items())
} | {
    "case.png": Photo(make=content(png(40)), gets="the same photo as"),
    "CASE.png": Photo(make=content(png(40) + b"\0"), gets=ACCEPTED),
    "caf\u00e9.png": Photo(make=content(png(45)), gets=ACCEPTED),
    "cafe\u0301.png": Photo(make=content(negative()), gets=ACCEPTED),
    "out.png": Photo(make=link("../../outside/secret.png"), gets=OUT),
    "proc.png": Photo(make=link("/proc/self/environ"), gets=OUT),
    "zero.png": Photo(make=link("/dev/zero"), gets=OUT),
    "folder": Photo(make=link("../../outside"), gets=OUT, mask=False),
    "self.png": Photo(make=link("self.png"), gets="a link that leads nowhere"),
    "dangling.png": Photo(make=link("nowhere.png"), gets="a link that leads nowhere"),
    "circle": Photo(make=link("."), gets="left alone", mask=False),
    "inside.png": Photo(make=link("-rf.png"), gets="the same file as"),
    "hard.png": Photo(
        make=lambda path: path.hardlink_to(path.with_name("-rf.png")), gets="the same file as"
    ),
    "pipe.png": Photo(make=os.mkfifo, gets="not a regular file"),
    "socket.png": Photo(make=bind, gets="not a regular file"),
    "bomb.png": Photo(make=content(bomb(60_000, 60_000)), gets="60000×60000 pixels, more than"),
    "huge.png": Photo(make=content(bomb(2**31 - 1, 2**31 - 1)), gets="2147483647×2147483647"),
    "comment.png": Photo(make=content(text_bomb()), gets="damaged: Decompressed data too large"),
    "cut.png": Photo(make=content(png()[:400]), gets="truncated"),
    "empty.png": Photo(make=content(b""), gets="the file is empty"),
    "svg.png": Photo(make=content(b"<svg><script>alert(1)</script></svg>"), gets=NO_IMAGE),
    "script.jpg": Photo(make=content(b"#!/bin/sh\ntouch pwned\n"), gets=NO_IMAGE),
    "postscript.png": Photo(make=content(b"%!PS-Adobe-3.0 EPSF-3.0\n"), gets=NO_IMAGE),
    "pickle.png": Photo(make=content(b"cos\nsystem\n(S'touch pwned'\ntR."), gets=NO_IMAGE),
    "moving.gif": Photo(make=content(animation()), gets="3 frames"),
    "folder.jpg": Photo(make=Path.mkdir, gets=ABSENT, mask=False),
    os.fsdecode(b"latin\xff.png"): Photo(make=content(png(41)), gets=NO_TEXT),
    os.fsdecode(b"surrogate\xed\xa0\x80.png"): Photo(make=content(png(42)), gets=NO_TEXT),
    f"alone{ESCAPE}.png": Photo(make=content(png(43)), gets="no mask", mask=False),
    f"note{FORGED}.txt": Photo(make=content(b""), gets="left alone", mask=False),
}


def assert_plain(text: str) -> None:
    """Fail where a terminal would obey something of a text, or a name has begun a line of it."""
    assert [letter for letter in text if not (letter.isprintable() or letter in "\n\r")] == []
    assert "\nforged line" not in text
