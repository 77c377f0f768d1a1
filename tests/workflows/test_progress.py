"""How commands show how far they are: on a terminal, in a file, or not at all."""

import re

import pytest

from shm.workflows.progress import rate_words, time_words
from tests.terminals import code, in_file, on_terminal

WORK = """
import time
from shm.workflows import progress
progress.EVERY, progress.SHORT = {every}, {short}
with progress.progress("prepare", 40, "photo", done=10) as bar:
    bar.begin()
    for number in range(30):
        time.sleep(0.01)
        bar.advance(rejected=number % 10 == 0)
"""
SLOW, QUICK = WORK.format(every=0.05, short=0.1), WORK.format(every=10, short=10)

LINE = re.compile(
    r"prepare: \d+ of 40 photos \(\d+ %\), [\d.]+ a second, \d+ s left(, \d rejected)?"
)


def test_a_file_gets_whole_lines_with_rate_time_left_and_rejects() -> None:
    told = in_file(code(SLOW))
    assert "\r" not in told
    assert told.endswith("\n")
    *lines, last = told.splitlines()
    assert len(lines) >= 2
    assert all(LINE.fullmatch(line) for line in lines), lines
    assert re.fullmatch(
        r"prepare: 40 of 40 photos \(100 %\) in 1 s, [\d.]+ a second, 3 rejected", last
    )


def test_a_file_gets_no_line_of_work_that_is_over_at_once() -> None:
    assert in_file(code(QUICK)) == ""


def test_a_terminal_has_a_live_bar_with_the_rejects_in_yellow() -> None:
    shown = on_terminal(code(QUICK))
    assert shown.count("\r") > 1
    assert "40/40" in shown
    assert "photo/s, \x1b[33m3 rejected\x1b[0m" in shown


def test_a_terminal_without_colours_has_a_plain_bar() -> None:
    shown = on_terminal(code(QUICK), NO_COLOR="1")
    assert "3 rejected" in shown
    assert "\x1b[" not in shown


def test_a_terminal_that_cannot_write_over_a_line_gets_whole_lines() -> None:
    shown = on_terminal(code(SLOW), TERM="dumb")
    assert "\r" not in shown
    assert "\x1b" not in shown
    assert LINE.match(shown)


def test_what_is_mostly_over_at_once_has_a_bar_only_where_it_is_not() -> None:
    brief = "import time; from shm.workflows.progress import watched\n"
    brief += "for _ in watched('compare', 'photo', range(4)): time.sleep({})"
    assert on_terminal(code(brief.format(0.001))) == ""
    assert "4/4" in on_terminal(code(brief.format(0.4)))


def test_who_goes_on_from_a_step_is_not_shown_the_pace_of_the_run_before() -> None:
    resumed = """
import time
from shm.workflows import progress
progress.SHORT = 0.05
with progress.progress("tnet", 5000, "step") as bar:
    for step in range(4000, 4021):
        time.sleep(0.01)
        bar.reach(step, {"loss": 0.12345})
"""
    told = in_file(code(resumed))
    found = re.fullmatch(
        r"tnet: 4020 of 5000 steps \(80 %\) in 1 s, ([\d.]+) a second, loss 0.1235\n", told
    )
    assert found is not None, told
    assert 1 < float(found[1]) < 101


def test_a_note_does_not_stand_in_the_middle_of_a_bar() -> None:
    noting = """
from shm.commands.speech import say
from shm.workflows.progress import progress
with progress("predict", 2, "photo") as bar:
    bar.advance()
    say("  a.jpg: not a picture")
    bar.advance()
"""
    lines = re.split("[\r\n]+", on_terminal(code(noting)))
    assert "  a.jpg: not a picture" in lines


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (89, "89 s"),
        (720, "12 min"),
        (8220, "2 h 17 min"),
        (35_999, "10 h 0 min"),
        (270_000, "3 days 3 h"),
    ],
)
def test_a_duration_is_told_as_people_tell_it(seconds: float, words: str) -> None:
    assert time_words(seconds) == words


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (1234.5, "1234 a second"),
        (4.12, "4.1 a second"),
        (0.2, "12 a minute"),
        (1e-3, "3.6 an hour"),
    ],
)
def test_a_rate_is_told_in_a_span_in_which_something_is_done(rate: float, words: str) -> None:
    assert rate_words(rate) == words
