from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.faults.chain import write_chain
from tests.workflows.clusters import tcp_cluster
from tests.workflows.corpora import Options


@pytest.fixture(scope="session")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Options]:
    """Options of commands whose tests are not about starting workers: two stand ready."""
    with tcp_cluster(tmp_path_factory.mktemp("cluster"), workers=2) as cluster:
        yield "--scheduler", cluster.address


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A corpus and what undisturbed commands make of it, once for all processes of the tests."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "chain"
    with FileLock(f"{folder}.lock"):
        if not (folder / "whole").exists():
            with tcp_cluster(own / "of-the-chain", workers=2) as cluster:
                write_chain(folder, "--scheduler", cluster.address)
            (folder / "whole").touch()
    return folder
