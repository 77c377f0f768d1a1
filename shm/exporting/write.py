"""Graphs as files."""

import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.export import Dim, ExportedProgram
from torch.fx.experimental import _config as tracing

from shm.exporting.errors import ExportError
from shm.exporting.graphs import INPUTS, OUTPUTS, Graph, example
from shm.prediction.onnx import METADATA

OPSET = 18
"""The oldest that has what the nets need: more programs run it."""

_TRACED_AT = (97, 213)
"""Multiples of no net's stride: padding, which other sizes need, is traced, too."""


def exported(graph: Graph) -> ExportedProgram:
    """Trace a graph for batches and sizes of any number.

    Raises
    ------
    ExportError
        PyTorch can't trace it.
    """
    inputs = example(graph.given, _TRACED_AT)
    free = {0: Dim.AUTO, 2: Dim.AUTO, 3: Dim.AUTO}
    try:
        # Else sizes that need no padding, or lie in memory otherwise than the example, are refused.
        oblivious = tracing.patch(backed_size_oblivious=True)  # type: ignore[attr-defined]
        with _quiet(), torch.no_grad(), oblivious:
            return torch.export.export(graph, inputs, dynamic_shapes=tuple(free for _ in inputs))
    except Exception as error:  # tracing runs all of the net's code, and fails in as many ways
        raise ExportError(f"the nets can't be traced ({_brief(error)})") from error


def write_program(program: ExportedProgram) -> bytes:
    """Return a program as the bytes of a ``.pt2`` file, which `torch.export.load` reads."""
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def write_onnx(program: ExportedProgram, graph: Graph, metadata: Mapping[str, Any]) -> bytes:
    """Return a program as the bytes of an ONNX file.

    Parameters
    ----------
    program : ExportedProgram
        Of `graph`.
    graph : Graph
    metadata : dict
        Kept in the file as JSON.

    Raises
    ------
    ExportError
        `onnx` and `onnxscript` are missing, or have no words for something.
    """
    inputs = example(graph.given, _TRACED_AT)
    try:
        with _quiet():
            made = torch.onnx.export(
                program,
                inputs,
                dynamo=True,
                input_names=INPUTS[: len(inputs)],
                output_names=OUTPUTS,
                opset_version=OPSET,
                verbose=False,
            )
        assert made is not None  # noqa: S101 - as it is with dynamo
        proto = made.model_proto
    except ImportError as error:
        raise ExportError(
            f"ONNX needs what is not installed here ({error.name}): pip install 'shm-matting[onnx]'"
        ) from error
    except Exception as error:
        raise ExportError(f"ONNX has no words for these nets ({_brief(error)})") from error
    entry = proto.metadata_props.add()
    entry.key, entry.value = METADATA, json.dumps(dict(metadata), sort_keys=True)
    content: bytes = proto.SerializeToString()
    return content


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep PyTorch's exporters from telling what they do on the way."""
    loggers = [logging.getLogger(name) for name in ("torch", "onnx_ir", "onnxscript")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)


def _brief(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
