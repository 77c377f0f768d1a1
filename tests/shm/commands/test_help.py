"""What ``--help`` promises: it fits, and each option tells its default, under a topic."""

import click
import pytest
from click.testing import CliRunner

from shm.cli import LazyGroup, data, shm
from shm.commands.topics import TopicCommand, topic_of

WIDTH = 100

EACH = [
    (group, name) for group in (data, shm) for name in group.list_commands(click.Context(group))
]
COMMANDS = pytest.mark.parametrize(
    ("group", "name"), EACH, ids=[f"{group.name}-{name}" for group, name in EACH]
)


def loaded(group: LazyGroup, name: str) -> click.Command:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return command


def options_of(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]


@pytest.mark.parametrize("columns", [80, WIDTH])
@COMMANDS
def test_help_fits_and_begins_with_what_the_command_does(
    group: LazyGroup, name: str, columns: int
) -> None:
    done = CliRunner().invoke(group, [name, "--help"], terminal_width=columns, color=False)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert lines[0].startswith("Usage:")
    assert lines[2].strip()


@COMMANDS
def test_each_option_that_takes_a_value_tells_its_default(group: LazyGroup, name: str) -> None:
    command = loaded(group, name)
    context = click.Context(command, info_name=name, show_default=True)
    for option in options_of(command):
        record = option.get_help_record(context)
        assert record is not None
        assert record[1], option.opts
        silent = not option.is_flag and "[default:" not in record[1]
        assert not silent or "required]" in record[1], record


@COMMANDS
def test_options_stand_under_topics(group: LazyGroup, name: str) -> None:
    command = loaded(group, name)
    options = options_of(command)
    assert isinstance(command, TopicCommand) or not options
    assert not [option.name for option in options if topic_of(option) is None]


@COMMANDS
def test_each_command_can_be_quiet_and_speak_json(group: LazyGroup, name: str) -> None:
    known = {opt for option in options_of(loaded(group, name)) for opt in option.opts}
    if name != "completion":  # it has nothing to say but what it prints
        assert {"--quiet", "-q", "--json"} <= known


@pytest.mark.parametrize("group", [data, shm], ids=["shm-data", "shm"])
def test_commands_stand_by_topic_in_the_order_of_use_with_whole_sentences(group: LazyGroup) -> None:
    told = CliRunner().invoke(group, ["--help"], terminal_width=80).output
    names = group.list_commands(click.Context(group))
    places = [told.index(f"\n  {name} ") for name in names]
    assert places == sorted(places)
    assert names[0] in ("sample", "demo")
    assert "..." not in told.partition("\n")[2]


def test_a_command_that_is_not_there_is_answered_with_the_one_that_is_meant() -> None:
    for name, told in (
        ("prepar", "Did you mean prepare?"),
        ("train", "That is: shm train."),
        ("trian", "Did you mean shm train?"),
    ):
        found = CliRunner().invoke(data, [name])
        assert found.exit_code == 2
        assert told in found.output
