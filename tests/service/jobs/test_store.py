"""The store keeps what it was told, for whoever opens it next."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from service.api.job import JobOptions
from service.errors import StartError
from service.jobs.errors import StorageError
from service.jobs.record import JobRecord
from service.jobs.states import FOLLOWING, State
from service.jobs.store import Store

RECORD = JobRecord(
    id="a", subject="ann", options=JobOptions(neighbours=3, against="b"), created=1.5, key="k", body=b"hash"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a store is made."""
    return tmp_path / "jobs.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """Make a store."""
    with closing(Store(path)) as made:
        yield made


def test_another_store_of_the_file_has_everything(path: Path) -> None:
    """Jobs in the order of their submission, and the steps of their stages."""
    store = Store(path)
    first = replace(RECORD, number=store.insert(RECORD))
    second = replace(RECORD, id="c", key=None)
    store.insert(second)
    store.count(replace(first, steps_done=2, state=State.RUNNING), [4, 2])
    store.close()

    with closing(Store(path)) as another:
        loaded = another.load()
        counted = [another.counted(record.number) for record in loaded]

    assert [record.id for record in loaded] == ["a", "c"]
    assert loaded[0] == replace(first, steps_done=2, state=State.RUNNING)
    assert counted == [{2, 4}, set()]


def test_a_step_is_counted_once(store: Store) -> None:
    """And those of a stage are gone in the next."""
    record = replace(RECORD, number=store.insert(RECORD))

    store.count(record, [1, 2])
    store.count(record, [2, 3])
    counted = store.counted(record.number)
    store.replace_steps(replace(record, stage=1), [7])

    assert (counted, store.counted(record.number)) == ({1, 2, 3}, {7})


def test_a_removed_job_leaves_no_steps(store: Store) -> None:
    """Its number is not given to another."""
    number = store.insert(RECORD)
    store.count(replace(RECORD, number=number), [1])

    store.remove(number)

    assert (store.load(), store.counted(number)) == ([], set())
    assert store.insert(RECORD) > number


def test_a_key_is_used_once_by_a_subject(store: Store) -> None:
    """By another it may be used, too."""
    store.insert(RECORD)
    store.insert(replace(RECORD, id="b", subject="bob"))

    with pytest.raises(StorageError):
        store.insert(replace(RECORD, id="c"))


def test_a_database_that_is_full_says_so(store: Store) -> None:
    """And has counted nothing."""
    record = replace(RECORD, number=store.insert(RECORD))
    store._database.execute("PRAGMA max_page_count = 1")

    with pytest.raises(StorageError) as caught:
        store.count(replace(record, reason="x" * 100_000), range(10_000))

    assert caught.value.full
    assert store.counted(record.number) == set()
    assert store.load() == [record]


@pytest.mark.parametrize("content", [b"not a database at all" * 100, None])
def test_a_file_that_is_no_store_is_refused(path: Path, content: bytes | None) -> None:
    """In one sentence that names it; also one of another version."""
    if content is None:
        database = sqlite3.connect(path)
        database.execute("PRAGMA user_version = 99")
        database.close()
    else:
        path.write_bytes(content)

    with pytest.raises(StartError, match=r"^state_dir: .*jobs\.sqlite3 (cannot be used|is of version 99)"):
        Store(path)


def test_commits_are_synced(store: Store) -> None:
    """With a log that is written ahead."""
    values = [
        store._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    ]

    assert values == ["wal", 2]


def test_an_end_has_nothing_behind_it() -> None:
    """And every other state can end."""
    ends = {state for state in State if state.ended}

    assert ends == {State.DONE, State.FAILED, State.CANCELLED}
    assert all(FOLLOWING[state] & (ends | {State.QUEUED}) for state in State if state not in ends)
