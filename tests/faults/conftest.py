from tests.workflows.conftest import there

__all__ = ["there"]
