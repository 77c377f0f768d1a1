"""The processes that train one model together, as torchrun starts them."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from shm.pipeline.errors import ShmError

PATIENCE = timedelta(minutes=30)
"""How long processes wait for each other: one may read a large validation split meanwhile."""


class RanksError(ShmError, RuntimeError):
    """Processes can't train together."""


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """Which process of how many this is; alone unless said otherwise."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether it is this process that talks, and writes."""
        return self.rank == 0

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over all processes."""
        if self.world > 1:
            dist.all_reduce(values)
            values /= self.world
        return values

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Put the mean over all processes into some tensors of floats, which are few and small."""
        mine = list(tensors) if self.world > 1 else []
        if not mine:
            return
        together = self.mean(torch.cat([each.flatten() for each in mine]))
        sizes = [each.numel() for each in mine]
        for each, part in zip(mine, torch.split(together, sizes), strict=True):
            each.copy_(part.view_as(each))

    def gather(self, mine: Any) -> list[Any]:  # noqa: ANN401
        """Return what each process has, in their order, to all of them."""
        if self.world == 1:
            return [mine]
        found: list[Any] = [None] * self.world
        dist.all_gather_object(found, mine)
        return found

    def wait(self) -> None:
        """Wait until all have come here."""
        if self.world > 1:
            dist.barrier()


def in_torchrun() -> bool:
    """Whether torchrun, or what sets the same variables, has started several processes."""
    return (os.environ.get("WORLD_SIZE") or "1") != "1"


def is_first() -> bool:
    """Whether this is the process that talks, before and after it has joined the others."""
    return int(os.environ.get("RANK") or 0) == 0


@contextmanager
def joined(
    choose_device: Callable[[str], torch.device], name: str
) -> Iterator[tuple[Ranks, torch.device]]:
    """Join the other processes, if there are any, each with a GPU of its own or on the processor.

    Parameters
    ----------
    choose_device : callable
    name : str
        Of the device, as `shm.inference.choose_device` reads it; ``"cuda"`` and ``"auto"`` become
        the GPU of this process's local rank.

    Raises
    ------
    RanksError
        There are fewer GPUs than processes on this machine.
    """
    if not in_torchrun():
        yield Ranks(), choose_device(name)
        return
    missing = [each for each in ("RANK", "MASTER_ADDR", "MASTER_PORT") if not os.environ.get(each)]
    if missing:
        raise RanksError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but {', '.join(missing)} is missing: start "
            "with torchrun, or unset WORLD_SIZE to train in one process"
        )
    device = choose_device(name)
    if device.type == "cuda":
        device = _own_gpu(device)
        torch.cuda.set_device(device)
    elif device.type != "cpu":
        raise RanksError(f"several processes train on cuda or cpu, not on {device}: give --device")
    if device.type == "cuda":
        dist.init_process_group("nccl", timeout=PATIENCE, device_id=device)
    else:
        dist.init_process_group("gloo", timeout=PATIENCE)
    try:
        yield Ranks(rank=dist.get_rank(), world=dist.get_world_size()), device
    finally:
        dist.destroy_process_group()


def _own_gpu(device: torch.device) -> torch.device:
    if str(device) != device.type:
        raise RanksError(f"several processes can't share {device}: give --device cuda")
    local, there = int(os.environ.get("LOCAL_RANK") or 0), torch.cuda.device_count()
    if local >= there:
        raise RanksError(
            f"process {local} of this machine finds {there} GPUs: start no more processes than that"
        )
    return torch.device("cuda", local)
