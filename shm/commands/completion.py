"""``shm completion``."""

import click
from click.shell_completion import get_completion_class

PROGRAMS = ("shm", "shm-data")


@click.command(short_help="Print what makes your shell complete all this.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete shm and shm-data: commands, options, choices, files.

    One line in the file that your shell reads when it starts:

    \b
    bash   ~/.bashrc                     eval "$(shm completion bash)"
    zsh    ~/.zshrc, after compinit      eval "$(shm completion zsh)"
    fish   ~/.config/fish/config.fish    shm completion fish | source

    Of a virtual environment give the full path of its shm: a new shell is not in it yet.
    """  # noqa: D301
    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"nothing is known of {shell}")
    for program in PROGRAMS:
        variable = f"_{program.replace('-', '_').upper()}_COMPLETE"
        # Of the commands nothing is asked here: the shell asks the program, at each tab.
        click.echo(completion(context.find_root().command, {}, program, variable).source())
