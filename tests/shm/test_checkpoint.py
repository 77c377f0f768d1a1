import hashlib
import json
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from shm.checkpoint import (
    CheckpointError,
    Metadata,
    last_metadata,
    load_model,
    load_state,
    load_weights,
    read_metadata,
    remove_leftovers,
    resolve,
    save,
)
from shm.models import MattingModel, ModelConfig, alpha_from_trimap, build_model

METADATA = Metadata(
    phase="end-to-end",
    step=40,
    model=ModelConfig(tnet="mobilenetv2-unet", mnet="light"),
    start={"tnet": {"source": "scratch", "loaded": []}},
    config={"preset": "light", "seed": 3, "betas": [0.9, 0.999]},
    figures={"whole": {"sad": 1.5, "mse": 0.25}},
)
STATE = {"best": 0.5, "sums": {"alpha": 0.1}, "optimiser": {"state": {0: torch.arange(3.0)}}}


def some_weights(fill: float = 0.5) -> dict[str, Tensor]:
    return {"tnet.a": torch.full((2, 3), fill), "mnet.b": torch.arange(4) + int(10 * fill)}


def write(folder: Path, name: str = "last", *, fill: float = 0.5, **changes: Any) -> Path:
    """Save a small checkpoint whose state tells which weights it belongs to."""
    return save(
        folder,
        name,
        weights=some_weights(fill),
        metadata=replace(METADATA, **changes),
        state={**STATE, "fill": fill},
    )


def both_nets() -> MattingModel:
    torch.manual_seed(4)
    return build_model(METADATA.model).eval()


def alone(net: str) -> dict[str, Any]:
    """Return the weights of one of the nets, and metadata that fit them."""
    other = {"tnet": "mnet", "mnet": "tnet"}[net]
    own = {n: w for n, w in both_nets().state_dict().items() if n.startswith(f"{net}.")}
    absent: dict[str, Any] = {other: None}
    model = replace(METADATA.model, **absent)
    return {"weights": own, "metadata": replace(METADATA, phase=net, model=model)}


def step_of(folder: Path, name: str) -> int:
    metadata = last_metadata(folder, name)
    assert metadata is not None
    return metadata.step


