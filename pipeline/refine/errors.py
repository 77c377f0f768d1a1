"""What goes wrong when alpha is solved."""

from shm.pipeline.errors import ShmError


class RefineError(ShmError, ArithmeticError):
    """The alpha of a photo's unknown region could not be solved; the message says what to do."""
