"""Compiling nets for training."""

from contextlib import AbstractContextManager

import torch

from shm.models import MattingModel, MNet, TNet
from shm.models.dim import DeepImageMatting


def compile_nets(model: MattingModel) -> None:
    """Compile what each net computes of its input, at the first batch.

    Names of weights stay as they are. M-Net's crops, which are drawn, and fusion stay outside.
    """
    for module in model.modules():
        match module:
            case TNet():
                names = ["coarse_logits"]
            case MNet():
                names = ["logits"]
            case DeepImageMatting():
                names = ["raw_logits", "refined_logits"]
            case _:
                continue
        for name in names:
            setattr(module, name, torch.compile(getattr(module, name)))


def uncompiled() -> AbstractContextManager[None]:
    """Run compiled nets as they were written: whole samples have a new size each."""
    stance: AbstractContextManager[None] = torch.compiler.set_stance("force_eager")
    return stance
