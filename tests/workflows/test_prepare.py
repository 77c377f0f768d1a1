"""Which inputs become which entries, before anything is worked on."""

from pathlib import Path

from shm.datasets.corpus import open_corpus
from shm.workflows.prepare.entries import PrepareRun, list_entries
from tests.workflows.corpora import write_people


def test_a_photo_without_the_annotation_asked_for_says_so(tmp_path: Path) -> None:
    write_people(tmp_path, 3)  # masks only
    corpus = open_corpus(tmp_path)
    assert all(entry.pair for entry in list_entries(corpus, PrepareRun(annotation="mask")))
    entries = list_entries(corpus, PrepareRun(annotation="alpha"))
    assert len(entries) == 3
    for entry in entries:
        assert entry.reject is not None
        assert entry.reject.reason.startswith("it has no alpha, only another annotation")
