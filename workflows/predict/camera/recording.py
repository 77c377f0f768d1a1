"""A camera's pictures and their mattes as videos, at the times at which they came."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from shm.datasets.camera import Shot
from shm.datasets.video import Video
from shm.prediction import Matting
from shm.workflows.predict.results import Wanted
from shm.workflows.predict.video_results import VideoResults

_MILLISECOND = Fraction(1, 1000)


class Recording:
    """Videos that grow while a camera is watched; a kill leaves what they had.

    Parameters
    ----------
    files : sequence of Path
    wanted : Wanted
    first : Shot
        Whose size and time they begin with.

    Raises
    ------
    shm.datasets.video_writer.VideoWriteError
        A container can't hold that, or the disk refuses.
    """

    def __init__(self, files: Sequence[Path], wanted: Wanted, first: Shot) -> None:
        self.files = tuple(files)
        self._size = (first.pixels.shape[0], first.pixels.shape[1])
        self._began, self._last = first.seconds, -1
        like = Video(
            path=Path("camera"),
            size=self._size,
            rate=Fraction(30),  # for the encoder; players go by the times of frames
            time_base=_MILLISECOND,
            frames=0,
            seconds=0.0,
        )
        self._videos = VideoResults(files, wanted, like, sound=False, growing=True)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return max(self._last, 0) / 1000

    def fits(self, shot: Shot) -> bool:
        """Return whether a picture has the size that it began with."""
        return shot.pixels.shape[:2] == self._size

    def add(self, shot: Shot, matte: Matting) -> None:
        """Write a picture and what is made of it."""
        now = round((shot.seconds - self._began) * 1000)
        self._last = max(now, self._last + 1)
        self._videos.write(shot.pixels, matte, self._last)

    def close(self) -> None:
        """Finish the files."""
        self._videos.close()
