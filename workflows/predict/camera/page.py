"""The preview as a page of this machine, for where there is no window.

It is served to this machine alone, below a path that nobody can guess: another page that is open in
the same browser can't look through the camera.
"""

import asyncio
import json
import platform
import secrets
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, StaticFileHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from shm.datasets.camera import BrowserCamera, Camera
from shm.datasets.image import ImageError
from shm.datasets.tree import printable
from shm.workflows.predict.camera.live import Live, Shown
from shm.workflows.predict.sources import PredictError

HOST = "127.0.0.1"

_FILES = Path(__file__).parent / "web"

_QUALITY = 90
"""Of the JPEG pictures that are shown."""

_LARGEST = 64 * 2**20
"""Bytes of a picture that a browser may send."""

_LARGEST_BODY = 1024
"""Bytes of anything else: nothing is sent to it but over the socket."""

_PING = 10
"""Seconds after which a page that sleeps is noticed, and another one's camera taken."""

_POLICY = "default-src 'none'; connect-src 'self'; img-src blob: data:; script-src 'self'; "
_POLICY += "style-src 'self'; frame-ancestors 'none'"


class Page:
    """Serves the preview until somebody stops it.

    Parameters
    ----------
    live : Live
    camera : Camera
        Of `live`; a `BrowserCamera` gets its pictures from the page.
    port : int
        0 is any that is free.
    note : callable
        Told the address.
    """

    def __init__(self, live: Live, camera: Camera, port: int, note: Callable[[str], None]) -> None:
        self.live, self.port, self.note = live, port, note
        self.camera = camera if isinstance(camera, BrowserCamera) else None
        self.sockets: list[_Socket] = []
        self.source: _Socket | None = None
        self.newest: tuple[int, bytes, str] | None = None

    def serve(self) -> None:
        """Serve until the process is interrupted or told to end.

        Raises
        ------
        shm.datasets.camera.CameraError
            The camera gave no more pictures.
        PredictError
            The port is taken.
        """
        with suppress(KeyboardInterrupt):
            asyncio.run(self._serve())

    async def _serve(self) -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        stop = threading.Event()
        failed: list[BaseException] = []

        def work() -> None:
            try:
                while not stop.is_set():
                    shown = self.live.step()
                    if shown is not None:
                        loop.call_soon_threadsafe(self._publish, _jpeg(shown), shown.state)
            except BaseException as error:  # noqa: BLE001 - is raised where it is waited for
                failed.append(error)
                loop.call_soon_threadsafe(over.set)

        path = f"/{secrets.token_urlsafe(9)}/"
        server = HTTPServer(self._application(path), max_body_size=_LARGEST_BODY)
        try:
            sockets = bind_sockets(self.port, HOST)
        except OSError as error:
            raise PredictError(
                f"port {self.port} can't be had ({error.strerror}): --port 0 takes any free one"
            ) from error
        server.add_sockets(sockets)
        port = sockets[0].getsockname()[1]
        self.note(f"open http://{HOST}:{port}{path} - Ctrl-C stops it")
        if platform.system() != "Windows":  # which has no such signal
            loop.add_signal_handler(signal.SIGTERM, over.set)
        thread = threading.Thread(target=work, name="live")
        thread.start()
        try:
            await over.wait()
        finally:
            stop.set()
            while thread.is_alive():  # however often it is interrupted: it may write a video
                with suppress(KeyboardInterrupt):
                    thread.join()
            server.stop()
            for each in self.sockets:
                each.close()
        if failed:
            raise failed[0]

    def _application(self, path: str) -> Application:
        files = {"path": str(_FILES), "default_filename": "index.html"}
        application = Application(
            websocket_max_message_size=_LARGEST,
            websocket_ping_interval=_PING,
            log_function=lambda _: None,
        )
        application.add_handlers(
            r"127\.0\.0\.1|localhost",
            [(f"{path}live", _Socket, {"page": self}), (f"{path}(.*)", _File, files)],
        )
        return application

    def _publish(self, picture: bytes, state: dict[str, Any]) -> None:
        number = 0 if self.newest is None else self.newest[0] + 1
        self.newest = number, picture, json.dumps(state)
        for each in self.sockets:
            each.show()
        if self.source is not None:
            self.source.tell({"take": "frame"})

    def opened(self, socket: "_Socket") -> None:
        """Take a page in."""
        self.sockets.append(socket)
        self._choose_source()

    def closed(self, socket: "_Socket") -> None:
        """Forget a page; where its camera was in use, take another's."""
        self.sockets.remove(socket)
        if self.source is socket:
            self.source = None
            self._choose_source()

    def _choose_source(self) -> None:
        able = (each for each in self.sockets if not each.has_failed)
        if self.camera is not None and self.source is None:
            self.source = next(able, None)
            if self.source is not None:
                self.source.tell({"take": "camera"})

    def _give_up(self, socket: "_Socket", why: str) -> None:
        """Take no more pictures from a page, but from another one."""
        if socket is self.source:
            socket.has_failed, self.source = True, None
            self.note(f"  the browser's camera: {why}")
            self._choose_source()

    def wish(self, socket: "_Socket", what: dict[str, Any]) -> None:
        """Do what a page asks for."""
        if what.get("ready"):
            socket.is_ready = True
            socket.show()
        if "view" in what:
            self.live.look_at(str(what["view"]))
        if what.get("still"):
            self.live.keep_still()
        if "record" in what:
            self.live.record(bool(what["record"]))
        if "failed" in what:
            self._give_up(socket, printable(str(what["failed"])[:200]))

    def receive(self, socket: "_Socket", picture: bytes) -> None:
        """Take in a picture of a page's camera."""
        if self.camera is None or socket is not self.source:
            return
        try:
            self.camera.receive(picture)
        except (ImageError, MemoryError) as error:
            socket.tell({"refused": f"this camera's pictures are refused: {error}"})
            self._give_up(socket, str(error))


class _File(StaticFileHandler):
    """The page's own files."""

    def set_extra_headers(self, path: str) -> None:  # noqa: ARG002
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")


class _Socket(WebSocketHandler):
    """A page that is open. Tornado refuses those of other sites."""

    def initialize(self, page: Page) -> None:
        self.page = page
        self.is_ready = False
        self.has_failed = False
        self._shown = -1

    def open(self, *_: str, **__: str) -> None:
        self.page.opened(self)

    def on_close(self) -> None:
        self.page.closed(self)

    def on_message(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.page.receive(self, message)
            return
        try:
            what = json.loads(message)
        except (ValueError, RecursionError):
            return
        if isinstance(what, dict):
            self.page.wish(self, what)

    def show(self) -> None:
        """Send the newest picture, if it is new to this page and the last one was seen."""
        newest = self.page.newest
        if newest is None or not self.is_ready or newest[0] == self._shown:
            return
        self._shown, picture, state = newest
        self.is_ready = False
        self._send(state)
        self._send(picture)

    def tell(self, what: dict[str, Any]) -> None:
        """Send a word."""
        self._send(json.dumps(what))

    def _send(self, message: str | bytes) -> None:
        with suppress(WebSocketClosedError):
            sent = self.write_message(message, binary=isinstance(message, bytes))
            sent.add_done_callback(_forget)


def _forget(sent: "asyncio.Future[None]") -> None:
    """Look at how a message went, or asyncio complains: a page may close at any moment."""
    if not sent.cancelled():
        sent.exception()


def _jpeg(shown: Shown) -> bytes:
    import cv2

    bgr = cv2.cvtColor(shown.pixels, cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return content.tobytes()
