"""shm predict --camera: what is shown, in a real browser, and what is kept."""

import asyncio
import json
import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.datasets.cameras import network_camera, person
from tests.datasets.stores import all_files
from tests.workflows.browser import FAKE_CAMERA, open_page
from tests.workflows.corpora import run
from tests.workflows.forks import forks

NETS = ("shm", "predict", "untrained:light", "--max-side", 64)
ADDRESS = re.compile(r"open (http://127\.0\.0\.1:\d+/\S+/)")
PATIENCE = 60
"""Seconds: machines of tests are busy."""


class Preview:
    """A preview that runs as a process, and its address."""

    def __init__(self, *options: object) -> None:
        self.command = forks().start([*NETS, "--port", 0, "--preview", "page", *options])
        give_up = time.monotonic() + PATIENCE
        while (found := ADDRESS.search(self.command.told)) is None:
            assert self.command.poll() is None, self.command.told
            assert time.monotonic() < give_up, self.command.told
            time.sleep(0.05)
        self.address = found[1]

    def end(self, sign: signal.Signals = signal.SIGINT) -> int:
        """Stop it as a person does, or as a system does; return its exit code."""
        self.command.send_signal(sign)
        return self.command.wait().returncode

    @property
    def told(self) -> str:
        return self.command.told


@contextmanager
def preview(*options: object) -> Iterator[Preview]:
    """Start a preview; it ends with the test, whatever comes."""
    found = Preview(*options)
    try:
        yield found
    finally:
        found.end(signal.SIGKILL)


