import math

import pytest

from shm.training.checks import ConfigError
from shm.training.schedule import Progress, ScheduleConfig


def test_a_cosine_rises_over_its_warm_up_and_falls_to_nearly_nothing() -> None:
    schedule = ScheduleConfig(kind="cosine", warmup=10)
    rates = [schedule.share(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx((1 + math.cos(math.pi * 0.09)) / 2)
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] < 0.001


def test_a_constant_rate_is_one() -> None:
    assert {ScheduleConfig().share(step, 7) for step in range(7)} == {1.0}


def test_steps_exponentials_and_polynomials_fall_as_they_are_written() -> None:
    stairs = ScheduleConfig(kind="step", every=3, factor=0.5)
    assert [stairs.share(step, 9) for step in (0, 2, 3, 6)] == [1, 1, 0.5, 0.25]
    slope = ScheduleConfig(kind="exponential", every=2, factor=0.25)
    assert [slope.share(step, 9) for step in (0, 1, 2, 4)] == [1, 0.5, 0.25, 0.0625]
    power = ScheduleConfig(kind="polynomial", power=2)
    assert [power.share(step, 4) for step in range(4)] == [1, 0.75**2, 0.5**2, 0.25**2]


def test_a_plateau_lowers_the_rate_each_time_patience_ends() -> None:
    schedule = ScheduleConfig(kind="plateau", patience=2, factor=0.1)
    progress = Progress()
    bests = [progress.add(sad, schedule) for sad in (5.0, 6.0, 5.5, 4.0, 4.0, 4.1, 9.0)]
    assert bests == [True, False, False, True, False, False, False]
    assert (progress.best, progress.since_best, progress.lowered) == (4.0, 3, 2)
    assert progress.share(schedule) == pytest.approx(0.01)
    assert Progress(**progress.state()) == progress
    assert progress.share(ScheduleConfig()) == 1


def test_an_unknown_schedule_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="kind is 'linear'"):
        ScheduleConfig(kind="linear")  # type: ignore[arg-type]
