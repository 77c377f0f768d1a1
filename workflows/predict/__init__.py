"""Photos and videos in, their mattes, cut-outs or composites out, by the same names."""

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from shm.datasets.image import MAX_PIXELS
from shm.datasets.tree import printable
from shm.prediction import Network, PhotoConfig, PhotoError, Room
from shm.workflows.lock import locked
from shm.workflows.nets import NetsConfig, load_network
from shm.workflows.predict.failures import Failure
from shm.workflows.predict.finished import Finished
from shm.workflows.predict.photos import (
    Given,
    Photo,
    predict_batch,
    read_given,
    to_stdout,
    trimap_file,
)
from shm.workflows.predict.results import Wanted
from shm.workflows.predict.sources import PredictError, Source, list_sources
from shm.workflows.predict.videos import VideoConfig, predict_video
from shm.workflows.progress import progress

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
        note(f"  {printable(each.source)}: {printable(each.reason)}")
    loaded = load_network(model, run.nets)
    network, config = loaded.network, loaded.photo_config(run.photo)
    if network.needs_trimap and run.trimaps is None:
        raise PhotoError(
            f"{model} has no T-Net, and can't see a photo without a trimap: give --trimaps, or "
            "give an end-to-end checkpoint"
        )
    if run.trimaps is not None and not network.takes_trimap:
        raise PhotoError(f"{model} is a T-Net alone, and has no use for --trimaps")
    given = read_given(run.trimaps, sources)
    if target is None:
        note(f"{model}: {loaded.told}")
        to_stdout(network, sources, config, run, note)
        return Predicted(written=(), finished=(), failed=failures)
    settings = _settings(loaded.digest, config, run)
    with (
        locked(target, "shm predict", inside=True),
        Finished(target, settings, overwrite=run.overwrite) as finished,
    ):
        note(f"{model}: {loaded.told}")
        job = _Job(network, config, run, target, given, finished, note)
        job.failed.extend(failures)
        job.go(sources)
    return Predicted(
        written=tuple(job.written), finished=tuple(job.finished), failed=tuple(job.failed)
    )


class _Job:
    """Predictions that go to a folder, one source after the other."""

    def __init__(
        self,
        network: Network,
        config: PhotoConfig,
        run: PredictRun,
        target: Path,
        given: Given,
        earlier: Finished,
        note: Callable[[str], None],
    ) -> None:
        self.network, self.config, self.run = network, config, run
        self.target, self.given, self.earlier, self.note = target, given, earlier, note
        self.written: list[Path] = []
        self.finished: list[Path] = []
        self.failed: list[Failure] = []
        self._waiting: list[Photo] = []
        self._room = Room()

    def go(self, sources: Sequence[Source]) -> None:
        """Predict everything; what fails is noted, and the others go on."""
        inputs = {os.path.realpath(source.path) for source in sources}
        with progress("predict", len(sources), "photo") as bar:
            for source in sources:
                failures = len(self.failed)
                self._take(source, inputs)
                bar.advance(rejected=len(self.failed) - failures)
            self._flush()

    def _take(self, source: Source, inputs: Collection[str]) -> None:
        files = _files(source, self.target, self.run)
        replaced = next((file for file in files if os.path.realpath(file) in inputs), None)
        if replaced is not None:
            self.fail(str(source.path), f"its result would replace {replaced}: give another --out")
        elif self.earlier.has(source.path, self._made_from(source), files):
            self.finished.append(source.path)
        elif (other := self.earlier.not_ours(files)) is not None:
            self.fail(
                str(source.path),
                f"{other} is there, and not of an earlier run: give another --out, or --overwrite",
            )
        elif source.is_video:
            self._flush()
            self._video(source, files)
        else:
            photo = Photo.read(source, files, self.given, self.run.max_pixels, self.fail)
            if photo is not None:
                self._add(photo)

    def _video(self, source: Source, files: Sequence[Path]) -> None:
        failures = len(self.failed)
        self.earlier.begin(files)
        self.written += predict_video(
            self.network, source, files, self.config, self.run, fail=self.fail, note=self.note
        )
        if len(self.failed) == failures:
            self.earlier.add(source.path, self._made_from(source))

    def _made_from(self, source: Source) -> list[Path]:
        trimap = trimap_file(source, self.given)
        return [source.path, *([] if trimap is None else [trimap])]

    def _add(self, photo: Photo) -> None:
        if self._waiting and not photo.fits(self._waiting[0]):
            self._flush()
        self._waiting.append(photo)
        if len(self._waiting) >= self.run.batch:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        self.earlier.begin(file for photo in self._waiting for file in photo.files)
        for photo, written in predict_batch(
            self.network,
            self._waiting,
            self.config,
            self.run.wanted,
            batch=self.run.batch,
            room=self._room,
            fail=self.fail,
            note=self.note,
        ):
            self.written += written
            if len(written) == len(photo.files) and not photo.source.is_standard_input:
                self.earlier.add(photo.source.path, self._made_from(photo.source))
        self._waiting = []

    def fail(self, source: str, reason: str) -> None:
        """Count and tell what could not be predicted."""
        reason = reason.removeprefix(f"{source}: ")
        self.failed.append(Failure(source=source, reason=reason))
        self.note(f"  {printable(source)}: {printable(reason)}")


def _files(source: Source, target: Path, run: PredictRun) -> tuple[Path, ...]:
    if not source.is_video:
        return tuple(run.wanted.files(target, source.name))
    suffix_of = partial(run.video.suffix_of, depth=run.wanted.depth)
    return tuple(run.wanted.files(target, source.name, suffix_of))


def _settings(digest: str, config: PhotoConfig, run: PredictRun) -> dict[str, Any]:
    """Return what results depend on, by the names of options."""
    tiles = config.tiles
    return {
        "model": digest,
        "--mode": config.mode,
        "--max-side": config.max_side,
        "--upsampling": config.upsampling,
        "--tile": f"{tiles.side},{tiles.overlap}" if config.mode == "tiles" else None,
        "--depth": run.wanted.depth,
        "--background": [[each.told, each.state] for each in run.wanted.backdrops],
        "results": list(run.wanted.kinds),
        "--trimaps": None if run.trimaps is None else str(run.trimaps),
        "--smooth": run.video.smooth,
    }
