"""How commands speak: in colours only where these are wanted, and nothing but errors when quiet."""

import pytest

from tests.terminals import code, in_file, on_terminal

MISUSE = code("from shm.cli import data; data(prog_name='shm-data')", "verify")
SAYING = """
from shm.commands.speech import say, say_next
say("  rejected 'a.jpg': no mask", colour="yellow")
say_next("shm-data", "prepare", "my photos", "people.zarr")
"""


def test_errors_are_red_on_a_terminal() -> None:
    shown = on_terminal(MISUSE)
    assert "\x1b[31mError: Missing argument 'STORE'.\x1b[0m" in shown
    assert shown.startswith("Usage: shm-data verify")


def test_rejects_are_yellow_and_the_next_step_is_bold_on_a_terminal() -> None:
    shown = on_terminal(code(SAYING))
    assert "\x1b[33m  rejected 'a.jpg': no mask\x1b[0m" in shown
    assert "\x1b[1mnext:\x1b[0m shm-data prepare 'my photos' people.zarr" in shown


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_nothing_is_coloured_where_colours_are_not_wanted(variables: dict[str, str]) -> None:
    assert "\x1b" not in on_terminal(MISUSE, **variables)
    assert "\x1b" not in on_terminal(code(SAYING), **variables)


def test_an_empty_no_color_asks_for_nothing() -> None:
    assert "\x1b[31mError" in on_terminal(MISUSE, NO_COLOR="")


def test_a_file_is_coloured_only_where_that_is_forced() -> None:
    assert "\x1b" not in in_file(MISUSE)
    assert "\x1b[31mError" in in_file(MISUSE, FORCE_COLOR="1")
    assert "\x1b" not in in_file(MISUSE, FORCE_COLOR="1", NO_COLOR="1")


def test_names_that_would_drive_a_terminal_are_written_out_in_what_comes_next() -> None:
    told = in_file(code("from shm.commands.speech import say_next; say_next('shm', 'a\\x1b[2Jb')"))
    assert "\x1b" not in told
