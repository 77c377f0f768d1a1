"""The preview as a window of OpenCV's."""

import os
import platform
from contextlib import suppress
from typing import TYPE_CHECKING

from shm.workflows.predict.camera.live import Live, Shown

if TYPE_CHECKING:
    from collections.abc import Callable

TITLE = "shm"

_POLL = 15
"""Milliseconds for which keys are waited for after each picture: windows are drawn meanwhile."""


def has_windows() -> bool:
    """Return whether this OpenCV can open a window here."""
    import cv2

    lines = cv2.getBuildInformation().splitlines()
    built = any(line.strip().startswith("GUI:") and "NONE" not in line for line in lines)
    # Without a screen, Qt ends the whole process.
    return built and (platform.system() != "Linux" or bool(os.environ.get("DISPLAY")))


def show_window(live: Live) -> None:
    """Show it until the window is closed, Q or Escape is pressed, or the process interrupted."""
    with suppress(KeyboardInterrupt):
        _show(live)


def _show(live: Live) -> None:
    import cv2

    cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
    keys: dict[int, Callable[[], None]] = {
        ord("s"): live.keep_still,
        ord("r"): live.record,
        ord("v"): live.look_further,
    }
    first = True
    try:
        while True:
            shown = live.step()
            if shown is not None:
                if first:
                    cv2.resizeWindow(TITLE, shown.pixels.shape[1], shown.pixels.shape[0])
                    first = False
                cv2.imshow(TITLE, cv2.cvtColor(shown.pixels, cv2.COLOR_RGB2BGR))
                cv2.setWindowTitle(TITLE, _told(shown))
            key = ord(chr(cv2.waitKey(_POLL) & 0xFF).lower())
            if key in keys:
                keys[key]()
            closed = not first and cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1
            if key in (ord("q"), 27) or closed:
                return
    finally:
        cv2.destroyAllWindows()


def _told(shown: Shown) -> str:
    state = shown.state
    recording = state["recording"]
    parts = [
        f"{state['view']}, {state['rate']:.1f} frames a second",
        "S still, V view, Q quit",
        "R record" if recording is None else f"recording {recording:.0f} s, R ends it",
    ]
    return " - ".join([*parts, *filter(None, [state["message"]])])
