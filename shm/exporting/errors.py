"""What can go wrong when nets are exported."""

from shm.pipeline.errors import ShmError


class ExportError(ShmError, RuntimeError):
    """Nets can't be exported, or what was exported answers otherwise."""
