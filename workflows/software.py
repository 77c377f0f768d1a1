"""Which versions made a store: whatever can change its bytes."""

from collections.abc import Mapping
from importlib.metadata import version

PACKAGES = ("shm-matting", "numpy", "opencv-python-headless", "pillow", "pymatting", "zarr")


def software_versions() -> dict[str, str]:
    """Return the installed version of each package whose code touches a sample."""
    return {name: version(name) for name in PACKAGES}


def describe_versions(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Say which versions are others than expected, and both; nothing where all are the same."""
    return ", ".join(
        f"{name} {found.get(name, 'missing')} (here {version})"
        for name, version in expected.items()
        if found.get(name) != version
    )
