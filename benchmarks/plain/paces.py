"""How quickly each side of `benchmarks/training.py` trains, and what it holds meanwhile."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from benchmarks.common.memory import forget_peak, give_back, peak
from benchmarks.plain.batches import plain_batches
from benchmarks.plain.plan import Plan
from benchmarks.plain.step import PlainStep
from shm.training.phase_checkpoint import PhaseCheckpoints
from shm.training.phases import Phase
from shm.training.ranks import Ranks
from shm.training.step import TrainingStep
from shm.training.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Samples a second of the step alone and when fed, its share of waiting, most bytes held."""

    step: float
    fed: float
    waits: float
    held: float


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When it is, and how many seconds have gone into waiting for data."""

    now: float
    waited: float


def measure(side: str, plan: Plan) -> dict[Phase, Pace]:
    """Train each phase from random weights for some steps, by one of `SIDES`."""
    if plan.threads:
        torch.set_num_threads(plan.threads)
    gc.freeze()  # libraries are for ever, and slow to look through again and again
    found = {}
    for phase in plan.phases:
        forget(plan.device)
        found[phase] = SIDES[side](phase, plan)
    gc.unfreeze()
    return found


def our_pace(phase: Phase, plan: Plan) -> Pace:
    """Measure our side: `TrainingStep` alone, then the loop of `shm train` with it."""
    config, settings = plan.config, plan.config.phase(phase)
    model = plan.model(phase).to(memory_format=plan.layout)
    take = TrainingStep(phase, config, model, torch.device(plan.device), Ranks())
    batches, rate = list(islice(plan.batches(phase), take.parts)), settings.optimiser.learning_rate
    step = alone_pace(lambda number: take(batches, number, rate), settings.batch, plan)
    trainer = Trainer(take, PhaseCheckpoints(Path(), phase, config, ""), {})
    moments: list[Moment] = []

    def look(number: int, _losses: object) -> None:
        if number in (plan.warm, plan.warm + plan.steps):
            plan.synchronize()
            moments.append(Moment(now=time.perf_counter(), waited=trainer.waits.waited))

    # Without a log nothing is written, and without validation nothing but steps takes time.
    trainer.run(lambda _: plan.stream(phase, plan.workers), None, None, look)
    return _pace(step, moments, settings.batch, plan)


def plain_pace(phase: Phase, plan: Plan) -> Pace:
    """Measure the baseline: `PlainStep` alone, then in a loop that reads what it trains on."""
    settings = plan.config.phase(phase)
    take = PlainStep(phase, plan.model(phase), plan.config)
    stream = plain_batches(phase, plan.config, plan.feed())
    batches = list(islice(stream, settings.accumulate))
    step = alone_pace(lambda number: take(batches, number), settings.batch, plan)
    waited, moments = 0.0, list[Moment]()
    for number in range(1, plan.warm + plan.steps + 1):
        asked = time.perf_counter()
        batches = list(islice(stream, settings.accumulate))
        waited += time.perf_counter() - asked
        take(batches, number)
        if number in (plan.warm, plan.warm + plan.steps):
            plan.synchronize()
            moments.append(Moment(now=time.perf_counter(), waited=waited))
    return _pace(step, moments, settings.batch, plan)


SIDES: dict[str, Callable[[Phase, Plan], Pace]] = {"ours": our_pace, "plain": plain_pace}


def alone_pace(take: Callable[[int], object], batch: int, plan: Plan) -> float:
    """Return the samples a second of steps on a batch that lies on the device already."""
    for number in range(plan.warm):
        take(number)
    plan.synchronize()
    began = time.perf_counter()
    for number in range(plan.warm, plan.warm + plan.steps):
        take(number)
    plan.synchronize()
    return plan.steps * batch / (time.perf_counter() - began)


def forget(device: str) -> None:
    """Leave nothing of the phase before to be counted."""
    gc.collect()
    give_back()
    forget_peak()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _pace(step: float, moments: Sequence[Moment], batch: int, plan: Plan) -> Pace:
    begin, end = moments
    seconds = end.now - begin.now
    return Pace(
        step=step,
        fed=plan.steps * batch / seconds,
        waits=(end.waited - begin.waited) / seconds,
        held=torch.cuda.max_memory_allocated() if plan.device == "cuda" else peak(),
    )
