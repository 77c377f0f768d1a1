from collections.abc import Iterator

import pytest

from tests.workflows.clusters import tcp_cluster
from tests.workflows.corpora import Options


@pytest.fixture(scope="session")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Options]:
    """Options of commands whose tests are not about starting workers: two stand ready."""
    with tcp_cluster(tmp_path_factory.mktemp("cluster"), workers=2) as cluster:
        yield "--scheduler", cluster.address
