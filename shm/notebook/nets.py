"""Trained nets that are called with photos."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shm.datasets.tree import printable
from shm.notebook.sample import Picture, Sample, read, read_values, table
from shm.pipeline.annotation import trimap_from_annotation
from shm.pipeline.foreground import estimate_foreground
from shm.prediction import PhotoConfig, predict_photos
from shm.workflows.nets import LoadedNets


@dataclass(frozen=True)
class Nets:
    """Nets that are ready to predict: call them with a photo.

    Attributes
    ----------
    name : str
        The run, checkpoint or export that they come from.
    loaded : LoadedNets
    """

    name: str
    loaded: LoadedNets

    def __call__(self, photo: Picture, trimap: Picture | None = None) -> Sample:
        """Predict a photo's alpha, and estimate the colours that belong to it.

        Parameters
        ----------
        photo : uint8 (H, W, 3), or a file's path
        trimap : uint8 (H, W), or a file's path, optional
            In T-Net's place; nets without one need it.

        Raises
        ------
        ShmError
            A file can't be read, the nets need a trimap, or the photo does not fit in memory.
        """
        image = read(photo)
        given = None if trimap is None else [trimap_from_annotation(read_values(trimap))]
        config = self.loaded.photo_config(PhotoConfig(max_side=0))
        (found,) = predict_photos(self.loaded.network, [image], config, trimaps=given)
        alpha = (found.alpha * 255).round().astype(np.uint8)
        return Sample(
            id=Path(photo).stem if isinstance(photo, str | Path) else "photo",
            image=image,
            trimap=found.trimap,
            alpha=alpha,
            foreground=estimate_foreground(image, alpha),
        )

    def __repr__(self) -> str:
        return f"Nets({self.name!r}: {self.loaded.told})"

    def _repr_html_(self) -> str:
        needs = self.loaded.network.needs_trimap
        facts = {
            "run by": self.loaded.told,
            "larger photos seen at": f"{self.loaded.max_side} px",
            "trimap": "needed" if needs else "made by themselves",
            "weights, SHA-256": self.loaded.digest[:16],
        }
        return table(printable(self.name), facts)
