"""Videos, frame by frame: the same length and times, and no more flicker than is wanted."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shm.datasets.tree import printable
from shm.datasets.video import Frame, Video, VideoError, describe_video, read_frames
from shm.datasets.video_writer import CODECS
from shm.pipeline.errors import ShmError
from shm.prediction import Network, PhotoConfig, Room, predict_photos
from shm.prediction.smoothing import Smoother
from shm.workflows.predict.failures import Fail, reason_of
from shm.workflows.predict.results import Kind
from shm.workflows.predict.sources import PredictError, Source
from shm.workflows.predict.video_results import VideoResults, pixel_kind
from shm.workflows.progress import progress

if TYPE_CHECKING:
    from shm.workflows.predict import PredictRun

Format = Literal["auto", "mp4", "mkv", "mov", "webm"]


@dataclass(frozen=True, kw_only=True)
class VideoConfig:
    """How videos are predicted and written.

    Parameters
    ----------
    format : str
        The container; ``"auto"``: MP4, but QuickTime where a cut-out's alpha has to go in, and
        Matroska for alphas of 16 bits.
    smooth : float
        See `Smoother`; 0 leaves frames as they are.
    """

    format: Format = "auto"
    smooth: float = 0.0

    def suffix_of(self, kind: Kind, depth: int) -> str:
        """Return the suffix of the file that a result goes to."""
        if self.format != "auto":
            return f".{self.format}"
        return {"rgba": ".mov", "grey16": ".mkv"}.get(pixel_kind(kind, depth), ".mp4")

    def require_containers(self, kinds: Sequence[Kind], depth: int) -> None:
        """Raise `PredictError` where the container can't hold one of the results."""
        for kind in kinds:
            pixels, suffix = pixel_kind(kind, depth), self.suffix_of(kind, depth)[1:]
            able = [each for what, each in CODECS if what == pixels]
            if suffix not in able:
                told = f"{kind} of 16 bits" if pixels == "grey16" else kind
                raise PredictError(
                    f"{suffix} videos can't hold {told}: give --video {' or '.join(able)}"
                )


def predict_video(
    network: Network,
    source: Source,
    files: Sequence[Path],
    config: PhotoConfig,
    run: "PredictRun",
    *,
    fail: Fail,
    note: Callable[[str], None],
) -> list[Path]:
    """Predict a video; return the files written.

    Files appear when the last frame is in them. One that ends early keeps the frames there were,
    and `fail` is told.
    """
    partial = [_partial(file) for file in files]
    started = time.monotonic()
    try:
        if len(run.wanted.backdrops) > 1:
            raise PredictError("a video is composited on one background: give one photo or colour")
        if network.needs_trimap or run.trimaps is not None:
            raise PredictError("a video has no trimaps: take a model with a T-Net, no --trimaps")
        run.video.require_containers(run.wanted.kinds, run.wanted.depth)
        video = describe_video(source.path, max_pixels=run.max_pixels)
        count, early = _written(network, video, partial, config, run, note)
        for made, file in zip(partial, files, strict=True):
            made.replace(file)
    except (ShmError, OSError, MemoryError) as error:
        fail(str(source.path), reason_of(error))
        return []
    finally:
        for made in partial:
            made.unlink(missing_ok=True)
    if count < 0.9 * video.frames and early is None:  # a guess where no header tells how many
        note(f"{printable(str(source.path))}: damaged? about {video.frames} frames were expected")
    rate = count / max(time.monotonic() - started, 1e-9)
    note(f"{printable(str(source.path))}: {count} frames at {rate:.1f} frames a second")
    if early is not None:
        fail(str(source.path), f"{early}; its results have the frames before that")
    return list(files)


def _partial(file: Path) -> Path:
    """Return where a file grows; its own name may be as long as names can be."""
    short = hashlib.sha256(file.name.encode()).hexdigest()[:12]
    return file.with_name(f".{short}.partial{file.suffix}")


def _written(
    network: Network,
    video: Video,
    files: Sequence[Path],
    config: PhotoConfig,
    run: "PredictRun",
    note: Callable[[str], None],
) -> tuple[int, VideoError | None]:
    """Write a video's results; return how many frames it had, and where it broke off."""
    smoother, room, count = Smoother(run.video.smooth), Room(), 0
    with (
        VideoResults(files, run.wanted, video) as results,
        progress(printable(video.path.name), video.frames, "frame") as bar,
    ):
        try:
            for batch in _batches(read_frames(video), run.batch):
                images = [frame.pixels for frame in batch]
                mattes = predict_photos(network, images, config, room=room, note=note)
                for frame, matte in zip(batch, mattes, strict=True):
                    smooth = matte._replace(alpha=smoother(frame.pixels, matte.alpha))
                    results.write(frame.pixels, smooth, frame.pts)
                    count += 1
                    bar.advance()
        except VideoError as error:
            if not count:
                raise
            return count, error
    return count, None


def _batches(frames: Iterator[Frame], size: int) -> Iterator[list[Frame]]:
    """Yield frames in batches; what was read before a video broke off is yielded, too."""
    batch: list[Frame] = []
    try:
        for frame in frames:
            batch.append(frame)
            if len(batch) == size:
                yield batch
                batch = []
    except VideoError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
