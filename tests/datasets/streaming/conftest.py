from collections.abc import Iterator

import pytest

from shm.datasets import fields


@pytest.fixture(scope="module")
def small_chunks() -> Iterator[None]:
    """Make pictures of 4 × 4 chunks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "CHUNK_SIDE", 24)
        yield
