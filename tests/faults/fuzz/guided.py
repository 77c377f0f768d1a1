"""One process that fuzzes one target, guided by coverage; `__main__` starts it."""

import hashlib
import mmap
import struct
import sys
import time
import traceback
from pathlib import Path
from random import Random

import atheris

# Pure Python alone can be instrumented; PyTorch, NumPy and zarr would only slow it down.
with atheris.instrument_imports(
    include=["shm", "PIL", "defusedxml", "ijson", "tomllib", "dacite", "upath"]
):
    from tests.faults.fuzz.target import FindingError, check, regressions
    from tests.faults.fuzz.targets import target_of

    TARGET = target_of(sys.argv[1])

HANG = 20
"""Seconds after which the process is ended, and the input saved as a hang."""

ROOT = str(Path(__file__).parents[3])


def main(name: str, until: str, corpus: str, findings: str, counter: str) -> None:
    """Fuzz a target until a moment, in seconds since 1970; does not return.

    `corpus` is a folder that grows by what covers more, `findings` one for what is wrong, and
    `counter` a file of eight bytes that counts inputs even where the process dies.
    """
    target = TARGET
    folder = Path(findings)
    with Path(counter).open("r+b") as file:
        count = mmap.mmap(file.fileno(), 8)
    signatures: set[str] = set()

    def one_input(data: bytes) -> None:
        struct.pack_into("<Q", count, 0, struct.unpack_from("<Q", count)[0] + 1)
        try:
            check(target, data)
        except FindingError as error:
            signature = signature_of(error)
            if signature not in signatures:
                signatures.add(signature)
                save(folder, name, data, error)

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.3:
            data = atheris.Mutate(data, longest)
        return target.mutate(data, random)[:longest]

    seeds = Path(corpus) / "seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    known = [path.read_bytes() for path in regressions(name)]
    for data in [*target.seeds(), *known]:
        (seeds / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    seconds = max(1, round(float(until) - time.time()))
    atheris.Setup(
        [
            *(sys.argv[0], corpus, str(seeds)),
            *(f"-max_total_time={seconds}", f"-timeout={HANG}", f"-max_len={target.max_length}"),
            *(f"-artifact_prefix={folder / name}-", "-rss_limit_mb=8192", "-len_control=0"),
        ],
        one_input,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


def signature_of(error: FindingError) -> str:
    """Return what findings of one cause share: the kind of error, and the last place of ours."""
    cause = error.__cause__
    if cause is None:
        return str(error).split(" ")[0]
    frames = traceback.extract_tb(cause.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(ROOT)]
    at = (ours or list(frames))[-1]
    return f"{type(cause).__name__} at {at.filename}:{at.lineno}"


def save(folder: Path, name: str, data: bytes, error: FindingError) -> None:
    """Write an input and, beside it, what it did."""
    path = folder / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    told = "".join(traceback.format_exception(error))
    path.with_suffix(".txt").write_text(told, encoding="utf-8", errors="backslashreplace")


if __name__ == "__main__":
    main(*sys.argv[1:])
