from collections.abc import Iterator

import pytest

from tests.workflows.corpora import Options, cluster


@pytest.fixture(scope="session")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Options]:
    """Options of commands whose tests are not about starting workers: two stand ready."""
    with cluster(tmp_path_factory.mktemp("cluster") / "scheduler.json", workers=2) as scheduler:
        yield "--scheduler", scheduler
