import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_array, diags_array

from shm.pipeline.refine import RefineError
from shm.pipeline.refine.solver import solve
from shm.pipeline.refine.system import System


def chain(length: int) -> System:
    """A long chain of equal ties, held at both ends: the graph on which diagonals help least."""
    ones = np.ones(length)
    matrix = diags_array([-ones[1:], 2 * ones, -ones[1:]], offsets=[-1, 0, 1], format="csr")
    right = np.zeros(length)
    right[-1] = 1
    local = diags_array(2 * ones, format="csr")
    return System(matrix=matrix, local=local, right=right)


def test_the_solution_solves_the_system() -> None:
    system = chain(50)
    solution = solve(system, np.zeros(50))
    assert np.allclose(solution, np.arange(1, 51) / 51, atol=1e-4)


def test_the_start_does_not_change_the_solution() -> None:
    system = chain(50)
    begun = np.random.default_rng(3).random(50)
    assert np.allclose(solve(system, begun), solve(system, np.zeros(50)), atol=1e-4)


def test_what_does_not_converge_is_tried_again_with_factors_of_the_whole_matrix() -> None:
    system = chain(400)
    solution = solve(system, np.zeros(400), iterations=30)  # the diagonal alone needs 400
    assert np.allclose(solution, np.arange(1, 401) / 401, atol=1e-3)


def test_a_second_failure_is_an_error_that_tells_the_limit() -> None:
    generator = np.random.default_rng(5)
    ties = generator.random((300, 300)) < 0.05
    weights = np.triu(ties, 1).astype(float)
    weights += weights.T
    matrix = csr_array(np.diag(weights.sum(axis=1) + 1e-3) - weights)
    local = diags_array(matrix.diagonal(), format="csr")
    system = System(matrix=matrix, local=local, right=generator.random(300))
    with pytest.raises(RefineError, match="within 1 steps"):
        solve(system, np.zeros(300), iterations=1)


def test_factors_that_break_down_are_shifted_until_they_hold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A smooth kernel: positive definite by a hair, which what the factors drop takes away."""
    from pymatting import ichol

    places = np.linspace(0, 1, 80)
    dense = np.exp(-(np.subtract.outer(places, places) ** 2) / 0.09) + 1e-5 * np.eye(80)
    with pytest.raises(ValueError, match="shifts did not help"):
        ichol(csc_matrix(dense), discard_threshold=1e-3, shifts=[1e-4])
    capsys.readouterr()
    matrix = csr_array(dense)
    right = dense @ np.random.default_rng(7).random(80)
    solution = solve(System(matrix=matrix, local=matrix, right=right), np.zeros(80))
    assert np.linalg.norm(dense @ solution - right) < 1e-5 * np.linalg.norm(right)
    assert capsys.readouterr().out == ""


def test_a_matrix_that_is_far_from_definite_has_no_factors() -> None:
    matrix = csr_array(np.array([[1.0, 50], [50, 1]]))
    with pytest.raises(RefineError, match="no incomplete factors"):
        solve(System(matrix=matrix, local=matrix, right=np.ones(2)), np.zeros(2))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(bad: float) -> None:
    matrix = csr_array(np.eye(3))
    with pytest.raises(RefineError, match="not finite"):
        solve(System(matrix=matrix, local=matrix, right=np.array([1, bad, 1])), np.zeros(3))


def test_a_matrix_of_zeros_is_an_error_not_an_alpha() -> None:
    matrix = csr_array((3, 3))
    with pytest.raises(RefineError):
        solve(System(matrix=matrix, local=matrix, right=np.ones(3)), np.zeros(3))


def test_a_right_side_of_zeros_has_the_solution_zero() -> None:
    """As in a window in which all that is certain is background."""
    system = chain(50)
    empty = System(matrix=system.matrix, local=system.local, right=np.zeros(50))
    assert np.allclose(solve(empty, np.ones(50)), 0, atol=1e-6)
    assert not solve(empty, np.zeros(50)).any()
