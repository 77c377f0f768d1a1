"""An S3 server for the session, and for each test a proxy in front of it."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from upath import UPath

from shm.datasets.storage.remote import RemoteConfig, RemoteStorage
from shm.datasets.storage.retry import RetryConfig
from tests.datasets.storage.servers import BUCKET, Proxy, put, running, s3_server

QUICK = RetryConfig(tries=4, seconds=60, timeout=10, first_wait=0.02, longest_wait=0.1)
"""As stubborn as the default, and not as patient."""

SECRET = "wJalrXUtnFEMIK7MDENG"  # noqa: S105 - a stand-in


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def proxy(s3: str) -> Iterator[Proxy]:
    server = Proxy(s3)
    with running(server):
        yield server


@pytest.fixture
def store(proxy: Proxy, request: pytest.FixtureRequest) -> UPath:
    """The root of a store of the test's own, behind the proxy."""
    options = {"endpoint_url": proxy.url, "key": "test", "secret": SECRET}
    return UPath(f"s3://{BUCKET}/{request.node.name}.zarr", **options)


Put = Callable[[str, bytes], None]


@pytest.fixture
def put_object(s3: str, store: UPath) -> Put:
    """Write an object of the store, past the proxy."""
    return lambda key, content: put(s3, f"{store.path}/{key}", content)


@pytest.fixture
def remote(store: UPath) -> RemoteStorage:
    return RemoteStorage(store, RemoteConfig(retry=QUICK, gap=1000))


@pytest.fixture
def content() -> bytes:
    """A hundred thousand random bytes."""
    return np.random.default_rng(0).bytes(100_000)
