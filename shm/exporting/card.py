"""What stands beside exported nets: what they are, what they learnt from, and what they can't."""

from collections.abc import Mapping, Sequence
from typing import Any

from shm.checkpoint import Metadata
from shm.exporting.parity import Parity
from shm.metrics import METRICS

_LIMITS = """\
- They were trained to find people, and mark nothing else reliably.
- Figures are means over the validation people of one store: other cameras, light, poses, skin and
  hair than those may be matted worse. Measure on your own: `shm evaluate`.
- What T-Net takes for certain M-Net can't mend: a limb that it misses is missing in the matte.
- An alpha is an opacity. It names nobody and tells nothing about who is seen.
"""


_HOW = """\
`image` is float32 (B, 3, H, W), RGB in [0, 1], of any size from 32 pixels a side; the nets were
validated at a longer side of at most {max_side} pixels. `trimap`, where there is one, is float32
(B, 3, H, W): the probabilities of background, unknown and foreground. `alpha` is the matte,
(B, 1, H, W) in [0, 1]; `raw_alpha` what the matting net says before the trimap overrules it;
`trimap_probabilities` the trimap that was used. Or: `shm predict FOLDER photos -o mattes`."""


def model_card(
    metadata: Metadata,
    *,
    source: str,
    files: Mapping[str, Sequence[Parity]],
    max_side: int,
    version: str,
) -> str:
    """Return a model card (Mitchell et al. 2019, arXiv 1810.03993) as Markdown.

    Parameters
    ----------
    metadata : Metadata
        Of the checkpoint.
    source : str
        The checkpoint's file name.
    files : dict
        What was exported: file names, and how far each one's answers are from the nets'.
    max_side : int
        Longer side in pixels at which the nets were validated.
    version : str
        Of this software.
    """
    model, config = metadata.model, metadata.config
    nets = " and ".join(name for name in (model.tnet, model.mnet, model.dim) if name)
    sections = {
        "": (
            f"Image matting: a photo of people in, their opacity out. Exported by shm {version} "
            f"from `{source}`, phase `{metadata.phase}`, step {metadata.step}."
        ),
        "Files": _files(files),
        "How to run them": _HOW.format(max_side=max_side),
        "Recipe": (
            f"Preset `{config.get('preset', 'unknown')}`, seed {config.get('seed', 'unknown')}; "
            f"width {model.width:g}; fusion {'on' if model.fusion else 'off'}. Loss: "
            f"{_losses(config)}."
        ),
        "Data": "\n\n".join(filter(None, (_data(metadata.stores), _started(metadata.start)))),
        "Figures": _figures(metadata.figures),
        "Limits": _LIMITS.strip(),
    }
    parts = [f"## {title}\n\n{text}" if title else text for title, text in sections.items()]
    return "\n\n".join([f"# {nets}", *parts]) + "\n"


def _files(files: Mapping[str, Sequence[Parity]]) -> str:
    lines = []
    for name, parities in files.items():
        told = ", ".join(map(str, parities))
        lines.append(f"- `{name}`" + (f"; largest difference from the nets {told}" if told else ""))
    return "\n".join(lines)


def _losses(config: Mapping[str, Any]) -> str:
    losses = config.get("losses", {})
    told = [f"{name} {losses[name]}" for name in ("distance", "region", "gamma") if name in losses]
    return ", ".join(told) or "unknown"


def _data(stores: Sequence[Mapping[str, Any]]) -> str:
    if not stores:
        return "The checkpoint doesn't tell which stores it was trained on."
    lines = [
        f"- `{each['name']}`, {each['kind']}, SHA-256 `{each['sha256'][:16]}…`: "
        f"{each['samples']['train']} samples to train on"
        + (f", weight {each['weight']:g}" if len(stores) > 1 else "")
        for each in stores
    ]
    validated = stores[0]["samples"]["validation"]
    if validated:
        of = " of the first of these stores" if len(stores) > 1 else ""
        lines.append(f"- validated on {validated} samples of other people{of}")
    return "\n".join(lines)


def _started(start: Mapping[str, Any]) -> str:
    lines = []
    for net, report in start.items():
        if "source" in report:
            counts = f"{len(report['loaded'])} tensors loaded, {len(report['fresh'])} at random"
            lines.append(f"- {net} began with {report['source']}: {counts}")
        else:
            told = ", ".join(f"{name} {value}" for name, value in report.items())
            lines.append(f"- {net} began with {told}")
    return "\n".join(lines)


def _figures(figures: Mapping[str, Mapping[str, float]]) -> str:
    if not figures:
        return "It was never validated."
    names = [name for name in METRICS if name in next(iter(figures.values()))]
    lines = [
        f"| validation, SAD ÷ 1000 | {' | '.join(name.upper() for name in names)} |",
        "| --- " * (len(names) + 1) + "|",
    ]
    for region, row in figures.items():
        lines.append(f"| {region} | {' | '.join(f'{row[name]:.4g}' for name in names)} |")
    return "\n".join(lines)