def damage(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    file = write(tmp_path)
    weights, metadata = load_weights(file)
    assert metadata == read_metadata(file) == METADATA
    assert weights.keys() == some_weights().keys()
    assert all(torch.equal(weights[name], some_weights()[name]) for name in weights)
    state = load_state(file)
    assert (state["best"], state["sums"], state["fill"]) == (0.5, {"alpha": 0.1}, 0.5)
    assert torch.equal(state["optimiser"]["state"][0], torch.arange(3.0))


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    def contents(folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    write(tmp_path / "a")
    write(tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert len(contents(tmp_path / "a")) == 3


def test_an_optimiser_that_was_loaded_is_saved_to_the_same_bytes(tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    net(torch.ones(1, 3)).sum().backward()
    adam.step()

    def saved(folder: Path, optimiser: torch.optim.Adam) -> str:
        state = {"optimiser": optimiser.state_dict()}
        save(folder, "last", weights=some_weights(), metadata=METADATA, state=state)
        return (folder / "last.json").read_text()

    first = saved(tmp_path / "a", adam)
    again = torch.optim.Adam(net.parameters(), lr=1e-3)
    again.load_state_dict(load_state(tmp_path / "a")["optimiser"])
    assert saved(tmp_path / "b", again) == first


def test_a_figure_that_is_not_a_number_comes_back(tmp_path: Path) -> None:
    file = write(tmp_path, figures={"unknown": {"sad": math.nan}})
    assert math.isnan(read_metadata(file).figures["unknown"]["sad"])


def test_a_new_checkpoint_replaces_the_old_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    write(tmp_path, step=1)
    write(tmp_path, "best", step=1)
    file = write(tmp_path, step=2, fill=0.7)
    assert step_of(tmp_path, "last") == 2
    assert step_of(tmp_path, "best") == 1
    assert resolve(tmp_path, prefer="last") == file
    assert len(list(tmp_path.iterdir())) == 6
    assert load_state(file)["fill"] == 0.7


def test_a_folder_without_a_checkpoint_has_no_last_one(tmp_path: Path) -> None:
    assert last_metadata(tmp_path / "nowhere") is None


def test_as_many_of_the_newest_are_kept_as_was_asked(tmp_path: Path) -> None:
    def write_step(step: int, keep: int) -> None:
        metadata = replace(METADATA, step=step)
        weights, state = some_weights(step / 10), {"fill": step / 10}
        save(tmp_path, "last", weights=weights, metadata=metadata, state=state, keep=keep)

    def kept() -> list[int]:
        older = [read_metadata(resolve(p)).step for p in sorted(tmp_path.glob("step-*.json"))]
        assert len(list(tmp_path.glob("*.safetensors"))) == len(older) + 1
        return [*older, step_of(tmp_path, "last")]

    for step in (1, 2, 3, 4):
        write_step(step, keep=3)
    assert kept() == [2, 3, 4]
    assert load_state(tmp_path / "step-00000003.json")["fill"] == 0.3
    shutil.copy(tmp_path / "step-00000003.json", tmp_path / "last.json")  # going back
    assert load_state(tmp_path)["fill"] == 0.3
    write_step(4, keep=3)
    assert kept() == [2, 3, 4]
    write_step(5, keep=1)
    assert kept() == [5]


def test_a_checkpoint_killed_at_any_moment_is_the_old_or_the_new_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    calls = 0

    def count_down(real: Any) -> Any:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls -= 1
            if calls < 0:
                raise Killed
            return real(*arguments, **options)

        return counted

    # Everything that changes the disk goes through these.
    for owner, method in ((os, "fsync"), (Path, "replace"), (Path, "unlink")):
        monkeypatch.setattr(owner, method, count_down(getattr(owner, method)))
    seen = set()
    for moment in range(100):
        # Of the same step, as when a run that was killed repeats one, with other content.
        folder = tmp_path / str(moment)
        calls = 1000
        write(folder, fill=0.5)
        calls = moment
        try:
            write(folder, fill=0.7)
        except Killed:
            finished = False
        else:
            finished = True
        calls = 1000
        file = resolve(folder, prefer="last")
        weights, _ = load_weights(file)
        fill = load_state(file)["fill"]
        assert torch.equal(weights["tnet.a"], some_weights(fill)["tnet.a"])
        seen.add((fill, finished))
        write(folder, fill=0.9)
        assert load_state(folder)["fill"] == 0.9
        assert len(list(folder.iterdir())) == 3
        if finished:
            break
    assert seen == {(0.5, False), (0.7, False), (0.7, True)}


def test_leftovers_of_a_kill_are_removed_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "best")
    (tmp_path / "log.jsonl").touch()
    kept = set(tmp_path.iterdir())
    for name in (
        "last-00000039-0123456789ab.safetensors",
        "last-00000039-0123456789ab.state.pt",
        ".last-00000041-0123456789ab.safetensors.partial",
        ".last.json.partial",
    ):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path, "last")
    assert set(tmp_path.iterdir()) == kept


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_cut_file_is_refused(keep: int, tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=file.name):
        load_weights(file)
    alone = shutil.copy(file, tmp_path / "copy.safetensors")
    with pytest.raises(CheckpointError, match=r"copy\.safetensors"):
        load_weights(Path(alone))


def test_a_flipped_bit_is_noticed_in_either_file(tmp_path: Path) -> None:
    file = write(tmp_path / "weights")
    damage(file, -1)
    with pytest.raises(CheckpointError, match="not those that were written"):
        load_weights(file)
    write(tmp_path / "state")
    state = next((tmp_path / "state").glob("*.state.pt"))
    damage(state, state.stat().st_size // 2)
    with pytest.raises(CheckpointError, match="not those that were written"):
        load_state(tmp_path / "state")


def test_a_copied_file_of_weights_is_loaded_but_has_no_state(tmp_path: Path) -> None:
    copy = Path(shutil.copy(write(tmp_path / "run"), tmp_path / "mine.safetensors"))
    assert load_weights(copy)[1] == METADATA
    with pytest.raises(CheckpointError, match="no state beside it"):
        load_state(copy)


def test_a_checkpoint_without_state_says_so(tmp_path: Path) -> None:
    save(tmp_path, "best", weights=some_weights(), metadata=METADATA)
    with pytest.raises(CheckpointError, match="no state beside it"):
        load_state(tmp_path)


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_pickle_in_disguise_is_refused_and_never_run(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    disguised = tmp_path / "model.safetensors"
    torch.save({"tnet.a": Trap(sprung)}, disguised)
    with pytest.raises(CheckpointError, match="could run code"):
        load_weights(disguised)
    plain = disguised.rename(tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="can run code"):
        load_model(plain)
    assert not sprung.exists()


def test_a_state_that_could_run_code_is_refused_even_with_its_own_digest(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    file = write(tmp_path)
    pointer = json.loads((tmp_path / "last.json").read_text())
    state = tmp_path / pointer["state"]
    torch.save({"weights": "", "state": Trap(sprung)}, state)
    pointer["sha256"][state.name] = hashlib.sha256(state.read_bytes()).hexdigest()
    (tmp_path / "last.json").write_text(json.dumps(pointer))
    with pytest.raises(CheckpointError, match="could run code"):
        load_state(file)
    assert not sprung.exists()


def test_the_state_of_other_weights_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path)
    write(tmp_path / "other", fill=0.7)
    pointer, other = (
        json.loads((folder / "last.json").read_text()) for folder in (tmp_path, tmp_path / "other")
    )
    shutil.copy(tmp_path / "other" / other["state"], tmp_path)
    pointer["state"] = other["state"]
    pointer["sha256"] |= other["sha256"]
    (tmp_path / "last.json").write_text(json.dumps(pointer))
    with pytest.raises(CheckpointError, match="belongs to other weights"):
        load_state(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "damaged"),
        ("[]", "damaged"),
        ("[" * 10_000, "damaged"),
        ('{"format": 2}', "damaged"),
        ('{"format": 1, "weights": "a", "sha256": {}}', "of format 1"),
        ('{"format": 2, "weights": "../a.safetensors", "sha256": {}}', "outside its folder"),
        ('{"format": 2, "weights": 3, "sha256": {}}', "damaged"),
    ],
)
def test_a_pointer_that_is_damaged_or_points_elsewhere_is_refused(
    content: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "last.json").write_text(content)
    with pytest.raises(CheckpointError, match=message):
        resolve(tmp_path)


def test_a_file_of_someone_elses_weights_is_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="not a checkpoint of shm"):
        load_weights(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 1}, "of format 1"),
        ({"model": {"tnet": "resnext"}}, "no T-Net called 'resnext'"),
        ({"parameters": {"tnet": {"width": 1.0}, "mnet": {}}}, "this version's has .*widths"),
        ({"surprise": 1}, "not a checkpoint of shm"),
    ],
)
def test_a_checkpoint_of_another_format_or_net_is_refused(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    file = write(tmp_path / "run")
    header = int.from_bytes(file.read_bytes()[:8], "little")
    about = json.loads(json.loads(file.read_bytes()[8 : 8 + header])["__metadata__"]["shm"])
    other = tmp_path / "other.safetensors"
    save_file(some_weights(), other, {"shm": json.dumps(about | change)})
    with pytest.raises(CheckpointError, match=message):
        load_weights(other)


def test_a_path_means_a_file_a_pointer_a_phase_or_the_runs_end_to_end_phase(tmp_path: Path) -> None:
    run, phase = tmp_path / "run", tmp_path / "run" / "end-to-end"
    last, best = write(phase, step=2), write(phase, "best", step=1)
    write(run / "tnet")
    assert resolve(run) == resolve(phase) == resolve(phase / "best.json") == resolve(best) == best
    assert resolve(run, prefer="last") == resolve(phase / "last.json") == last
    refined = write(tmp_path / "dim" / "stage-3", "best")
    assert resolve(tmp_path / "dim") == refined


def test_a_path_without_a_checkpoint_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        resolve(tmp_path / "nowhere")
    write(tmp_path / "tnet")
    with pytest.raises(CheckpointError, match="it has tnet: name one"):
        resolve(tmp_path)


def test_names_that_nobody_would_find_again_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="best or last"):
        write(tmp_path, "newest")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(CheckpointError, match="last can't be written"):
        write(tmp_path / "run")


