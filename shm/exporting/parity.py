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


@dataclass(frozen=True, kw_only=True)
class Parity:
    """The largest difference at one size."""

    size: tuple[int, int]
    difference: float

    def __str__(self) -> str:
        return f"{self.size[1]}×{self.size[0]}: {self.difference:.1e}"


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
    found = []
    for number, size in enumerate(SIZES):
        inputs = example(graph.given, size, batch=1 + number % 2, seed=number)
        with torch.no_grad():
            expected = graph(*inputs)
            try:
                answers = answer(inputs)
            except Exception as error:
                told = f"{name}: fails at {size[1]}×{size[0]} ({str(error)[:200]})"
                raise ExportError(told) from error
        apart = [np.abs(one.numpy() - two) for one, two in zip(expected, answers, strict=True)]
        difference = float(np.max([each.max() for each in apart]))  # NaN where one is
        found.append(Parity(size=size, difference=difference))
        if not difference <= TOLERANCE:
            raise ExportError(
                f"{name}: answers otherwise than the nets, by {difference:.1e} at "
                f"{size[1]}×{size[0]} where {TOLERANCE:g} is allowed; it was not written"
            )
    return found
