"""The root of every error that shm raises on purpose."""


class ShmError(Exception):
    """Something that the user can mend: the message names the file, the value and the cure.

    Each subclass also inherits the built-in that fits it, so that a caller may catch either.
    """
