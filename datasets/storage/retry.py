"""Asking again: which failures may pass, how long to wait, and what to say after the last try.

The waits grow exponentially, half of each drawn at random, so that many workers that failed
together do not ask again together (Brooker, "Exponential Backoff and Jitter", AWS Architecture
Blog, 2015: equal jitter).
"""

import asyncio
import errno
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
    wait_random_exponential,
)

from shm.datasets.storage.errors import StorageConfigError, StorageError

T = TypeVar("T")

GROWTH = 3
"""Each wait by the one before it: a hiccup costs little, and few tries outlive an outage."""


@dataclass(frozen=True, kw_only=True)
class RetryConfig:
    """How stubbornly to ask; by default through an outage of about half a minute.

    Attributes
    ----------
    tries : int
        Most times that one thing is asked for.
    seconds : float
        Time within which it must have come, all tries and waits together.
    timeout : float
        Seconds that one try may take; reading a whole object may take all of `seconds`.
    first_wait, longest_wait : float
        Seconds between the first two tries, and the most between any two; from half to all of it.
    """

    tries: int = 6
    seconds: float = 60.0
    timeout: float = 20.0
    first_wait: float = 0.5
    longest_wait: float = 20.0

    def __post_init__(self) -> None:
        if self.tries < 1 or min(self.seconds, self.timeout, self.first_wait) <= 0:
            raise StorageConfigError(f"{self}: tries and seconds must be positive")


class ShortBodyError(ConnectionError):
    """Fewer bytes came than were asked for, though the object has them."""


PASSING_STATUS = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
PASSING_NUMBERS = frozenset({errno.EAGAIN, errno.EBUSY, errno.EIO, errno.EREMOTEIO})
"""What s3fs makes of a busy or failing service."""

PASSING_NAMES = frozenset(
    {
        "aiohttp.ClientConnectionError",
        "aiohttp.ClientPayloadError",
        "azure.ServiceRequestError",
        "azure.ServiceResponseError",
        "botocore.ConnectionError",
        "botocore.HTTPClientError",
        "botocore.IncompleteReadError",
        "botocore.ResponseParserError",
        "google.TransportError",
        "urllib3.IncompleteRead",
    }
)
"""Lost connections and broken answers, by name: these libraries need not be installed."""

LASTING_NAMES = frozenset({"ClientConnectorCertificateError", "SSLCertVerificationError"})


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error, or what caused it, carries."""
    response = getattr(error, "response", None)  # botocore
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:  # aiohttp, gcsfs, azure
        names = ("status", "status_code", "code")
        status = next((getattr(error, name) for name in names if hasattr(error, name)), None)
    if isinstance(status, int) and 100 <= status < 600:
        return status
    return status_of(error.__cause__) if error.__cause__ is not None else None


def may_pass(error: BaseException) -> bool:
    """Return whether asking again may help."""
    if is_broken_connection(error):
        return True
    status = status_of(error)
    if status is not None:
        return status in PASSING_STATUS
    return isinstance(error, OSError) and error.errno in PASSING_NUMBERS


def is_broken_connection(error: BaseException) -> bool:
    """Return whether there was no answer, or not a whole one.

    To be asked before the status: S3's own time-out has that of a bad request, and so has what
    aiohttp gives as the cause of a body that breaks off.
    """
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__}
    if any(name in LASTING_NAMES for _, name in kinds):
        return False
    return isinstance(error, TimeoutError | ConnectionError) or bool(
        PASSING_NAMES & {f"{library}.{name}" for library, name in kinds}
    )


def is_absence(error: BaseException) -> bool:
    """Return whether an error says that there is no such object.

    fsspec's HTTP says so of everything that a request for a size meets, a busy server included.
    """
    if not isinstance(error, FileNotFoundError):
        return False
    cause = error.__cause__
    if cause is None or isinstance(cause, LookupError | FileNotFoundError):
        return True
    return status_of(cause) in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


def describe(error: BaseException) -> str:
    """Say in a few words what went wrong.

    Never in the library's own: these hold URLs, and in them signatures and endpoints.
    """
    if isinstance(error, ShortBodyError):
        return "fewer bytes came than were asked for"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if is_broken_connection(error):
        return f"no connection, or a broken one: {type(error).__name__}"
    status = status_of(error)
    if status in set(HTTPStatus):
        return f"{status} {HTTPStatus(status).phrase}"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{type(error).__name__}, {errno.errorcode.get(error.errno, error.errno)}"
    return type(error).__name__


def cure_of(error: BaseException) -> str:
    """Say what to do about an error that stayed."""
    if may_pass(error):
        return "check the network and the service, then run the command again"
    refused = status_of(error) in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    if refused or isinstance(error, PermissionError):
        return (
            "give credentials that may read it; to who may not list, what isn't there looks the "
            "same"
        )
    return "check the URL, the service's endpoint and the credentials"


async def persist(
    ask: Callable[[], Awaitable[T]],
    url: str,
    config: RetryConfig,
    timeout: float | None = None,
    *,
    verb: str = "read",
) -> T:
    """Ask until the answer comes, or until `config` says that it is enough.

    Parameters
    ----------
    ask : callable
        Asks once.
    url : str
        What is asked for, to name it.
    timeout : float, optional
        Seconds that one try may take, if not `config.timeout`.
    verb : str
        What it is about, for the message: ``"read"``, ``"written"``, ``"deleted"``.

    Raises
    ------
    FileNotFoundError
        There is no such object.
    FileExistsError
        There is one, and `ask` was for a new one.
    StorageError
        It can't be had, or `ask` raised this itself, which is not tried again.
    """
    started = time.monotonic()
    waits = config.first_wait / 2, config.longest_wait / 2
    retrying = AsyncRetrying(
        stop=stop_after_attempt(config.tries) | stop_before_delay(config.seconds),
        wait=wait_exponential(*waits, GROWTH) + wait_random_exponential(*waits, GROWTH),
        retry=retry_if_exception(may_pass),
        reraise=True,
    )

    async def ask_in_time() -> T:
        left = started + config.seconds - time.monotonic()
        return await asyncio.wait_for(judged(ask()), min(timeout or config.timeout, left))

    try:
        return await retrying(ask_in_time)
    except (StorageError, FileNotFoundError, FileExistsError):
        raise
    except Exception as error:  # noqa: BLE001 - each library has errors of its own
        tries = retrying.statistics["attempt_number"]
        took = time.monotonic() - started
        count = f"given up after {tries} tries in {took:.0f} s" if tries > 1 else f"can't be {verb}"
        told = f"{url}: {count} ({describe(error)}); {cure_of(error)}"
    # Out here, without cause and context: workers pass them on, and what they say may be secret.
    raise StorageError(told)


async def judged(answer: Awaitable[T]) -> T:
    """Await an answer, and raise for what is called absence but is none what caused it."""
    try:
        return await answer
    except FileNotFoundError as error:
        if not is_absence(error) and error.__cause__ is not None:
            raise error.__cause__ from None
        raise
