"""Reads stores by docs/store.md alone: with NumPy, Pillow and two codecs, without zarr and `shm`.

A function is a paragraph of that page. It is written to be read beside it, not to be fast.
"""

import hashlib
import io
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import zstandard
from numpy.typing import NDArray
from PIL import Image, ImageOps

Array = NDArray[Any]

ABSENT = 2**64 - 1

# ------------------------------------------------------------------ arrays and records


def read_row(array: Path, row: int) -> Array:
    """Return one row of a sharded array along its first dimension."""
    about = json.loads((array / "zarr.json").read_text())
    shard = about["chunk_grid"]["configuration"]["chunk_shape"]
    chunk = about["codecs"][0]["configuration"]["chunk_shape"]
    dtype = {"uint8": "|u1", "float32": "<f4"}[about["data_type"]]
    grid = [whole // part for whole, part in zip(shard, chunk, strict=True)]
    number, inside = divmod(row, shard[0])
    content = array.joinpath("c", str(number), *("0" for _ in shard[1:])).read_bytes()
    tail = 16 * math.prod(grid) + 4
    index = np.frombuffer(checked(content[-tail:]), "<u8").reshape(*grid, 2)
    found = np.zeros(shard[1:], dtype)
    for at in np.ndindex(*grid[1:]):
        offset, length = index[(inside // chunk[0], *at)].tolist()
        if offset == ABSENT:
            continue
        frame = checked(content[offset : offset + length])
        part = np.frombuffer(zstandard.ZstdDecompressor().decompress(frame), dtype)
        where = tuple(
            slice(n * side, (n + 1) * side) for n, side in zip(at, chunk[1:], strict=True)
        )
        found[where] = part.reshape(chunk)[inside % chunk[0]]
    return found[tuple(slice(side) for side in about["shape"][1:])]


def checked(content: bytes) -> bytes:
    """Return content without the CRC32C behind it."""
    body, checksum = content[:-4], int.from_bytes(content[-4:], "little")
    assert google_crc32c.value(body) == checksum, "damaged"
    return body


def read_record(group: Path, slot: int) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(read_row(group / "record", slot).tobytes().rstrip(b"\0"))
    return record


def read_attributes(group: Path) -> dict[str, Any]:
    about: dict[str, Any] = json.loads((group / "zarr.json").read_text())["attributes"]["shm"]
    return about


# ------------------------------------------------------------------ photos


def read_photo(backgrounds: Path, slot: int) -> Array:
    """Return a background, upright, as red, green and blue."""
    record = read_record(backgrounds, slot)
    content = read_row(backgrounds / "file", slot)[: record["bytes"]].tobytes()
    if record["encoding"] == "pixels":
        return np.frombuffer(content, np.uint8).reshape(*record["size"], 3)
    return decoded(content)


def decoded(content: bytes) -> Array:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if image.mode.startswith("I"):  # grey of 16 bits
        grey = (np.asarray(image).astype(int) + 128) // 257
        return np.repeat(grey[:, :, None], 3, axis=2).astype(np.uint8)
    if image.mode == "P":
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB"))


# ------------------------------------------------------------------ interpolation


def taps(before: int, after: int) -> tuple[Array, Array, Array]:
    """Return the two pixels between which each of `after` lies, and the weight of the second."""
    step = 1 / (after / before)
    places = ((np.arange(after) + 0.5) * step - 0.5).astype(np.float32)
    first = np.floor(places)
    weight = np.rint((places - first) * np.float32(2048)).astype(int)
    index = first.astype(int)
    return np.clip(index, 0, before - 1), np.clip(index + 1, 0, before - 1), weight


def interpolated(picture: Array, height: int, width: int) -> Array:
    """Return a picture, (h, w) or (h, w, 3), at another size."""
    upper, lower, down = taps(picture.shape[0], height)
    left, right, across = taps(picture.shape[1], width)
    values = picture.astype(int).reshape(*picture.shape[:2], -1)
    across = across[None, :, None]
    lines = (2048 * values[:, left] + (values[:, right] - values[:, left]) * across) // 16
    down = down[:, None, None]
    quarters = lines[upper] * (2048 - down) // 65536 + lines[lower] * down // 65536
    levels = np.asarray((quarters + 2) // 4, np.uint8)
    return levels.reshape(height, width, *picture.shape[2:])


def resized(picture: Array, height: int, width: int) -> Array:
    while picture.shape[0] / height > 2 and picture.shape[1] / width > 2:
        rows, columns = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        even = picture[:rows, :columns].astype(int)
        four = even[::2, ::2] + even[::2, 1::2] + even[1::2, ::2] + even[1::2, 1::2]
        picture = ((four + 2) // 4).astype(np.uint8)
    return interpolated(picture, height, width)


# ------------------------------------------------------------------ the background


def cut(photo: Array, recipe: dict[str, float], height: int, width: int) -> Array:
    size = int(recipe["background_height"]), int(recipe["background_width"])
    if photo.shape[:2] != size:
        photo = interpolated(photo, *size)
    top, left = int(recipe["background_top"]), int(recipe["background_left"])
    part = photo[top : top + height, left : left + width]
    return part[:, ::-1] if recipe["background_flip"] else part


def blurred(picture: Array, sigma: float) -> Array:
    reach = math.ceil(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    values = picture.astype(np.float32)
    for axis in (0, 1):
        length = values.shape[axis]
        total = np.zeros_like(values)
        for step, weight in zip(range(-reach, reach + 1), weights, strict=True):
            at = (np.arange(length) + step) % (2 * length)  # mirrored again and again
            total = total + weight * values.take(np.minimum(at, 2 * length - 1 - at), axis)
        values = total
    return np.rint(values).clip(0, 255).astype(np.uint8)


# ------------------------------------------------------------------ the people


@dataclass(frozen=True)
class Person:
    foreground: Array
    alpha: Array
    trimap: Array


def read_person(foregrounds: Path, slot: int) -> Person:
    height, width = read_record(foregrounds, slot)["size"]
    names = ("foreground", "alpha", "trimap")
    return Person(*(read_row(foregrounds / name, slot)[:height, :width] for name in names))


def placed(
    person: Person, scale: float, top: int, left: int, *, flip: bool, height: int, width: int
) -> Person:
    """Return a person as they stand in a composite of a height and a width."""
    if flip:
        person = Person(person.foreground[:, ::-1], person.alpha[:, ::-1], person.trimap[:, ::-1])
    rows, columns = person.alpha.shape
    size = max(1, round(rows * scale)), max(1, round(columns * scale))
    if size != (rows, columns):
        person = scaled(person, *size)

    def framed(picture: Array) -> Array:
        frame = np.zeros((height, width, *picture.shape[2:]), np.uint8)
        here = (
            slice(max(0, top), max(0, top + size[0])),
            slice(max(0, left), max(0, left + size[1])),
        )
        seen = picture[max(0, -top) :, max(0, -left) :][: frame[here].shape[0]]
        frame[here] = seen[:, : frame[here].shape[1]]
        return frame

    return Person(framed(person.foreground), framed(person.alpha), framed(person.trimap))


def scaled(person: Person, height: int, width: int) -> Person:
    opacity = person.alpha.astype(int)[..., None]
    weighted = ((person.foreground * opacity + 127) // 255).astype(np.uint8)
    alpha = resized(person.alpha, height, width)
    weight = np.maximum(alpha, 1).astype(int)[..., None]
    colours = (255 * resized(weighted, height, width).astype(int) + weight // 2) // weight
    colours = np.minimum(colours, 255) * (alpha > 0)[..., None]
    before = person.trimap.shape
    rows = (2 * np.arange(height) + 1) * before[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * before[1] // (2 * width)
    trimap = person.trimap[rows][:, columns]
    trimap[(trimap == 255) & (alpha < 255) | (trimap == 0) & (alpha > 0)] = 128
    return Person(colours.astype(np.uint8), alpha, trimap)


def joined(front: Person, behind: Person) -> Person:
    one, two = front.alpha.astype(int), behind.alpha.astype(int)
    seen = (255 - one) * two
    whole = 255 * one + seen
    summed = (255 * one)[..., None] * front.foreground + seen[..., None] * behind.foreground
    colours = (summed + (whole // 2)[..., None]) // np.maximum(whole, 1)[..., None]
    trimap = np.full(one.shape, 128, np.uint8)
    trimap[(front.trimap == 0) & (behind.trimap == 0)] = 0
    trimap[(front.trimap == 255) | (behind.trimap == 255)] = 255
    alpha = (whole + 127) // 255
    return Person(colours.astype(np.uint8), alpha.astype(np.uint8), trimap)


def matched(foreground: Array, alpha: Array, background: Array, strength: float) -> Array:
    """Return the foreground's colours, moved to the background's."""
    if not alpha.any():
        return foreground
    found, levels = np.zeros_like(foreground), np.arange(256)
    for channel in range(3):
        counts = np.bincount(foreground[..., channel].ravel(), alpha.ravel(), 256)
        mean, spread = moments(counts)
        mean_there, spread_there = moments(
            np.bincount(background[..., channel].ravel(), minlength=256)
        )
        ratio = min(2.0, max(0.5, spread_there / spread)) if spread else 1.0
        moved = (levels - mean) * ratio + mean_there
        table = np.rint(np.clip(levels + strength * (moved - levels), 0, 255)).astype(np.uint8)
        found[..., channel] = table[foreground[..., channel]]
    found[alpha == 0] = 0
    return found


def moments(counts: Array) -> tuple[float, float]:
    levels, total = np.arange(256), counts.sum()
    mean = float((levels * counts).sum() / total)
    return mean, math.sqrt(float(((levels - mean) ** 2 * counts).sum() / total))


# ------------------------------------------------------------------ the image


def mixed(foreground: Array, alpha: Array, background: Array) -> Array:
    opacity = alpha.astype(int)[..., None]
    summed = foreground * opacity + background * (255 - opacity)
    return np.asarray((summed + 127) // 255, np.uint8)


def mixed_in_linear_light(foreground: Array, alpha: Array, background: Array) -> Array:
    levels = np.arange(256) / 255
    low, high = levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4
    light = np.rint(65535 * np.where(levels <= 0.04045, low, high)).astype(int)
    opacity = alpha.astype(int)[..., None]
    value = (light[foreground] * opacity + light[background] * (255 - opacity) + 127) // 255
    back = np.searchsorted(light[:-1] + light[1:], 2 * value, side="right")
    return np.asarray(back, np.uint8)


def with_noise(image: Array, sigma: float, seed: int, name: str) -> Array:
    text = f"{seed}\x1fnoise\x1f{name}".encode("utf-8", "surrogatepass")
    number = int.from_bytes(hashlib.sha256(text).digest()[:16], "little")
    random = np.random.Generator(np.random.PCG64(number))
    noise = random.standard_normal(image.shape, np.float32) * np.float32(sigma)
    return np.asarray(np.rint(image + noise).clip(0, 255), np.uint8)


def through_jpeg(image: Array, quality: int) -> Array:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


# ------------------------------------------------------------------ composites


def read_recipe(store: Path, slot: int) -> dict[str, float]:
    columns = read_attributes(store)["columns"]
    return dict(zip(columns, read_row(store / "recipe", slot).tolist(), strict=True))


def id_of(store: Path, recipe: dict[str, float]) -> str:
    person = read_record(store / "foregrounds", int(recipe["foreground"]))
    return f"{person['id']}-{int(recipe['number']):03d}"


def read_composite(store: Path, slot: int) -> dict[str, Array]:
    """Return the arrays of a composite, made from its recipe."""
    recipe, config = read_recipe(store, slot), read_attributes(store)["config"]
    height, width = read_record(store / "foregrounds", int(recipe["foreground"]))["size"]

    def standing(which: str, prefix: str) -> Person:
        return placed(
            read_person(store / "foregrounds", int(recipe[which])),
            recipe[f"{prefix}scale"],
            int(recipe[f"{prefix}top"]),
            int(recipe[f"{prefix}left"]),
            flip=bool(recipe[f"{prefix}flip"]),
            height=height,
            width=width,
        )

    photo = read_photo(store / "backgrounds", int(recipe["background"]))
    background = cut(photo, recipe, height, width)
    if recipe["blur"]:
        background = blurred(background, recipe["blur"])
    person = standing("foreground", "")
    if recipe["second"] >= 0:
        person = joined(person, standing("second", "second_"))
    if recipe["match"]:
        colours = matched(person.foreground, person.alpha, background, recipe["match"])
        person = replace(person, foreground=colours)
    mix = mixed_in_linear_light if config["recipe"]["linear"] else mixed
    image = mix(person.foreground, person.alpha, background)
    if recipe["noise"]:
        image = with_noise(image, recipe["noise"], config["seed"], id_of(store, recipe))
    if recipe["jpeg"]:
        image = through_jpeg(image, int(recipe["jpeg"]))
    return {
        "image": image,
        "alpha": person.alpha,
        "trimap": person.trimap,
        "foreground": person.foreground,
        "background": background,
    }


def read_stored_composite(store: Path, slot: int) -> dict[str, Array]:
    """Return what is stored of a composite: its image, and the background that it tells."""
    foreground = int(read_recipe(store, slot)["foreground"])
    height, width = read_record(store / "foregrounds", foreground)["size"]
    image, difference = (
        read_row(store / "images" / name, slot)[:height, :width] for name in ("image", "difference")
    )
    return {"image": image, "background": image + difference}  # modulo 256


# ------------------------------------------------------------------ whether it is what was written

ARRAYS = {
    "prepared": ("image", "alpha", "trimap", "foreground", "unknown"),
    "foregrounds": ("alpha", "trimap", "foreground", "unknown"),
    "backgrounds": ("file",),
    "images": ("image", "difference"),
}


def shard_files(array: Path) -> list[Path]:
    """Return an array's shards, in their order."""
    about = json.loads((array / "zarr.json").read_text())
    shard = about["chunk_grid"]["configuration"]["chunk_shape"]
    count = -(-about["shape"][0] // shard[0])
    return [array.joinpath("c", str(n), *("0" for _ in shard[1:])) for n in range(count)]


def seal_of(about: dict[str, Any]) -> str:
    said = {name: value for name, value in about.items() if name not in ("seal", "complete")}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def recipes_of(store: Path) -> str:
    rows = range(read_attributes(store)["slots"])
    content = b"".join(read_row(store / "recipe", row).tobytes() for row in rows)
    return hashlib.sha256(content).hexdigest()


def identity_of(group: Path) -> str:
    files = [*shard_files(group / "digest"), *shard_files(group / "record")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def check_digests(group: Path) -> None:
    names = ARRAYS[read_attributes(group)["kind"]]
    for number, file in enumerate(shard_files(group / "digest")):
        content = zstandard.ZstdDecompressor().decompress(file.read_bytes())
        digests = np.frombuffer(content, np.uint8).reshape(len(names), 32)
        for name, digest in zip(names, digests, strict=True):
            shard = shard_files(group / name)[number].read_bytes()
            assert hashlib.sha256(shard).digest() == digest.tobytes(), f"{name}: damaged"
