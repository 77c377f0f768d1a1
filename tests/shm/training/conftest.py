import pytest

from tests.shm.training.small_runs import Trained


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Return a run of phases that others build on."""
    return Trained(tmp_path_factory.mktemp("run"))
