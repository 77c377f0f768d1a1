"""How far exported nets answer from the nets themselves: every registered one, and every preset.

Weights are random, but batch norms have the statistics of a few batches, and residual branches are
weak: deep nets of random weights would else tell nothing but how float32 rounds. `alpha's
deviation` says how much the mattes vary: one that is the same everywhere shows nothing; `rounding`
how far the nets are from themselves in float64; `steady %` on how much of the least steady answer
could be compared (see `shm.exporting.Parity`).

    python benchmarks/parity.py
"""

import copy
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees its own folder only

from benchmarks.common.table import finite, show
from shm.exporting import TOLERANCE, ExportError, check_parity, check_program, graphs_of, write_onnx
from shm.exporting.graphs import Graph, example
from shm.exporting.write import exported, write_program
from shm.models import DIMS, MNETS, TNETS, MattingModel, ModelConfig, build_model
from shm.prediction.onnx import FORMAT
from shm.training.presets import PRESETS, load_recipe

Row = dict[str, Any]

_RESIDUE = 0.2
"""Weight of residual branches. With 1, a random PSPNet-101 in float32 is 2e-4 from itself in
float64, which is twice what exports are allowed."""

ABOUT = {"format": FORMAT, "max_side": 1500, "trusts_trimap": True, "weights": "random"}


def models(*, quick: bool) -> Iterator[tuple[str, ModelConfig]]:
    """Yield a name and a configuration for each net alone, and for each preset."""
    if quick:
        yield "mnet light", ModelConfig(mnet="light", width=0.25)
        return
    for name in TNETS:
        yield f"tnet {name}", ModelConfig(tnet=name)
    for name in MNETS:
        yield f"mnet {name}", ModelConfig(mnet=name)
    for name in DIMS:
        yield f"dim {name}", ModelConfig(dim=name)
        yield f"dim {name}, skips", ModelConfig(dim=name, skips=True)
    for name in PRESETS:
        yield f"preset {name}", load_recipe(name).model


def built(config: ModelConfig) -> MattingModel:
    """Build nets of random weights that answer in numbers of the size that trained ones do."""
    torch.manual_seed(0)
    model = build_model(config)
    for each in model.modules():
        if isinstance(each, Bottleneck | BasicBlock):
            last = each.bn3 if isinstance(each, Bottleneck) else each.bn2
            nn.init.constant_(last.weight, _RESIDUE)
    norms = [each for each in model.modules() if isinstance(each, nn.BatchNorm2d)]
    for each in norms:
        each.momentum = None  # the mean of all batches
    if norms:
        (graph, *_) = graphs_of(model).values()
        graph.train()
        with torch.no_grad():
            for seed in range(4):
                graph(*example(graph.given, (160, 160), batch=4, seed=seed))
    return model


def measured(name: str, graph_name: str, graph: Graph) -> Row:
    """Export one graph both ways; return the largest differences at three sizes."""
    began = time.perf_counter()
    with torch.no_grad():
        inputs = example(graph.given, (193, 127))
        alpha, *others = graph(*inputs)
        exact = copy.deepcopy(graph).double()(*(each.double() for each in inputs))
        rounding = [
            (one - two).abs().max() for one, two in zip((alpha, *others), exact, strict=True)
        ]
        program = exported(graph)
        onnx = check_parity(graph, write_onnx(program, graph, ABOUT), name)
        saved = check_program(graph, write_program(program), name)
    return {
        "model": name,
        "graph": graph_name,
        "onnx / 1e-6": 1e6 * max(each.difference for each in onnx),
        "pt2 / 1e-6": 1e6 * max(each.difference for each in saved),
        "steady %": 100 * min(each.steady for each in (*onnx, *saved)),
        "rounding / 1e-6": 1e6 * float(max(rounding)),
        "alpha's deviation": float(alpha.std()),
        "seconds": time.perf_counter() - began,
    }


@click.command()
@click.option("--quick", is_flag=True, help="One small net, to see that it runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the rows here.")
def main(quick: bool, json_path: Path | None) -> None:
    """Print the largest differences between exported nets and the nets."""
    rows = []
    for name, config in models(quick=quick):
        for graph_name, graph in graphs_of(built(config)).items():
            try:
                rows.append(measured(name, graph_name, graph))
            except ExportError as error:
                rows.append({"model": name, "graph": graph_name, "failed": str(error)})
            click.echo(f"{name}, {graph_name}: {list(rows[-1].values())[2]}", err=True)
    show(rows)
    click.echo(f"allowed: {TOLERANCE:g}")
    if json_path is not None:
        json_path.write_text(json.dumps(finite(rows), indent=2))


if __name__ == "__main__":
    main()
