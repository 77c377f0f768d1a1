"""``shm evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shm.commands.options import ANY_PATH, JSON, STORE, print_json, say

if TYPE_CHECKING:
    from shm.datasets.storage.location import Location


@click.command()
@click.argument("checkpoint")
@click.argument("store", type=STORE)
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    help="Which samples.",
)
@click.option(
    "--trimap",
    type=click.Choice(["auto", "predicted", "true"]),
    default="auto",
    help="What the model is given: T-Net's trimap, or the store's; auto: T-Net's where it has one.",
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
    store: "Location",
    split: str,
    trimap: str,
    csv_path: Path | None,
    sheet: Path | None,
    max_side: int | None,
    device: str,
    as_json: bool,
) -> None:
    """Score CHECKPOINT on the samples of STORE.

    CHECKPOINT is a .safetensors file, a phase's folder or a run's; ``untrained:light`` scores the
    nets of a recipe as they start. SAD, Grad and Conn are sums over pixels ÷ 1000, MSE and MAD are
    means; alpha in [0, 1]; over the whole image and over the unknown region of the true trimap.
    Grad (sigma 1.4, filters of L2 norm 1) and Conn (levels 0.1 apart) follow the evaluation code
    published with Deep Image Matting, but alphas are not stretched.
    """
    from shm.workflows.evaluate import evaluate

    found = evaluate(
        checkpoint,
        store,
        split=split,
        trimap=trimap,
        device=device,
        max_side=max_side,
        sheet=sheet,
    )
    if csv_path is not None:
        csv_path.write_text(found.as_csv(), encoding="utf-8")
    if as_json:
        print_json(found.as_json())
        return
    samples = f"{len(found.rows)} samples of {store} ({split})"
    say(f"{checkpoint} on {samples}, with {found.trimap} trimaps")
    headings = {"sad": "SAD", "mse": "MSE", "mad": "MAD", "grad": "Grad", "conn": "Conn"}
    click.echo(f"{'':10}" + "".join(f"{heading:>10}" for heading in headings.values()))
    for region, figures in found.means().items():
        click.echo(f"{region:10}" + "".join(f"{figures[metric]:10.4f}" for metric in headings))
