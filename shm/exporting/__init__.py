"""Trained nets as files that run without this software: ONNX, and PyTorch's exported programs."""

from shm.exporting.card import model_card
from shm.exporting.errors import ExportError
from shm.exporting.graphs import graphs_of
from shm.exporting.parity import SIZES, TOLERANCE, Parity, check_parity, check_program
from shm.exporting.write import write_onnx, write_program

__all__ = [
    "SIZES",
    "TOLERANCE",
    "ExportError",
    "Parity",
    "check_parity",
    "check_program",
    "graphs_of",
    "model_card",
    "write_onnx",
    "write_program",
]
