"""Texts that people write or paste: recipes of training, settings, options of the commands."""

from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files

from shm.commands.train import read_mix
from shm.datasets.splits import SplitConfig
from shm.datasets.storage.location import locate
from shm.pipeline.errors import ShmError
from shm.pipeline.placement import parse_moves
from shm.pipeline.ranges import parse_range
from shm.pipeline.trimap import Reach
from shm.training.presets import PRESETS, load_recipe, to_toml
from tests.faults.fuzz.mutation import bend_text
from tests.faults.fuzz.scratch import scratch
from tests.faults.fuzz.target import Target


def read_recipe(data: bytes) -> None:
    """Load a recipe; what is loaded is written so that it is loaded again."""
    file = scratch("recipe") / "recipe.toml"
    file.write_bytes(data)
    config = load_recipe(str(file))
    file.write_text(to_toml(config), encoding="utf-8")
    assert load_recipe(str(file)) == config


@cache
def recipe_seeds() -> Sequence[bytes]:
    """Return the recipes that come with the software."""
    package = files("shm.training.presets")
    return [package.joinpath(f"{name}.toml").read_bytes() for name in PRESETS]


def read_setting(data: bytes) -> None:
    """Change a recipe by settings, one a line."""
    config = load_recipe("light", data.decode("utf-8", "surrogateescape").split("\n"))
    file = scratch("setting") / "recipe.toml"
    file.write_text(to_toml(config), encoding="utf-8")
    assert load_recipe(str(file)) == config


def setting_seeds() -> Sequence[bytes]:
    """Return settings of every kind of value."""
    return (
        b"losses.gamma=0.5\nphases.*.batch=4",
        b"phases.tnet.crop_sizes=[128, 192]\nphases.tnet.optimiser.schedule={kind='cosine'}",
        b"loop.precision=bf16\nmodel.fusion=false\nweights.tnet=/a.safetensors\nseed=7",
    )


def read_option(data: bytes) -> None:
    """Read a text as every option of the commands that is one."""
    text = data.decode("utf-8", "surrogateescape")
    refused = [_refusal(parse, text) for parse in (Reach.parse, SplitConfig.parse, parse_range)]
    refused += [_refusal(parse, text) for parse in (parse_moves, locate, read_mix)]
    assert all(reason is None or 0 < len(reason) < 2000 for reason in refused)


def _refusal(parse: Callable[[str], object], text: str) -> str | None:
    try:
        parse(text)
    except ShmError as error:
        return str(error)
    return None


def option_seeds() -> Sequence[bytes]:
    """Return options that commands take."""
    return (
        *(b"12px", b"1.5%", b"80/10/10", b"0.8,0.1,0.1", b"0.5,2", b"move,scale", b"keep"),
        *(b"s3://bucket/train.zarr", b"https://host/a.zarr=0.5", b"file:///a/b", b"memory://a"),
        *(b"gs://user:word@bucket/a", b"https://[::1]:80/a?b#c", b"a.zarr=2", b"zip::s3://a/b"),
    )


TARGETS = {
    "recipe": Target(run=read_recipe, seeds=recipe_seeds, mutate=bend_text, max_length=4096),
    "setting": Target(run=read_setting, seeds=setting_seeds, mutate=bend_text, max_length=256),
    "option": Target(run=read_option, seeds=option_seeds, mutate=bend_text, max_length=128),
}