class Visitor:
    """A page without a browser: what goes over its socket."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection = connection
        self.pictures = 0

    async def send(self, message: str | bytes) -> None:
        await self._connection.write_message(message, binary=isinstance(message, bytes))

    async def wish(self, **what: object) -> None:
        await self.send(json.dumps(what))

    async def word(self) -> Any:
        """Return the next message, a picture as its bytes."""
        message = await asyncio.wait_for(self._connection.read_message(), PATIENCE)
        assert message is not None
        return message if isinstance(message, bytes) else json.loads(message)

    async def state(self) -> dict[str, Any]:
        """Return the next state, after the picture that comes with it."""
        await self.wish(ready=True)
        state: dict[str, Any] = {}
        while True:
            message = await self.word()
            if isinstance(message, bytes):
                self.pictures += 1
                return state
            state = message

    async def until(self, word: str) -> dict[str, Any]:
        """Wait for a message that has a word."""
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            state = await self.state()
            if word in state["message"]:
                return state
        raise AssertionError(f"it does not say {word!r}: {state}")

    async def recorded(self, seconds: float) -> None:
        """Record for at least so long."""
        await self.state()  # nothing is kept before there is something to see
        await self.wish(record=True)
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            state = await self.state()
            if state["recording"] is not None and state["recording"] >= seconds:
                return
        raise AssertionError(f"it does not record: {state}")


@asynccontextmanager
async def visit(address: str, **headers: str) -> AsyncIterator[Visitor]:
    """Open the socket of a preview."""
    url = address.replace("http:", "ws:") + "live"
    connection = await websocket_connect(HTTPRequest(url, headers=headers))
    try:
        yield Visitor(connection)
    finally:
        connection.close()
        while await connection.read_message() is not None:
            pass


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time or 0.0 for frame in container.decode(video=0)]


def test_a_browser_sees_its_own_camera_matted_and_keeps_what_it_sees(tmp_path: Path) -> None:
    places = tmp_path / "places"
    places.mkdir()
    Image.fromarray(person()).save(places / "<b>sea<b>.png")
    Image.fromarray(person()[::-1]).save(places / "wood.png")
    out = tmp_path / "out"
    options = ("--camera", "browser", "-o", out, "--alpha", "--background", places)
    expect.set_options(timeout=1e3 * PATIENCE)
    with open_page(*FAKE_CAMERA) as (page, wrong), preview(*options) as server:
        page.goto(server.address)
        expect(page.locator("#picture")).to_have_attribute("src", re.compile("^blob:"))
        expect(page.locator("#figures")).to_contain_text("640 × 480")
        expect(page.locator("#views label")).to_have_text(
            ["on <b>sea<b>", "on wood", "cut-out", "alpha", "trimap", "camera"]
        )
        assert page.locator("#views b").count() == 0  # a file's name is text
        page.get_by_role("button", name="Keep a still").click()
        expect(page.locator("#message")).to_contain_text("kept photo/still-0001.png")
        page.keyboard.press("6")
        expect(page.get_by_label("camera")).to_be_checked()
        page.keyboard.press("r")
        expect(page.get_by_role("button", name=re.compile("Stop, [1-9]"))).to_be_visible()
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#message")).to_contain_text("kept photo/recording-0001.mp4")
        green = np.asarray(Image.open(out / "photo" / "still-0001.png"))
        assert server.end() == 0
        expect(page.locator("#message")).to_contain_text("The connection to shm ended")
        assert not wrong
    assert green[:100, :100].mean((0, 1))[1] > green[:100, :100].mean((0, 1))[0] + 50
    assert set(all_files(out)) == {
        *("photo/still-0001.png", "alpha/still-0001.png", "photo/recording-0001.mp4"),
        *("composite/still-0001/<b>sea<b>.png", "composite/still-0001/wood.png"),
        *("alpha/recording-0001.mp4", "composite/recording-0001.mp4"),
    }
    assert "files kept" in server.told


def test_recordings_have_the_times_at_which_pictures_came(tmp_path: Path) -> None:
    async def watch(address: str) -> None:
        async with visit(address) as visitor:
            await visitor.recorded(1.5)
            await visitor.wish(record=False)
            await visitor.until("kept")
            await visitor.wish(still=True)
            assert (await visitor.until("still-0001"))["size"] == [64, 96]
            for view in ("alpha", "trimap", "camera", "cut-out"):
                await visitor.wish(view=view)
                while (await visitor.state())["view"] != view:
                    pass
            await visitor.recorded(0.2)  # and is told to end while it records

    out = tmp_path / "out"
    options = ("-o", out, "--cutout", "--smooth", 0.5)
    with (
        network_camera(person()) as (camera, _),
        preview("--camera", camera, *options) as server,
    ):
        asyncio.run(watch(server.address))
        assert server.end(signal.SIGTERM) == 0
    recordings = {f"photo/recording-000{at}.mp4" for at in (1, 2)}
    recordings |= {f"cutout/recording-000{at}.mov" for at in (1, 2)}
    assert set(all_files(out)) == recordings | {"photo/still-0001.png", "cutout/still-0001.png"}
    assert np.asarray(Image.open(out / "cutout" / "still-0001.png")).shape == (96, 64, 4)
    for name in recordings:
        found = times(out / name)
        assert found == sorted(set(found))
        assert found[-1] >= (1.4 if "1." in name else 0.1)  # states are rounded to a tenth
    assert len(times(out / "photo/recording-0001.mp4")) == len(
        times(out / "cutout/recording-0001.mov")
    )


def test_a_recording_outlives_a_kill_and_a_camera_that_ends(tmp_path: Path) -> None:
    async def watch(address: str, seconds: float) -> None:
        async with visit(address) as visitor:
            await visitor.recorded(seconds)

    with network_camera(person()) as (camera, over):
        with preview("--camera", camera, "-o", tmp_path / "killed") as server:
            asyncio.run(watch(server.address, 3))
            server.end(signal.SIGKILL)
        assert times(tmp_path / "killed" / "alpha" / "recording-0001.mp4")[-1] > 1.5
        with preview("--camera", camera, "-o", tmp_path / "ended") as server:
            asyncio.run(watch(server.address, 0.5))
            over.set()
            assert server.command.wait().returncode == 1
        assert "the camera gives no more pictures" in server.told
        assert "Traceback" not in server.told
        assert times(tmp_path / "ended" / "alpha" / "recording-0001.mp4")[-1] >= 0.4


def test_other_pages_can_not_look_through_the_camera(tmp_path: Path) -> None:
    async def look(address: str, camera: bytes) -> None:
        root = address[: address.index("/", 8) + 1]
        client = AsyncHTTPClient()
        page = await client.fetch(address)
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        for wrong in (root, root + "live", root + "index.html", address + "../page.py"):
            with pytest.raises(HTTPClientError, match=r"404|403"):
                await client.fetch(wrong)
        with pytest.raises(HTTPClientError, match="403"):
            await visit(address, Origin="http://elsewhere.example").__aenter__()
        async with visit(address) as visitor:
            for strange in ("no JSON", "[1]", '{"view": {}}', 2000 * "["):
                await visitor.send(strange)
            assert await visitor.word() == {"take": "camera"}
            async with visit(address) as second:
                await visitor.send(b"no picture")  # its place goes to the other page
                assert "not an image" in (await visitor.word())["refused"]
                assert await second.word() == {"take": "camera"}
                await visitor.send(camera)
                await second.send(camera)
                await second.state()
                assert second.pictures == 1

    out, picture = tmp_path / "out", tmp_path / "a.jpg"
    Image.fromarray(person()).save(picture)
    with preview("--camera", "browser", "-o", out) as server:
        asyncio.run(look(server.address, picture.read_bytes()))
        assert server.end() == 0
        assert not out.exists()  # nothing was kept
    assert "Traceback" not in server.told


def test_each_thing_that_is_missing_is_a_line(tmp_path: Path) -> None:
    out = ("-o", tmp_path / "out")
    told = run(*NETS, "--camera", 63, *out, code=1).stderr
    assert re.fullmatch(r"Error: 63: no such camera, [^\n]*--camera browser [^\n]*\n", told)
    told = run(*NETS, "--camera", 0, tmp_path, *out, code=2).stderr
    assert "--camera goes without INPUTS" in told
    assert "Missing INPUTS" in run(*NETS, *out, code=2).stderr
    told = run(*NETS, "--camera", "browser", "--preview", "window", *out, code=1).stderr
    assert "leave out --preview" in told
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = run(*NETS, "--camera", "browser", "--port", port, *out, code=1).stderr
    assert f"port {port} can't be had (Address already in use): --port 0 takes any" in told
