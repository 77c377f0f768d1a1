"""Whether what was exported answers as the nets do."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shm.exporting.errors import ExportError
from shm.exporting.graphs import INPUTS, Graph, example

TOLERANCE = 1e-4
"""Largest difference of any alpha or probability: a fortieth of a step of 8 bits."""

SIZES = ((64, 96), (193, 127), (320, 320))
"""(height, width): of a stride, of none, and as nets are trained."""


_TRIES = 4
"""Inputs of one size, of which one must be answered alike."""

_SHAKE = 1e-6
"""Change of the inputs by which it is found out where nets jump: some units in the last place."""

_SHAKES = 8

_LEAST_STEADY = 0.5
"""Share of the answers that must not jump, so that there is something to compare."""


@dataclass(frozen=True, kw_only=True)
class Parity:
    """The largest difference at one size.

    Nets that unpool put a feature where the largest of four was: where two are equal but for
    rounding, another program chooses the other one, and alpha jumps; so do the nets themselves
    when their input changes in its last digits. There nothing can be compared.

    Parameters
    ----------
    size : (height, width)
    difference : float
        Where the nets are steady.
    steady : float
        Share of the answers where they are.
    """

    size: tuple[int, int]
    difference: float
    steady: float = 1.0

    def __str__(self) -> str:
        told = f"{self.difference:.1e} at {self.size[1]}×{self.size[0]}"
        return told if self.steady == 1 else f"{told} on the {self.steady:.0%} that don't jump"


def check_parity(graph: Graph, content: bytes, name: str) -> list[Parity]:
    """Compare an ONNX file with the graph that it was made of, at three sizes.

    Parameters
    ----------
    graph : Graph
    content : bytes
        Of the ONNX file.
    name : str
        What to call it.

    Raises
    ------
    ExportError
        `onnxruntime` is missing, refuses the file, or answers otherwise.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ExportError(
            "the check of ONNX needs onnxruntime: pip install 'shm-matting[onnx]'"
        ) from error
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ExportError(f"{name}: onnxruntime refuses it ({str(error)[:200]})") from error

    def answer(inputs: tuple[Tensor, ...]) -> list[NDArray[Any]]:
        feed = {key: each.numpy() for key, each in zip(INPUTS, inputs, strict=False)}
        answers: list[NDArray[Any]] = session.run(None, feed)
        return answers

    return _compared(graph, answer, name)


def check_program(graph: Graph, content: bytes, name: str) -> list[Parity]:
    """Compare a program, as its file has it, with the graph that it was made of.

    Raises
    ------
    ExportError
        It answers otherwise.
    """
    program = torch.export.load(io.BytesIO(content)).module()

    def answer(inputs: tuple[Tensor, ...]) -> list[NDArray[Any]]:
        return [each.numpy() for each in program(*inputs)]

    return _compared(graph, answer, name)


def _compared(
    graph: Graph, answer: Callable[[tuple[Tensor, ...]], list[NDArray[Any]]], name: str
) -> list[Parity]:
    return [
        _compared_at(graph, answer, name, size, 1 + number % 2, number)
        for number, size in enumerate(SIZES)
    ]


def _compared_at(
    graph: Graph,
    answer: Callable[[tuple[Tensor, ...]], list[NDArray[Any]]],
    name: str,
    size: tuple[int, int],
    batch: int,
    seed: int,
) -> Parity:
    found = []
    for attempt in range(_TRIES):
        inputs = example(graph.given, size, batch=batch, seed=seed + 100 * attempt)
        with torch.no_grad():
            expected = [each.numpy() for each in graph(*inputs)]
        try:
            answers = answer(inputs)
        except Exception as error:
            told = f"{name}: fails at {size[1]}×{size[0]} ({str(error)[:200]})"
            raise ExportError(told) from error
        apart = [np.abs(one - two) for one, two in zip(expected, answers, strict=True)]
        parity = _largest(size, apart, [np.full(each.shape, True) for each in apart])
        if not parity.difference <= TOLERANCE:
            parity = _largest(size, apart, _steady(graph, inputs, expected))
        if parity.difference <= TOLERANCE and parity.steady >= _LEAST_STEADY:
            return parity
        found.append(parity)
    least = min(found, key=lambda each: each.difference)
    raise ExportError(
        f"{name}: answers otherwise than the nets, by {least.difference:.1e} at "
        f"{size[1]}×{size[0]} where {TOLERANCE:g} is allowed; it was not written"
    )


def _largest(
    size: tuple[int, int], apart: list[NDArray[Any]], steady: list[NDArray[np.bool_]]
) -> Parity:
    """Return the largest difference where answers are steady; NaN where one is."""
    differences = [each[where] for each, where in zip(apart, steady, strict=True)]
    return Parity(
        size=size,
        difference=float(np.max([each.max(initial=0.0) for each in differences])),
        steady=float(np.mean([where.mean() for where in steady])),
    )


def _steady(
    graph: Graph, inputs: tuple[Tensor, ...], expected: list[NDArray[Any]]
) -> list[NDArray[np.bool_]]:
    """Return where the nets answer alike when their input changes in its last digits."""
    random = torch.Generator().manual_seed(0)
    moved = [np.zeros_like(each) for each in expected]
    for _ in range(_SHAKES):
        shaken = [
            each + _SHAKE * (2 * torch.rand(each.shape, generator=random) - 1) for each in inputs
        ]
        with torch.no_grad():
            answers = [each.numpy() for each in graph(*shaken)]
        moved = [
            np.maximum(before, np.abs(one - two))
            for before, one, two in zip(moved, expected, answers, strict=True)
        ]
    return [each <= TOLERANCE / 4 for each in moved]
