"""How shards are counted while they are made."""

from shm.workflows.progress import Progress
from shm.workflows.shards import Counted, ShardReport


class Seen:
    """What a bar was told, in place of a terminal."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, int]] = []

    def begin(self, done: int) -> None:
        self.shown.append((done, 0))

    def show(self, done: int, told: str, rejected: int) -> None:
        assert not told
        self.shown.append((done, rejected))

    def close(self) -> None:
        pass


def test_photos_are_counted_one_by_one_and_each_once() -> None:
    seen = Seen()
    counted = Counted(Progress(seen, 10))
    counted.hear((0, 1, 0))
    counted.hear((1, 3, 1))
    counted.hear((0, 2, 1))
    counted.end(ShardReport(shard=0, accepted=3, rejected=1))
    counted.hear((0, 3, 1))  # late: the shard is there
    counted.hear((1, 1, 0))  # its worker died, another one began anew
    counted.end(ShardReport(shard=1, accepted=2, rejected=2))
    assert seen.shown == [(11, 0), (14, 1), (15, 2), (17, 2), (15, 1), (18, 3)]
