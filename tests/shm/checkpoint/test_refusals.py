"""Files that are no checkpoint of ours, or no longer."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from shm.checkpoint import CheckpointError, load_model, load_state, load_weights, resolve
from tests.shm.checkpoint.checkpoints import METADATA, some_weights, write


def damage(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


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
    state = next((tmp_path / "state").glob("*.state.safetensors"))
    damage(state, state.stat().st_size // 2)
    with pytest.raises(CheckpointError, match="not those that were written"):
        load_state(tmp_path / "state")


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


def test_a_pickled_state_of_before_is_not_read_and_the_cures_are_named(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    file = write(tmp_path)
    pointer = json.loads((tmp_path / "last.json").read_text())
    state = tmp_path / "last-00000040-0123456789ab.state.pt"
    torch.save({"weights": "", "state": Trap(sprung)}, state)
    pointer["sha256"][state.name] = hashlib.sha256(state.read_bytes()).hexdigest()
    (tmp_path / "last.json").write_text(json.dumps(pointer | {"state": state.name}))
    with pytest.raises(CheckpointError, match=r"earlier format.*delete .* or use the version"):
        load_state(file)
    assert not sprung.exists()
    assert load_weights(file)[1] == METADATA


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
        ("[]", "damaged .*delete the phase.s folder"),
        ("[" * 10_000, "damaged"),
        ('{"format": 2}', "damaged"),
        ('{"format": 1, "weights": "a", "sha256": {}}', "of format 1"),
        ('{"format": 2, "weights": "../a.safetensors", "sha256": {}}', "outside its folder"),
        ('{"format": 2, "weights": "..", "sha256": {}}', "outside its folder"),
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


def test_a_damaged_pointer_to_an_older_checkpoint_is_named_and_does_no_harm_to_the_best(
    tmp_path: Path,
) -> None:
    best = write(tmp_path, "best")
    write(tmp_path)
    (tmp_path / "step-00000001.json").write_text("{")
    assert load_weights(best)[1] == METADATA
    with pytest.raises(CheckpointError, match=r"step-00000001\.json: damaged .*delete it"):
        load_weights(tmp_path / "last.json")
