"""Photos and videos in, their mattes, cut-outs or composites out, by the same names."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shm.datasets.image import MAX_PIXELS
from shm.prediction import PhotoConfig, PhotoError
from shm.workflows.nets import NetsConfig, load_network
from shm.workflows.predict.finished import is_finished, open_results
from shm.workflows.predict.photos import Photo, predict_batch, read_given, to_stdout
from shm.workflows.predict.results import Wanted
from shm.workflows.predict.sources import Failure, PredictError, Source, list_sources
from shm.workflows.predict.videos import VideoConfig, predict_video
from shm.workflows.progress import Progress, progress

__all__ = ["Failure", "PredictError", "PredictRun", "Predicted", "predict"]


@dataclass(frozen=True, kw_only=True)
class PredictRun:
    """How photos and videos are predicted, and what is made of them.

    Parameters
    ----------
    wanted : Wanted
    nets : NetsConfig
        Where the nets run, and how precisely.
    photo : PhotoConfig
        `max_side` 0 stands for the one that the nets were validated at.
    video : VideoConfig
    trimaps : Path, optional
        A trimap, or a folder of them by the photos' names, in T-Net's place.
    batch : int
        Photos of one size, frames or tiles at once.
    overwrite : bool
        Whether finished results are made anew.
    max_pixels : int
        Above which photos and frames are refused.
    """

    wanted: Wanted = field(default_factory=Wanted)
    nets: NetsConfig = field(default_factory=NetsConfig)
    photo: PhotoConfig = field(default_factory=PhotoConfig)
    video: VideoConfig = field(default_factory=VideoConfig)
    trimaps: Path | None = None
    batch: int = 1
    overwrite: bool = False
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """How the predictions went: files written, sources that were finished before, failures."""

    written: tuple[Path, ...]
    finished: tuple[Path, ...]
    failed: tuple[Failure, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return {
            "written": [str(path) for path in self.written],
            "finished": [str(path) for path in self.finished],
            "failed": [{"source": each.source, "reason": each.reason} for each in self.failed],
        }


def predict(
    model: str,
    inputs: Sequence[str],
    target: Path | None,
    run: PredictRun,
    note: Callable[[str], None],
) -> Predicted:
    """Predict every photo and video; one that fails is noted, and the others go on.

    Parameters
    ----------
    model : str
        A checkpoint, or what `shm export` made of it.
    inputs : strings
        As `list_sources` takes them.
    target : Path or None
        Folder of the results; None is standard output, for the one result of one photo.
    run : PredictRun
    note : callable
        Told of failures, of the device, and of what memory did not allow.

    Raises
    ------
    PredictError
        There is nothing to predict, or no place for the results.
    """
    sources, failures = list_sources(inputs, target)
    for each in failures:
        note(f"  {each.source}: {each.reason}")
    loaded = load_network(model, run.nets)
    note(f"{model}: {loaded.told}")
    config = loaded.photo_config(run.photo)
    network = loaded.network
    if target is None:
        to_stdout(network, sources, config, run, note)
        return Predicted(written=(), finished=(), failed=failures)
    open_results(target, _settings(loaded.digest, config, run), overwrite=run.overwrite)
    given = read_given(run.trimaps, sources)
    if network.needs_trimap and given is None:
        raise PhotoError(
            f"{model} has no T-Net, and can't see a photo without a trimap: give --trimaps, or an "
            "end-to-end checkpoint"
        )
    written: list[Path] = []
    finished: list[Path] = []
    failed = list(failures)

    def fail(source: str, reason: str) -> None:
        failed.append(Failure(source=source, reason=reason))
        note(f"  {source}: {reason}")

    with progress("predict", len(sources), "photo") as bar:
        waiting: list[Photo] = []

        def flush() -> None:
            if waiting:
                written.extend(
                    predict_batch(network, waiting, config, run.wanted, fail=fail, note=note)
                )
                bar.advance(len(waiting))
                waiting.clear()

        for source in sources:
            files = _files(source, target, run)
            if not run.overwrite and not source.is_standard_input and is_finished(source.path, files):
                finished.append(source.path)
                bar.advance()
                continue
            if source.is_video:
                flush()
                written.extend(
                    predict_video(network, source, files, config, run, fail=fail, note=note)
                )
                bar.advance()
                continue
            photo = Photo.read(source, files, given, run.max_pixels, fail)
            if photo is None:
                bar.advance(rejected=1)
                continue
            if waiting and not photo.fits(waiting[0]):
                flush()
            waiting.append(photo)
            if len(waiting) >= run.batch:
                flush()
        flush()
    return Predicted(written=tuple(written), finished=tuple(finished), failed=tuple(failed))


def _files(source: Source, target: Path, run: PredictRun) -> tuple[Path, ...]:
    suffix = run.video.suffix if source.is_video else ".png"
    return tuple(run.wanted.files(target, source.name, suffix))


def _settings(digest: str, config: PhotoConfig, run: PredictRun) -> dict[str, Any]:
    """Return what results depend on, by the names of options."""
    tiles = config.tiles
    return {
        "the model": digest,
        "--mode": config.mode,
        "--max-side": config.max_side,
        "--upsampling": config.upsampling,
        "--tile": f"{tiles.side},{tiles.overlap}" if config.mode == "tiles" else None,
        "--depth": run.wanted.depth,
        "--background": [str(each.source) for each in run.wanted.backdrops],
        "results": list(run.wanted.kinds),
        "--trimaps": None if run.trimaps is None else str(run.trimaps),
        "--smooth": run.video.smooth,
    }
