"""Which versions made a store: whatever can change its bytes."""

from importlib.metadata import version

PACKAGES = ("shm-matting", "numpy", "opencv-python-headless", "pillow", "pymatting", "zarr")


def software_versions() -> dict[str, str]:
    """Return the installed version of each package whose code touches a sample."""
    return {name: version(name) for name in PACKAGES}
