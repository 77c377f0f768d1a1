"""What can be wrong with a net's name, its input or its weights."""

from shm.pipeline.errors import ShmError


class ModelError(ShmError, ValueError):
    """A net is unknown, or was given what it can't read."""


class WeightsError(ShmError, OSError):
    """The weights that an encoder should start from can't be had."""
