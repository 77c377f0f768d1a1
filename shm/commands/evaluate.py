"""``shm evaluate``."""

from pathlib import Path

import click

from shm.commands.options import ANY_PATH, JSON, print_json, say


@click.command()
@click.argument("checkpoint")
@click.argument("store", type=ANY_PATH)
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    help="Which samples.",
)
@click.option("--csv", "csv_path", type=ANY_PATH, help="Write a line for each sample to this file.")
@click.option("--sheet", type=ANY_PATH, help="Write pictures of the first samples to this PNG.")
@click.option(
    "--max-side",
    type=click.IntRange(min=32),
    help="Longer side at which to predict, pixels.  [default: the preset's]",
)
@click.option("--device", default="auto", help="cpu, cuda, mps or auto.")
@JSON
def command(
    checkpoint: str,
    store: Path,
    split: str,
    csv_path: Path | None,
    sheet: Path | None,
    max_side: int | None,
    device: str,
    as_json: bool,
) -> None:
    """Score CHECKPOINT on the samples of STORE.

    CHECKPOINT is a .safetensors file, a phase's folder or a run's; ``untrained:light`` scores the
    nets of a preset as they start. SAD is a sum over pixels ÷ 1000, MSE and MAD are means; alpha
    in [0, 1]; over the whole image and over the unknown region of the true trimap.
    """
    from shm.workflows.evaluate import evaluate

    found = evaluate(checkpoint, store, split=split, device=device, max_side=max_side, sheet=sheet)
    if csv_path is not None:
        csv_path.write_text(found.as_csv(), encoding="utf-8")
    if as_json:
        print_json(found.as_json())
        return
    say(f"{checkpoint} on {len(found.rows)} samples of {store} ({split})")
    click.echo(f"{'':10}{'SAD':>10}{'MSE':>10}{'MAD':>10}")
    for region, figures in found.means().items():
        values = (figures["sad"], figures["mse"], figures["mad"])
        click.echo(f"{region:10}" + "".join(f"{value:10.4f}" for value in values))
