from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.datasets.storage.servers import s3_server
from tests.docs.kit import Kit
from tests.workflows.clusters import TcpCluster, tcp_cluster


@pytest.fixture(scope="session")
def bucket() -> Iterator[dict[str, str]]:
    """Variables of commands that find an S3 server, which is started."""
    with s3_server() as url:
        yield {
            "FSSPEC_S3_ENDPOINT_URL": url,
            "FSSPEC_S3_KEY": "test",
            "FSSPEC_S3_SECRET": "test",
        }


@pytest.fixture(scope="session")
def cluster(
    bucket: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TcpCluster]:
    """Start a scheduler and a worker, which know the way to the bucket."""
    with tcp_cluster(tmp_path_factory.mktemp("cluster"), workers=1, **bucket) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kit(cluster: TcpCluster, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """Return what pages are given."""
    return Kit(tmp_path_factory.mktemp("kit"), ("--scheduler", cluster.address))


@pytest.fixture
def page_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder of the page's own."""
    folder = tmp_path / "page"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
