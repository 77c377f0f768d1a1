"""Figures that tell a good alpha from a bad one without knowing the truth."""

import numpy as np

from shm.pipeline.values import UNKNOWN, Alpha, Trimap


def measure_quality(alpha: Alpha, trimap: Trimap, mask: Alpha | None = None) -> dict[str, float]:
    """Measure a matte.

    Parameters
    ----------
    alpha, trimap : uint8 arrays, (H, W)
    mask : uint8 array, (H, W), optional
        The annotation that the matte was refined from, 0 or 255.

    Returns
    -------
    dict
        ``subject``: mean alpha, the share of the photo that the subject covers. ``unknown``: share
        of unknown pixels. ``undecided``: share of these whose alpha lies between 0.1 and 0.9.
        ``islands`` and ``holes``: connected regions of opaque pixels beyond the largest, and of
        transparent pixels that the subject encloses. ``mask_difference``: mean |alpha − mask|,
        only where there is a mask.
    """
    unknown = trimap == UNKNOWN
    soft = (alpha > 25) & (alpha < 230)
    figures = {
        "subject": float(alpha.mean()) / 255,
        "unknown": float(unknown.mean()),
        "undecided": float(soft[unknown].mean()) if unknown.any() else 0.0,
        "islands": float(_count_islands(alpha)),
        "holes": float(_count_holes(alpha)),
    }
    if mask is not None:
        difference = np.abs(alpha.astype(np.int16) - mask.astype(np.int16))
        figures["mask_difference"] = float(difference.mean()) / 255
    return {name: round(value, 6) for name, value in figures.items()}


def _count_islands(alpha: Alpha) -> int:
    import cv2

    count, _ = cv2.connectedComponents((alpha >= 128).astype(np.uint8), connectivity=8)
    return max(0, count - 2)  # the outside and the subject itself


def _count_holes(alpha: Alpha) -> int:
    """Count transparent regions that do not touch the frame."""
    import cv2

    count, labels = cv2.connectedComponents((alpha < 128).astype(np.uint8), connectivity=4)
    frame = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return count - 1 - np.unique(frame[frame > 0]).size
