"""``shm demo``."""

from pathlib import Path

import click

from shm.commands.options import ANY_PATH, OUTPUT, WholeRange
from shm.commands.speech import print_json, say, say_next, tell
from shm.commands.topics import TopicCommand, topic


@click.command(cls=TopicCommand, short_help="Run the whole chain on generated people.")
@click.argument("folder", type=ANY_PATH, default="demo")
@topic(
    "How much",
    click.option(
        "--people", metavar="COUNT", type=WholeRange(8, 500), default=96, help="How many portraits."
    ),
)
@OUTPUT
def command(folder: Path, people: int, as_json: bool) -> None:
    """Run the whole chain on the sample corpus, in FOLDER, with the light preset.

    Ends with the held-out figures and a contact sheet. A quarter of an hour on two cores; run
    again, it goes on where it stopped.
    """
    from shm.workflows.demo import run_demo

    figures = run_demo(folder, people=people, note=say)
    samples = figures.table[0][1]["samples"]
    if as_json:
        print_json(
            {
                "figures": dict(figures.table),
                "sheet": str(figures.sheet),
                "run": str(folder / "run"),
            }
        )
        return
    say(f"\nOn {samples} composites of people that no net has seen, against their alphas:\n")
    tell(f"{'':16}{'SAD':>9}{'MSE':>9}{'SAD unknown':>13}{'MSE unknown':>13}")
    for name, found in figures.table:
        whole, unknown = found["whole"], found["unknown"]
        tell(
            f"{name:16}{whole['sad']:9.3f}{whole['mse']:9.4f}"
            f"{unknown['sad']:13.3f}{unknown['mse']:13.4f}"
        )
    say(f"\npictures: {figures.sheet}\nnets:     {folder / 'run'}")
    say_next("shm", "predict", folder / "run", "YOUR_PHOTOS", "-o", "cut-outs", "--cutout")
