"""What the process that reads corpora writes, and what it says of those that it cannot read or has no room for."""

from pathlib import Path

import numpy as np

from scoring.corpora.documents import Names
from service.jobs.reading import Read, Reading, Unread, read


def reading(tmp_path: Path, corpus: bytes, *, reserve: int = 0, first: int = 0) -> Reading:
    """Return what the process is started with for a corpus of JSON lines."""
    spool = tmp_path / "spool"
    spool.write_bytes(corpus)
    return Reading(
        spool=str(spool),
        folder=str(tmp_path / "job"),
        media_type="application/x-ndjson",
        content_encoding="identity",
        charset="utf-8",
        text_field="text",
        id_field=None,
        documents=1000,
        document_bytes=1000,
        total_bytes=10**6,
        reserve=reserve,
        first=first,
        generation=int(first > 0),
    )


def names(tmp_path: Path, documents: int) -> list[str]:
    """Return the names that were written."""
    found = Names(tmp_path / "job").look_up(np.arange(documents))
    return [found[position] for position in range(documents)]


def test_a_document_of_a_batch_keeps_the_id_that_is_its_position(tmp_path: Path) -> None:
    """Only one without an id is called by its position, of all documents: those before the batch count."""
    corpus = b'{"id": "0", "text": "a"}\n{"text": "b"}\n{"id": "2", "text": "c"}\n{"id": "1", "text": "d"}'

    assert read(reading(tmp_path, corpus, first=40)) == Read(4, 1)

    assert names(tmp_path, 4) == ["0", "41", "2", "1"]


def test_an_id_that_is_the_position_of_another_document_is_refused(tmp_path: Path) -> None:
    """By its position of all."""
    corpus = b'{"id": "41", "text": "a"}\n{"text": "b"}'

    alone = read(reading(tmp_path, corpus))
    batch = read(reading(tmp_path, corpus, first=40))

    assert alone == Read(2, 1)
    assert isinstance(batch, Unread)
    assert batch.code == "duplicate_id"


def test_the_reserve_of_the_disk_is_left_free(tmp_path: Path) -> None:
    """A corpus of which there is more than it was sent as ends there, as on a disk that is full."""
    unread = read(reading(tmp_path, b'{"text": "a"}', reserve=2**60))

    assert isinstance(unread, Unread)
    assert (unread.code, unread.full) == ("storage", True)
    assert f"without the {2**60} that are kept free" in unread.detail


def test_a_folder_that_cannot_be_written_is_no_fault_of_the_corpus(tmp_path: Path) -> None:
    """It names the file, not where it is."""
    request = reading(tmp_path, b'{"text": "a"}')
    (tmp_path / "job").touch()

    assert read(request) == Unread("storage", "state_dir: job: File exists")
