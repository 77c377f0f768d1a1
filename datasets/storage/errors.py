"""What can go wrong between a store and its bytes."""

from shm.pipeline.errors import ShmError


class LocationError(ShmError, ValueError):
    """A text names no place that can be read: an unknown protocol, or one without its library."""


class StorageConfigError(ShmError, ValueError):
    """What was asked of a storage or a cache makes no sense."""


class StorageError(ShmError, OSError):
    """Bytes can't be had, though they may well be there; the message names their file or URL."""


class TruncatedError(StorageError):
    """An object ends before the bytes that were asked for: it was cut short where it lies."""


class CacheWarning(UserWarning):
    """A cache can't keep what it is given; reading goes on without."""
