"""How training is fed: several stores, damaged ones, and ones that lie behind a URL."""

import json
import re
import shutil
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from shm.checkpoint import read_metadata, resolve
from shm.commands.train import MixError, read_mix
from shm.datasets.composites.planning import RecipeConfig
from shm.datasets.composites.store import open_composites
from shm.datasets.storage.cached import CacheConfig
from shm.datasets.storage.location import locate
from shm.training.phases import Phase
from shm.training.presets import load_recipe
from shm.workflows.export import export_store
from shm.workflows.inspect import inspect_store
from shm.workflows.train import TrainError, open_trainable
from shm.workflows.verify import verify_store
from tests.datasets.storage import servers
from tests.datasets.storage.servers import BUCKET, DROP, Fault, Proxy
from tests.datasets.stores import all_files, flip_a_byte, write_store
from tests.workflows.corpora import run

LIMITS = (
    *("--steps", 4, "--batch", 4, "--crop", 32, "--phase", "tnet"),
    *("--set", "model.width=0.25", "--set", "loop.picture_every=0"),
)
SHARD = "images/image/c/0/0/0/0"
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"
URL = f"s3://{BUCKET}/train.zarr"


def train(store: object, folder: Path, *more: object, workers: int = 0) -> tuple[object, ...]:
    return "shm", "train", store, "--run", folder, *LIMITS, "--workers", workers, *more


def losses(run_folder: Path) -> list[dict[str, object]]:
    lines = (run_folder / "tnet" / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["losses"] for line in lines if '"train"' in line]


def message(stderr: str) -> str:
    """Return the one line that says why a command ended."""
    (line,) = [line for line in stderr.splitlines() if line.startswith("Error: ")]
    return line


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store, and a run on it."""
    folder = tmp_path_factory.mktemp("stream")
    write_store(folder / "train.zarr", 15)
    return folder


@pytest.fixture(scope="module")
def local(folder: Path) -> Path:
    """A run on the store where it lies."""
    (folder / "said").write_text(run(*train(folder / "train.zarr", folder / "local")).stderr)
    return folder / "local"


# -------------------------------------------------------------------- what is said


def test_training_says_how_long_it_waited_for_data(local: Path) -> None:
    said = (local.parent / "said").read_text()
    waited = (
        r"tnet: waited for data: (\S+) s for the first batch, (\S+) s for all others "
        r"\((\S+) ms a step, (\S+)% of it\)"
    )
    found = re.search(waited, said)
    assert found
    first, in_all, each, share = map(float, found.groups())
    assert each / 1000 * 3 == pytest.approx(in_all, abs=0.01)  # four steps, the first by itself
    assert 0 <= share <= 100
    records = map(json.loads, (local / "tnet" / "log.jsonl").read_text().splitlines())
    logged = sum(record["seconds_waiting"] for record in records if record["kind"] == "train")
    assert logged > 0
    assert first + in_all == pytest.approx(logged, abs=0.02)


# -------------------------------------------------------------------- several stores


def test_stores_are_mixed_and_a_run_goes_on_with_the_same_mixture_only(
    folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.zarr"
    write_store(other, 5, form="lazy", config=RecipeConfig(per_foreground=2))
    words = train(folder / "train.zarr", tmp_path / "mixed")
    run(*words, "--mix", f"{other}=0.5")
    assert losses(tmp_path / "mixed")
    stores = read_metadata(resolve(tmp_path / "mixed" / "tnet")).stores
    assert [(each["name"], each["weight"]) for each in stores] == [
        ("train.zarr", 1),
        ("other.zarr", 0.5),
    ]
    assert stores[0]["sha256"] == open_composites(folder / "train.zarr").identity()
    run(*words, "--mix", f"{other}=0.5")
    for mixture in ((), ("--mix", f"{other}=0.6")):
        assert str(tmp_path / "mixed") in message(run(*words, *mixture, code=1).stderr)


@pytest.mark.parametrize("wrong", ["other.zarr", "other.zarr=", "other.zarr=-1", "a=inf", "=2"])
def test_a_store_to_mix_in_needs_a_weight(wrong: str) -> None:
    with pytest.raises(MixError, match="STORE=WEIGHT"):
        read_mix(wrong)


def test_a_weight_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    words = train(tmp_path / "train.zarr", tmp_path / "run", "--mix", "other.zarr")
    assert "STORE=WEIGHT" in run(*words, code=2).stderr


# -------------------------------------------------------------------- damage


@pytest.fixture
def damaged(folder: Path, tmp_path: Path) -> Path:
    """A store one of whose people to train on can't be read any more."""
    store = tmp_path / "damaged.zarr"
    shutil.copytree(folder / "train.zarr", store)
    flip_a_byte(store / SHARD, at=0.02)
    return store