def test_a_loaded_model_predicts_what_the_saved_one_did(tmp_path: Path) -> None:
    model = both_nets()
    save(tmp_path, "best", weights=model.state_dict(), metadata=METADATA)
    loaded = load_model(tmp_path, torch.device("cpu"))
    assert not loaded.training
    image = torch.randn(1, 3, 37, 50)
    with torch.inference_mode():
        assert torch.equal(loaded(image).alpha, model(image).alpha)


def test_a_tnet_alone_predicts_its_own_matte(tmp_path: Path) -> None:
    model = load_model(save(tmp_path, "best", **alone("tnet")))
    with torch.inference_mode():
        prediction = model(torch.randn(1, 3, 37, 50))
    torch.testing.assert_close(prediction.alpha, alpha_from_trimap(prediction.trimap))


def test_an_mnet_alone_says_that_it_needs_a_trimap(tmp_path: Path) -> None:
    save(tmp_path, "best", **alone("mnet"))
    assert load_model(tmp_path).needs_trimap


def test_weights_of_another_architecture_are_refused_with_the_nets_names(tmp_path: Path) -> None:
    metadata = replace(METADATA, model=replace(METADATA.model, tnet="mobilenetv2-unet-wide"))
    save(tmp_path, "best", weights=both_nets().state_dict(), metadata=metadata)
    with pytest.raises(CheckpointError, match=r"mobilenetv2-unet-wide.*another architecture"):
        load_model(tmp_path)


def test_a_net_of_another_width_is_built_as_it_was(tmp_path: Path) -> None:
    narrow = ModelConfig(dim="dim", width=0.05, skips=True)
    model = build_model(narrow)
    save(tmp_path, "best", weights=model.state_dict(), metadata=replace(METADATA, model=narrow))
    loaded = load_model(tmp_path)
    assert {n: w.shape for n, w in loaded.state_dict().items()} == {
        n: w.shape for n, w in model.state_dict().items()
    }


def test_a_damaged_pointer_to_an_older_checkpoint_is_named_and_does_no_harm_to_the_best(
    tmp_path: Path,
) -> None:
    best = write(tmp_path, "best")
    write(tmp_path)
    (tmp_path / "step-00000001.json").write_text("{")
    assert load_weights(best)[1] == METADATA
    with pytest.raises(CheckpointError, match=r"step-00000001\.json: damaged .*delete it"):
        load_weights(tmp_path / "last.json")
