"""Exported nets, run by onnxruntime: no weights of PyTorch's, no code from the file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shm.pipeline.errors import ShmError
from shm.prediction.network import Output

PHOTO = "photo"
PHOTO_AND_TRIMAP = "photo-and-trimap"
GRAPHS = (PHOTO, PHOTO_AND_TRIMAP)
"""Names of an exported model's graphs, which say what they take; files are called by them."""

METADATA = "shm"
"""Key of what an ONNX file of ours tells of itself: JSON."""

FORMAT = 1


class OnnxError(ShmError, RuntimeError):
    """An ONNX file is missing, damaged, or another program's; or onnxruntime isn't installed."""


class OnnxNetwork:
    """Exported nets; see `shm.prediction.Network`.

    Parameters
    ----------
    path : Path
        A file that `shm export` wrote, or the folder with both.
    device : torch.device
        CUDA where onnxruntime has it.

    Raises
    ------
    OnnxError
        See there.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        folder = path if path.is_dir() else path.parent
        whole = [f"{name}.onnx" for name in GRAPHS]
        # Of a photo's graph the other half is taken, too, where it was not left behind.
        wanted = whole if path.is_dir() or path.name == whole[0] else [path.name]
        self.files = [folder / name for name in wanted if (folder / name).is_file()]
        if not self.files:
            raise OnnxError(f"{path}: no {' or '.join(whole)} there")
        self._sessions = {
            _takes(session): session for session in map(self._open(device), self.files)
        }
        known = [_metadata(*each) for each in zip(self._sessions.values(), self.files, strict=True)]
        self.metadata = known[0]
        if any(each["weights"] != known[0]["weights"] for each in known):
            raise OnnxError(f"{folder}: its files are of different nets: export one into it anew")
        self.provider: str = next(iter(self._sessions.values())).get_providers()[0]
        self.device = device
        self.needs_trimap = 1 not in self._sessions
        self.takes_trimap = 2 in self._sessions
        self.trusts_trimap = bool(self.metadata["trusts_trimap"])

    @staticmethod
    def _open(device: torch.device) -> Any:  # noqa: ANN401 - onnxruntime has no types
        try:
            import onnxruntime
        except ImportError as error:
            raise OnnxError(
                "running ONNX files needs onnxruntime: pip install 'shm-matting[onnx]'"
            ) from error
        available = onnxruntime.get_available_providers()
        cuda = device.type == "cuda" and "CUDAExecutionProvider" in available
        providers = [*(["CUDAExecutionProvider"] if cuda else []), "CPUExecutionProvider"]

        def opened(file: Path) -> Any:  # noqa: ANN401
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4  # what is wrong comes as an error, in our words
            try:
                return onnxruntime.InferenceSession(file.read_bytes(), options, providers)
            except OSError as error:
                raise OnnxError(f"{file}: {error.strerror}") from error
            except Exception as error:  # onnxruntime's own kinds have no common root
                raise OnnxError(f"{file}: damaged, or no ONNX file") from error

        return opened

    def predict(self, images: Tensor, trimaps: Tensor | None = None) -> Output:
        """Predict a batch; see `shm.prediction.Network`."""
        if trimaps is None:
            found = self._run(1, None, {"image": images.numpy()})
        else:
            found = self._run(2, None, {"image": images.numpy(), "trimap": trimaps.numpy()})
        return Output(*map(torch.from_numpy, found))

    def predict_trimaps(self, images: Tensor) -> Tensor:
        """Predict trimap probabilities with T-Net alone."""
        (found,) = self._run(1, ["trimap_probabilities"], {"image": images.numpy()})
        return torch.from_numpy(found)

    def _run(
        self, inputs: int, outputs: list[str] | None, feed: dict[str, np.ndarray[Any, Any]]
    ) -> list[np.ndarray[Any, Any]]:
        import onnxruntime

        session = self._sessions[inputs]
        options = onnxruntime.RunOptions()
        options.only_execute_path_to_fetches = True  # M-Net needn't run for T-Net's answer
        options.log_severity_level = 4
        found: list[np.ndarray[Any, Any]] = session.run(outputs, feed, options)
        return found


def _takes(session: Any) -> int:  # noqa: ANN401
    return len(session.get_inputs())


def _metadata(session: Any, file: Path) -> dict[str, Any]:  # noqa: ANN401
    """Return what `shm export` kept in the file."""
    text = session.get_modelmeta().custom_metadata_map.get(METADATA)
    try:
        found = json.loads(text or "")
        known = {
            "max_side": int(found["max_side"]),
            "trusts_trimap": bool(found["trusts_trimap"]),
            "weights": str(found["weights"]),
        }
        if found["format"] != FORMAT:
            raise OnnxError(
                f"{file}: of format {found['format']}, this version reads {FORMAT}: export it anew"
            )
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, OnnxError):
            raise
        raise OnnxError(
            f"{file}: not made by `shm export`: it doesn't say what it takes"
        ) from error
    return dict(found) | known