def test_damage_stops_training_in_a_line_that_names_it(damaged: Path, tmp_path: Path) -> None:
    words = train(damaged, tmp_path / "run", "--on-damage", "stop", workers=1)
    told = message(run(*words, code=1).stderr)
    assert "shard 0 of image is damaged (samples: sample-000-000, sample-001-000" in told
    assert f"shm-data verify --repair {damaged}" in told


def test_damage_is_skipped_and_counted_where_that_is_asked_for(
    damaged: Path, tmp_path: Path
) -> None:
    words = train(damaged, tmp_path / "run", "--on-damage", "skip", "--json", workers=1)
    done = run(*words)
    said = done.stderr
    skipped = [line for line in said.splitlines() if line.startswith("skipped: ")]
    assert len(skipped) == 1  # however often it is met
    assert "shard 0 of image is damaged (samples: sample-000-000" in skipped[0]
    (count,) = re.findall(r"tnet: skipped (\d+) samples that could not be read", said)
    assert int(count) >= 1
    assert json.loads(done.stdout)["phases"]["tnet"]["skipped"] == int(count)


def test_what_nets_are_validated_on_is_never_skipped(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.zarr"
    shutil.copytree(folder / "train.zarr", path)
    people = open_composites(path).foregrounds
    slot, record = next(people.samples("validation"))
    index = people._arrays["trimap"]._index(slot // people.shard)
    start, length = index[slot % people.shard].reshape(-1, 2)[0].tolist()
    (file,) = filter(Path.is_file, (path / "foregrounds/trimap/c").glob("*/0/0"))
    harmed = bytearray(file.read_bytes())
    harmed[start + length // 2] ^= 1
    file.write_bytes(harmed)
    done = run(*train(path, tmp_path / "run", "--on-damage", "skip"), code=1)
    assert "shard 0 of trimap is damaged" in message(done.stderr)
    assert f"{record['id']}-" in message(done.stderr)
    assert "skipped: " not in done.stderr
    assert not (tmp_path / "run" / "tnet").exists()  # it is told before anything is trained


# -------------------------------------------------------------------- refused


def test_a_run_that_can_have_no_folder_is_refused_before_it_is_trained(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    told = message(run(*train(folder / "train.zarr", tmp_path / "file" / "run"), code=1).stderr)
    assert "file/run: the run's folder can't be made (Not a directory)" in told


def test_a_store_that_lost_a_part_says_which(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.zarr"
    shutil.copytree(folder / "train.zarr", path)
    shutil.rmtree(path / "images")
    told = message(run(*train(path, tmp_path / "run"), code=1).stderr)
    assert f"{path}: its part images is missing" in told


def test_prepared_people_behind_a_url_and_a_cache_are_no_composites_either(
    folder: Path, tmp_path: Path
) -> None:
    cache = CacheConfig(folder=tmp_path / "cache", limit=2**30)
    with servers.web_server(folder) as url:
        people = f"{url}/train-people.zarr"
        told = f"{re.escape(people)} holds prepared photos.*make composites of them first"
        with pytest.raises(TrainError, match=told):
            open_trainable(locate(people), load_recipe("light"), [Phase.MNET], cache)


# -------------------------------------------------------------------- elsewhere


class ClosedShards(Proxy):
    """A proxy that lets nobody read the shards of one array."""

    array = ""

    def fault_of(self, request: servers.Request) -> Fault | None:
        fault = super().fault_of(request)
        return Fault(status=403) if self.array and f"/{self.array}/c/" in request.path else fault


@pytest.fixture(scope="module")
def s3(folder: Path) -> Iterator[str]:
    """An S3 server that has the store."""
    with servers.s3_server() as url:
        for name, content in all_files(folder / "train.zarr").items():
            servers.put(url, f"{BUCKET}/train.zarr/{name}", content)
        yield url


@pytest.fixture
def proxy(s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClosedShards]:
    """A slow way to it, as commands find it by their environment."""
    server = ClosedShards(s3)
    server.delay = 0.01
    for name, value in {"ENDPOINT_URL": server.url, "KEY": "test", "SECRET": "test"}.items():
        monkeypatch.setenv(f"FSSPEC_S3_{name}", value)
    with servers.running(server):
        yield server


def delete(url: str, key: str) -> None:
    """Delete an object of the store."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        path = f"/{BUCKET}/train.zarr/{key}"
        connection.request("DELETE", path, headers={"Authorization": SIGNED})
        assert connection.getresponse().status == 204
    finally:
        connection.close()


def shards_asked(proxy: Proxy) -> int:
    return len(proxy.asked("/c/"))


def test_a_store_behind_a_url_gives_the_same_losses_and_the_cache_serves_the_next_run(
    local: Path, proxy: ClosedShards, tmp_path: Path
) -> None:
    cache = ("--cache", tmp_path / "cache")
    proxy.faults.extend([Fault(status=503), DROP, *[Fault()] * 30, Fault(sent=100), DROP])
    run(*train(URL, tmp_path / "first", *cache, workers=1))
    assert not proxy.faults
    assert losses(tmp_path / "first") == losses(local)
    assert shards_asked(proxy)
    proxy.requests.clear()
    run(*train(URL, tmp_path / "second", *cache))
    assert losses(tmp_path / "second") == losses(local)
    assert not shards_asked(proxy)


def test_a_shard_that_may_not_be_read_is_a_line_that_names_it(
    proxy: ClosedShards, tmp_path: Path
) -> None:
    proxy.array = "images/image"
    told = message(run(*train(URL, tmp_path / "run"), code=1).stderr)
    assert f"{URL}/{SHARD}: can't be read (403 Forbidden)" in told


def test_a_shard_that_is_gone_from_the_bucket_is_a_line_that_names_it(
    folder: Path, s3: str, proxy: ClosedShards, tmp_path: Path
) -> None:
    delete(s3, SHARD)
    stored = (folder / "train.zarr" / SHARD).read_bytes()
    try:
        told = message(run(*train(URL, tmp_path / "run"), code=1).stderr)
    finally:
        servers.put(s3, f"{BUCKET}/train.zarr/{SHARD}", stored)
    assert "shard 0 of image is missing (samples: sample-000-000" in told
    assert URL in told
    assert proxy.asked(SHARD)


def told_by(*words: object) -> dict[str, object]:
    """Run a command for the JSON that it prints."""
    found: dict[str, object] = json.loads(run(*words, "--json").stdout)
    return found


@pytest.mark.usefixtures("proxy")
def test_inspect_reads_from_a_bucket(folder: Path) -> None:
    described = json.loads(json.dumps(inspect_store(folder / "train.zarr")))
    assert told_by("shm-data", "inspect", URL) == described | {"store": URL}


def test_verify_evaluate_and_export_read_from_a_url(folder: Path, tmp_path: Path) -> None:
    near = folder / "train.zarr"
    with servers.web_server(folder) as url:
        far = f"{url}/train.zarr"
        verdict = verify_store(near).as_json()
        assert verdict["sound"]
        assert told_by("shm-data", "verify", far) == verdict | {"store": far}
        assert told_by("shm", "evaluate", "untrained:light", far)["samples"] == 3
        run("shm-data", "export", far, tmp_path / "far")
        refused = run("shm-data", "verify", "--repair", far, code=1)
    assert "can only be read" in message(refused.stderr)
    export_store(near, tmp_path / "near")
    assert all_files(tmp_path / "far") == all_files(tmp_path / "near")
