"""The ways to solve alpha: which terms each one's linear system is the sum of."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.refine.laplacian import KnnGraph, closed_form_system, knn_system
from shm.pipeline.refine.region import Region
from shm.pipeline.refine.sampling import sample_alpha
from shm.pipeline.refine.solver import ITERATIONS, solve
from shm.pipeline.refine.system import System, Vector


@dataclass(frozen=True, kw_only=True)
class Method:
    """What is summed up.

    `closed_form` and `knn` weigh the Laplacians (mean diagonal near 1); `graph` says whom the
    latter ties. `sampling` weighs the pull towards the samples' alpha where they are trusted fully.
    `contrast` steepens the result about one half: a pull towards doubtful samples leaves it flat.
    """

    closed_form: float = 0.0
    knn: float = 0.0
    graph: KnnGraph = field(default_factory=KnnGraph)
    sampling: float = 0.0
    contrast: float = 1.0

    def without_samples(self) -> "Method":
        """Return the method for a solve that is told what alpha to expect."""
        return replace(self, sampling=0.0, contrast=1.0)


SOLVERS: dict[str, Method] = {
    "hybrid": Method(
        closed_form=1.0,
        knn=0.01,
        graph=KnnGraph(neighbours=(5, 3), mutual=False),
        sampling=0.01,
        contrast=1.2,
    ),
    "closed-form": Method(closed_form=1.0),
    "knn": Method(knn=1.0),
}
"""What each name of a method stands for.

The hybrid's settings are the best on half of 24 portraits with trimaps drawn around their true soft
pixels. Of its neighbours few suffice: with 20 and 10 the alphas are no better."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pull:
    """An alpha to expect at the unknown pixels, and how strongly: both (N,)."""

    alpha: Vector
    weight: Vector


def solve_region(
    region: Region, method: Method, pull: Pull | None = None, iterations: int = ITERATIONS
) -> NDArray[np.float32]:
    """Solve one region as a whole.

    Returns
    -------
    float32 array, (N,)
        Alpha of the unknown pixels in raster order, in [0, 1].

    Raises
    ------
    RefineError
        See `solve`.
    """
    system = _laplacian(region, method)
    if pull is None and method.sampling:
        samples = sample_alpha(region)
        pull = Pull(alpha=samples.alpha, weight=method.sampling * samples.trust)
    if pull is None:
        start = np.full(region.count, 0.5)
    else:
        start = pull.alpha
        system = system.pulled(pull.weight, pull.alpha)
    solution = solve(system, start, iterations=iterations)
    steepened = (solution - 0.5) * method.contrast + 0.5
    return np.clip(steepened, 0, 1).astype(np.float32)


def _laplacian(region: Region, method: Method) -> System:
    """Return the weighted sum of the Laplacians that the method asks for."""
    if not method.knn:
        return closed_form_system(region)
    if not method.closed_form:
        return knn_system(region, method.graph)
    return closed_form_system(region).plus(knn_system(region, method.graph), method.knn)
