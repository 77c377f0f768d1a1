from tests.workflows.conftest import chain, there

__all__ = ["chain", "there"]
