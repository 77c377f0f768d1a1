"""Whether what was exported answers as the nets do."""

from dataclasses import dataclass

import numpy as np
import torch

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
    found = []
    for number, size in enumerate(SIZES):
        inputs = example(graph.given, size, batch=1 + number % 2, seed=number)
        with torch.no_grad():
            expected = graph(*inputs)
        feed = {key: each.numpy() for key, each in zip(INPUTS, inputs, strict=False)}
        try:
            answers = session.run(None, feed)
        except Exception as error:
            raise ExportError(
                f"{name}: fails at {size[1]}×{size[0]} ({str(error)[:200]})"
            ) from error
        difference = max(
            float(np.abs(one.numpy() - other).max())
            for one, other in zip(expected, answers, strict=True)
        )
        found.append(Parity(size=size, difference=difference))
        if not difference <= TOLERANCE:
            raise ExportError(
                f"{name}: answers otherwise than the nets, by {difference:.1e} at "
                f"{size[1]}×{size[0]} where {TOLERANCE:g} is allowed; it was not written"
            )
    return found
