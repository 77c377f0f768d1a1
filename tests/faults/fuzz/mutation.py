"""Changes to inputs that get past their formats' first checks."""

import json
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeAlias

Mutate: TypeAlias = Callable[[bytes, Random], bytes]
"""Changes an input, drawing from the generator alone."""

ODD_BYTES = (0, 1, 0x0A, 0x7F, 0x80, 0xFF)
ODD_WORDS = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 255, 256, 65_536, 2**31, 2**53 + 1, 2**63, -(2**63), 10**400),
    *(0.5, -0.0, 1e308, float("nan"), float("inf"), -float("inf")),
    *("", " ", "..", "../x", "/etc/passwd", "a\0b", "\ud800", "\x1b[31m", "é", "1", "x" * 300),
    *([], {}, [[]], [None], [0, 0], [-1, -1], [10**9, 10**9], {"": None}, {"a": {"b": []}}),
)
"""What a careful reader of JSON or TOML should expect in any place."""

ODD_KEYS = ("", "rejected", "format", "__class__", "a\0b", "\ud800")


def bend(data: bytes, random: Random) -> bytes:
    """Change some bytes: flip, set, cut out, double, insert."""
    bent = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(bent) + 1)
        length = random.choice((1, 2, 4, random.randint(1, 64)))
        match random.randrange(7):
            case 0 if at < len(bent):
                bent[at] ^= 1 << random.randrange(8)
            case 1 if at < len(bent):
                bent[at] = random.choice(ODD_BYTES)
            case 2:
                form = random.choice("<>") + random.choice("HI")
                size = struct.calcsize(form)
                word = random.choice(ODD_WORDS) & (2 ** (8 * size) - 1)
                bent[at : at + size] = struct.pack(form, word)
            case 3:
                del bent[at : at + length]
            case 4:
                bent[at:at] = bent[at : at + length]
            case 5:
                bent[at:at] = random.randbytes(length)
            case _:
                del bent[at:]
    return bytes(bent)


def bend_text(data: bytes, random: Random) -> bytes:
    """Change numbers and words of a text, its lines, or its bytes."""
    match random.randrange(4):
        case 0:
            return bend(data, random)
        case 1:
            lines = data.split(b"\n")
            at, other = random.randrange(len(lines)), random.randrange(len(lines))
            lines[at : at + random.randrange(2)] = [lines[other]] * random.randrange(4)
            return b"\n".join(lines)
        case _:
            words = list(re.finditer(rb"[\w.+-]+", data))
            if not words:
                return bend(data, random)
            word, other_word = random.choice(words), random.choice(words)
            odd = random.choice((*map(_dumped, ODD_VALUES), other_word[0], other_word[0]))
            return data[: word.start()] + odd + data[word.end() :]


def bend_json(data: bytes, random: Random) -> bytes:
    """Put an odd value in any place of a JSON text, or leave a place out; else bend its bytes."""
    if random.random() < 0.1:
        return bend_text(data, random)
    try:
        return _dumped(_bent_tree(json.loads(data), random))
    except (ValueError, RecursionError):
        return bend_text(data, random)


def _bent_tree(tree: Any, random: Random) -> Any:
    places = list(_places(tree))
    if not places:
        return random.choice(ODD_VALUES)
    holder, key = random.choice(places)
    match random.randrange(5):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random.choice(ODD_KEYS)] = random.choice(ODD_VALUES)
        case 2:
            other, its = random.choice(places)
            holder[key] = json.loads(json.dumps(other[its]))
        case 3 if type(holder[key]) in (int, float):
            holder[key] = random.choice((holder[key] + 1, -holder[key], 1000 * holder[key]))
        case _:
            holder[key] = random.choice(ODD_VALUES)
    return tree


def bend_lines(mutate: Mutate) -> Mutate:
    """Return what changes one line of a text as `mutate` changes a whole."""

    def bent(data: bytes, random: Random) -> bytes:
        if random.random() < 0.3:
            return bend_text(data, random)
        lines = data.split(b"\n")
        at = random.randrange(len(lines))
        lines[at] = mutate(lines[at], random)
        return b"\n".join(lines)

    return bent


def behind(length: int, mutate: Mutate) -> Mutate:
    """Return what changes the bytes behind a prefix that chooses where they go; rarely the prefix.

    The prefix is of so many bytes.
    """

    def bent(data: bytes, random: Random) -> bytes:
        if random.random() < 0.1:
            return bend(data[:length], random)[:length].ljust(length, b"\0") + data[length:]
        return data[:length] + mutate(data[length:], random)

    return bent


def bend_picture(data: bytes, random: Random) -> bytes:
    """Change some bytes of a picture, of a PNG with the checksums of its chunks put right."""
    return with_checksums(bend(data, random))


def with_checksums(data: bytes) -> bytes:
    """Return a PNG whose chunks have the right checksums, anything else as it is."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        body = data[at + 4 : at + 8 + length]
        if len(body) < 4 + length:
            break
        parts += [data[at : at + 4], body, zlib.crc32(body).to_bytes(4, "big")]
        at += 12 + length
    return b"".join([*parts, data[at:]])


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Return every place of a JSON value below its root, as (holder, key or index)."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        holder = waiting.pop()
        keys: Sequence[Any] = ()
        if isinstance(holder, dict):
            keys = list(holder)
        elif isinstance(holder, list):
            keys = range(len(holder))
        found += [(holder, key) for key in keys]
        waiting += [holder[key] for key in keys]
    return found


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()
