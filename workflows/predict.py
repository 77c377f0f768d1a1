"""Photos in, their mattes, cut-outs or composites out, by the same names."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shm.datasets.files import write_png
from shm.datasets.image import IMAGE_SUFFIXES, MAX_PIXELS, ImageError, read_photo
from shm.inference import predict_alpha
from shm.pipeline.composite import blend, centre_crop, cut_background
from shm.pipeline.errors import ShmError
from shm.pipeline.values import Alpha, RgbImage
from shm.workflows.nets import Nets, load_nets
from shm.workflows.progress import progress


class PredictError(ShmError, ValueError):
    """No photo to predict, or two that would have the same output."""


@dataclass(frozen=True, kw_only=True)
class PredictRun:
    """What is made of each photo.

    `outputs` are of ``alpha`` (grey), ``cutout`` (RGBA, with the old background's colour taken
    out) and ``trimap`` (T-Net's). `background`, a photo or a colour ``#rrggbb``, adds a composite.
    """

    outputs: tuple[str, ...] = ("alpha",)
    background: str | None = None
    device: str = "auto"
    max_side: int | None = None
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """How the predictions went: files written, and (photo, reason) of those that failed."""

    written: tuple[Path, ...]
    failed: tuple[tuple[Path, str], ...]


def predict(
    checkpoint: Path,
    inputs: Sequence[Path],
    target: Path,
    run: PredictRun,
    note: Callable[[str], None],
) -> Predicted:
    """Predict every photo; one that can't be read is noted, and the others go on."""
    nets = load_nets(str(checkpoint), device=run.device, max_side=run.max_side)
    if nets.model.needs_trimap:
        raise PredictError(
            f"{checkpoint} has no T-Net, and can't see a photo without a trimap: give an "
            "end-to-end checkpoint"
        )
    photos = list_photos(inputs, target)
    backdrop = None if run.background is None else read_backdrop(run.background)
    written: list[Path] = []
    failed: list[tuple[Path, str]] = []
    with progress("predict", len(photos), "photo") as bar:
        for photo, name in photos:
            try:
                written += predict_photo(nets, photo, target / name, run, backdrop)
            except (ImageError, MemoryError, FileExistsError, NotADirectoryError) as error:
                reason = "not enough memory" if isinstance(error, MemoryError) else str(error)
                failed.append((photo, reason))
                note(f"  {photo}: {reason}")
            bar.advance()
    return Predicted(written=tuple(written), failed=tuple(failed))


def predict_photo(
    nets: Nets, photo: Path, base: Path, run: PredictRun, backdrop: RgbImage | None
) -> list[Path]:
    """Predict one photo; returns the files written, ``BASE_alpha.png`` and so on."""
    image = read_photo(photo, max_pixels=run.max_pixels)
    matte = predict_alpha(nets.model, image, device=nets.device, max_side=nets.max_side)
    written = []
    for output, pixels in results(image, matte.alpha, matte.trimap, run, backdrop):
        written.append(base.with_name(f"{base.name}_{output}.png"))
        write_png(written[-1], pixels)
    return written


def list_photos(inputs: Sequence[Path], target: Path) -> list[tuple[Path, Path]]:
    """List (photo, output name without suffix); folders give what is in them, at any depth.

    What lies in `target` is no input: it may be the results of an earlier run.

    Raises
    ------
    PredictError
        An input is missing, there is no photo at all, or two would get one output's name.
    """
    found: dict[Path, Path] = {}
    for given in inputs:
        if not given.exists():
            raise PredictError(f"{given}: no such file or folder")
        for photo in photos_below(given) if given.is_dir() else iter([given]):
            if given.is_dir() and photo.resolve().is_relative_to(target.resolve()):
                continue
            name = photo.relative_to(given).with_suffix("") if given.is_dir() else Path(photo.stem)
            if name in found and found[name] != photo:
                raise PredictError(
                    f"{photo} and {found[name]} would have the same output: predict them apart"
                )
            found[name] = photo
    if not found:
        raise PredictError(f"{', '.join(map(str, inputs))}: no photo there")
    return [(photo, name) for name, photo in found.items()]


def photos_below(folder: Path) -> Iterator[Path]:
    """Yield the images of a folder, at any depth, in the order of their names."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not hidden:
            yield path


def results(
    image: RgbImage,
    alpha: Alpha,
    trimap: NDArray[np.uint8],
    run: PredictRun,
    backdrop: RgbImage | None,
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield (kind, picture) of everything that was asked for."""
    if "alpha" in run.outputs:
        yield "alpha", alpha
    if "trimap" in run.outputs:
        yield "trimap", trimap
    if "cutout" not in run.outputs and backdrop is None:
        return
    from shm.pipeline.foreground import estimate_foreground

    foreground = estimate_foreground(image, alpha)
    if "cutout" in run.outputs:
        yield "cutout", np.dstack([foreground, alpha])
    if backdrop is not None:
        size = (alpha.shape[0], alpha.shape[1])
        crop = centre_crop((backdrop.shape[0], backdrop.shape[1]), size)
        yield "composite", blend(foreground, alpha, cut_background(backdrop, crop, size))


def read_backdrop(background: str) -> RgbImage:
    """Read the new background: a colour ``#rrggbb`` as one pixel, or a photo."""
    digits = background.removeprefix("#")
    if background.startswith("#"):
        try:
            red, green, blue = bytes.fromhex(digits)
        except ValueError:
            raise PredictError(f"{background!r} is no colour: write #rrggbb") from None
        return np.array([[[red, green, blue]]], np.uint8)
    try:
        return read_photo(Path(background))
    except ImageError as error:
        raise PredictError(f"{background}: {error}") from error
