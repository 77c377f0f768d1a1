"""Real servers: S3 in its own process, a proxy that goes wrong, a plain one for the web."""

import re
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BUCKET = "mattes"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def s3_server() -> Iterator[str]:
    """Start an S3 protocol server in a process of its own, with one bucket; yields its URL."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                put(url, BUCKET, b"")
                break
            except OSError:
                assert process.poll() is None, "the S3 server did not start"
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def put(url: str, path: str, content: bytes) -> None:
    """Make a bucket, or an object in it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.request("PUT", f"/{path}", content)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
    finally:
        connection.close()


@dataclass(frozen=True)
class Fault:
    """What a proxy does to one request instead of passing it on.

    It answers with `status`; or it drops the connection after `sent` bytes of the body; or it
    says that the body has `shorter` bytes less than it has.
    """

    status: int = 0
    sent: int | None = None
    shorter: int = 0


DROP = Fault(sent=0)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    range: str | None


class Proxy(ThreadingHTTPServer):
    """Passes requests on to another server, late and with faults."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), ProxyHandler)
        self.upstream = urlsplit(upstream)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[Request] = []
        self.faults: deque[Fault] = deque()
        self.always: Fault | None = None
        self.delay = 0.0
        self.late = 0
        """How many requests were delayed, and are no more."""
        self.lock = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""

    def fault_of(self, request: Request) -> Fault | None:
        with self.lock:
            self.requests.append(request)
            return self.faults.popleft() if self.faults else self.always

    def asked(self, key: str = "") -> list[Request]:
        return [request for request in self.requests if key in request.path]


class ProxyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer's body waits 40 ms for its head's receipt
    server: Proxy

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its parent's name
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.pass_on()

    def do_GET(self) -> None:
        self.pass_on()

    def pass_on(self) -> None:
        request = Request(self.command, self.path, self.headers["Range"])
        fault = self.server.fault_of(request)
        delay = self.server.delay
        time.sleep(delay)
        self.server.late += delay > 0
        if fault is not None and fault.status:
            self.send_response(fault.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fault is not None and fault.sent == 0:
            self.close_connection = True
            return
        status, headers, body = self.ask_upstream()
        length = int(headers.pop("content-length", "0"))
        self.send_response(status)
        for name, value in headers.items():
            if name not in ("connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(length - (fault.shorter if fault else 0)))
        self.end_headers()
        if fault is not None and fault.shorter:
            body = body[: -fault.shorter]
        if fault is not None and fault.sent is not None:
            body = body[: fault.sent]
            self.close_connection = True
        self.wfile.write(body)

    def ask_upstream(self) -> tuple[int, dict[str, str], bytes]:
        upstream = self.server.upstream
        assert upstream.hostname is not None
        connection = HTTPConnection(upstream.hostname, upstream.port, timeout=30)
        try:
            connection.request(self.command, self.path, headers=dict(self.headers.items()))
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, headers, answer.read()
        finally:
            connection.close()


class WebHandler(SimpleHTTPRequestHandler):
    """Files of a folder, in parts where `ranges` is set."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    ranges = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its parent's name
        """Say nothing."""

    def do_GET(self) -> None:
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers["Range"] or "")
        path = Path(self.translate_path(self.path))
        if not (self.ranges and asked and path.is_file()):
            super().do_GET()
            return
        content = path.read_bytes()
        first, last = asked.groups()
        start = int(first) if first else max(len(content) - int(last), 0)
        stop = min(int(last) + 1, len(content)) if first and last else len(content)
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        self.wfile.write(content[start:stop])


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def web_server(folder: Path, *, ranges: bool = True) -> Iterator[str]:
    """Serve a folder's files; yields the URL."""

    class Handler(WebHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

    Handler.ranges = ranges
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}"
