"""Conjugate gradients with incomplete Cholesky factors, and what happens when they give up."""

from collections.abc import Callable

import numpy as np

from shm.pipeline.refine.errors import RefineError
from shm.pipeline.refine.system import Sparse, System, Vector

ITERATIONS = 2000
"""Most steps of conjugate gradients; a few dozen are common."""

_TOLERANCE = 1e-6
"""Residual, as a share of the right side: on portraits no alpha is then more than one 8-bit step
from that of 1e-11."""

_ZERO = 1e-9
"""Residual that counts as none, for right sides that are zero."""

_DISCARD = 1e-3
"""Entries of the factors below this are dropped; a tenth of it in the second attempt."""

_SHIFTS = (1e-4, 1e-3, 1e-2, 0.1, 1.0)
"""Added to the diagonal before factoring, the next where the last left it indefinite."""

_MOST_ENTRIES = 250
"""Of the factors, a row: some 35 are common."""


def solve(system: System, start: Vector, *, iterations: int = ITERATIONS) -> Vector:
    """Solve A x = b by preconditioned conjugate gradients (Hestenes, Stiefel, 1952).

    The preconditioner are thresholded incomplete Cholesky factors (Jones, Plassmann, 1995) of the
    system's local part, shifted by growing amounts where they break down. If that does not
    converge, it is tried once more from the beginning with factors of the whole matrix that drop
    ten times less. The solution is the same in either case.

    Parameters
    ----------
    system : System
        N unknowns.
    start : float64 array, (N,)
        Where to begin.
    iterations : int
        Most steps of an attempt.

    Returns
    -------
    float64 array, (N,)
        Not clipped.

    Raises
    ------
    RefineError
        Neither attempt converged, the system holds or yields numbers that are not finite, or a
        row is zero.
    """
    if not (np.isfinite(system.right).all() and np.isfinite(system.matrix.data).all()):
        raise RefineError(
            "the linear system is not finite; look at the prior, or try another method"
        )
    loose = np.count_nonzero(system.matrix.diagonal() <= 0)
    if loose:
        raise RefineError(f"nothing is tied to {loose} of them; try another method")
    try:
        return _attempt(system.matrix, system.local, system.right, start, _DISCARD, iterations)
    except RefineError:
        part, discard = system.matrix, _DISCARD / 10
        return _attempt(system.matrix, part, system.right, start, discard, iterations)


def _attempt(
    matrix: Sparse, part: Sparse, right: Vector, start: Vector, discard: float, iterations: int
) -> Vector:
    from pymatting.solver.cg import cg

    def stop_where_lost(*state: object) -> None:
        if not np.isfinite(state[-1]).all():  # type: ignore[call-overload]
            raise RefineError(
                "conjugate gradients met numbers that are not finite; try another method"
            )

    precondition = _factors(part, discard)
    with np.errstate(all="ignore"):  # a zero matrix divides 0 by 0: told by the check above
        try:
            solution: Vector = cg(
                matrix,
                right,
                x0=start,
                M=precondition,
                rtol=_TOLERANCE,
                atol=_ZERO,
                maxiter=iterations,
                callback=stop_where_lost,
            )
        except ValueError as error:  # PyMatting's only way to say so
            raise RefineError(
                f"conjugate gradients did not converge within {iterations} steps; "
                "try a narrower trimap or another method"
            ) from error
    return solution


def _factors(matrix: Sparse, discard: float) -> Callable[[Vector], Vector]:
    """Return what applies the inverse of the incomplete factors.

    PyMatting's `ichol` prints where it breaks down and reserves four gigabytes for any matrix, so
    its kernel is called here.
    """
    from pymatting.preconditioner.ichol import CholeskyDecomposition, _ichol

    count = matrix.shape[0]
    room = count * _MOST_ENTRIES  # reserved only: pages that are not written take no memory
    values, rows = np.empty(room), np.empty(room, np.int64)
    starts = np.zeros(count + 1, np.int64)
    columns, ends = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    for shift in _SHIFTS:
        entries = _ichol(
            count,
            matrix.data,
            columns,
            ends,
            values,
            rows,
            starts,
            discard,
            shift,
            room,
            0.0,
            True,
        )
        if entries >= 0:
            factors: Callable[[Vector], Vector] = CholeskyDecomposition(
                (values[:entries], rows[:entries], starts)
            )
            return factors
    raise RefineError("no incomplete factors were found; try another method")
