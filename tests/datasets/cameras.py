"""A camera on the network that tests can do without: pictures over HTTP, one after the other."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import numpy as np

from shm.datasets.sample.person import random_person
from shm.datasets.sample.render import render


def person(side: int = 96) -> np.ndarray:
    """Return a generated person's picture, uint8 (H, W, 3)."""
    return np.asarray(render(random_person(0, 1, side), 0, 1).image)


@contextmanager
def network_camera(pixels: np.ndarray, rate: float = 20.0) -> Iterator[tuple[str, Event]]:
    """Serve pictures that grow brighter, as motion JPEG; yield the address, and what ends them."""
    import cv2

    over = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
            self.end_headers()
            count = 0
            while not over.is_set():
                brighter = np.clip(pixels[..., ::-1].astype(int) + min(count, 200), 0, 255)
                content = cv2.imencode(".jpg", brighter.astype(np.uint8))[1].tobytes()
                head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n"
                try:
                    self.wfile.write(head.encode() + b"\r\n" + content + b"\r\n")
                except OSError:
                    return
                count += 1
                time.sleep(1 / rate)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/camera.mjpeg", over
    finally:
        over.set()
        server.shutdown()
        server.server_close()
