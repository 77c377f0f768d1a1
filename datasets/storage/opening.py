"""Opening the bytes below a location."""

from pathlib import Path

from shm.datasets.storage.cached import CacheConfig, CachedStorage
from shm.datasets.storage.local import LocalStorage
from shm.datasets.storage.location import Location
from shm.datasets.storage.remote import RemoteConfig, RemoteStorage
from shm.datasets.storage.storage import Storage


def open_storage(
    location: Location,
    *,
    cache: CacheConfig | None = None,
    token: str = "",
    remote: RemoteConfig | None = None,
) -> Storage:
    """Open the bytes below a location, with a cache or without.

    Nothing is read yet: a location that isn't there shows in the first read.

    Parameters
    ----------
    location : Path or UPath
        As `locate` returns it.
    cache : CacheConfig, optional
        Keep what was read in a local folder.
    token : str
        What the store at this location is; another token where it was made anew. Without one
        there is no cache, as it would serve the old store's bytes.
    remote : RemoteConfig, optional
        How to ask for what is not on this machine.

    Raises
    ------
    StorageError
        The folder of the cache can't be used.
    StorageConfigError
        A cache without a token.
    """
    storage: Storage
    if isinstance(location, Path):
        storage = LocalStorage(location)
    else:
        storage = RemoteStorage(location, remote)
    return CachedStorage(storage, cache, token) if cache is not None else storage
