"""Linear systems for alpha, added up term by term."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Sparse: TypeAlias = Any
"""A `scipy.sparse` array in CSR form: SciPy ships no types."""

Vector: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    """A x = b for the unknown pixels, as the sum of a sparse local part and what couples afar.

    `matrix` is A, symmetric and positive semidefinite, (N, N). `local` is the part of it whose
    incomplete factors stay sparse: A itself, or A without the entries that tie distant pixels.
    `right` is b, (N,).
    """

    matrix: Sparse
    local: Sparse
    right: Vector

    def plus(self, other: "System", weight: float = 1.0) -> "System":
        """Return the sum of this system and `weight` times another."""
        return System(
            matrix=self.matrix + weight * other.matrix,
            local=self.local + weight * other.local,
            right=self.right + weight * other.right,
        )

    def pulled(self, weight: Vector, target: Vector) -> "System":
        """Return the system with `weight` (x − `target`)² added to what it minimises, (N,) each."""
        from scipy.sparse import diags_array

        pull = diags_array(weight, format="csr")
        return System(
            matrix=self.matrix + pull, local=self.local + pull, right=self.right + weight * target
        )
