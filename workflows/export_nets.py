"""A checkpoint out as files that other programs run, checked before they are written."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from shm import __version__
from shm.checkpoint import load_model, read_metadata, resolve
from shm.datasets.files import require_place, write_bytes
from shm.exporting import (
    Parity,
    check_parity,
    check_program,
    graphs_of,
    model_card,
    write_onnx,
    write_program,
)
from shm.exporting.write import exported
from shm.inference import MAX_SIDE
from shm.models import SemanticHumanMatting
from shm.prediction.onnx import FORMAT, GRAPHS
from shm.workflows.lock import locked
from shm.workflows.progress import progress

CARD = "MODEL_CARD.md"
"""What stands beside the files."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The files that were written, and how far each one's answers are from the nets'."""

    files: tuple[Path, ...]
    parity: dict[str, list[Parity]]

    def as_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return {
            "files": [str(file) for file in self.files],
            "parity": {
                name: [{"size": list(each.size), "difference": each.difference} for each in found]
                for name, found in self.parity.items()
            },
        }


def export_nets(
    checkpoint: Path, target: Path, formats: tuple[str, ...], note: Callable[[str], None]
) -> Exported:
    """Write a checkpoint's graphs and their model card into a folder.

    Each file is compared with the nets at three sizes, and written only if it answers alike. What
    an earlier export left in the folder is deleted.

    Raises
    ------
    shm.exporting.ExportError
        The nets can't be exported, or a file answers otherwise.
    shm.checkpoint.CheckpointError
        There is no such checkpoint, or it is damaged.
    """
    require_place(target / CARD)
    file = resolve(checkpoint)
    metadata, model = read_metadata(file), load_model(file)
    max_side = int(metadata.config.get("max_side", MAX_SIDE))
    about = {
        "format": FORMAT,
        "version": __version__,
        "max_side": max_side,
        "trusts_trimap": model.fusion if isinstance(model, SemanticHumanMatting) else True,
        "phase": metadata.phase,
        "step": metadata.step,
        "weights": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    contents: dict[str, bytes] = {}
    parity: dict[str, list[Parity]] = {}
    graphs = graphs_of(model)
    with progress("export", len(graphs) * len(formats), "file") as bar, torch.no_grad():
        for name, graph in graphs.items():
            program = exported(graph)
            if "program" in formats:
                made = f"{name}.pt2"
                contents[made] = write_program(program)
                parity[made] = check_program(graph, contents[made], made)
                note(
                    f"{made}: largest difference from the nets {', '.join(map(str, parity[made]))}"
                )
                bar.advance()
            if "onnx" in formats:
                made = f"{name}.onnx"
                contents[made] = write_onnx(program, graph, about)
                parity[made] = check_parity(graph, contents[made], made)
                note(
                    f"{made}: largest difference from the nets {', '.join(map(str, parity[made]))}"
                )
                bar.advance()
    card = model_card(
        metadata,
        source=file.name,
        files={name: parity.get(name, ()) for name in contents},
        max_side=max_side,
        version=__version__,
    )
    contents[CARD] = card.encode()
    with locked(target, "shm export", inside=True):
        for name in GRAPHS:
            for suffix in (".onnx", ".pt2"):  # of an earlier export: other nets than these
                (target / f"{name}{suffix}").unlink(missing_ok=True)
        for name, content in contents.items():
            write_bytes(target / name, content)
    return Exported(files=tuple(target / name for name in contents), parity=parity)


def _told(name: str, found: list[Parity]) -> str:
    return f"{name}: largest difference from the nets {', '.join(map(str, found))}"
