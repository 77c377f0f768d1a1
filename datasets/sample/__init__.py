"""A corpus to try everything on: generated people with exact alphas, and photos to paste them on.

Behind ``shm-data sample``. Nothing is downloaded, and the same seed gives the same bytes.
"""

from shm.datasets.sample.corpus import (
    SampleConfig,
    SampleConfigError,
    SampleFolderError,
    write_portrait,
    write_scenery,
)

__all__ = [
    "SampleConfig",
    "SampleConfigError",
    "SampleFolderError",
    "write_portrait",
    "write_scenery",
]
