"""The jobs' rows in SQLite: what is committed here has happened, whatever ends the server.

    jobs    one row a job
    steps   of the stage that each job is in, the numbers of the steps whose records are on disk

Write-ahead log, synced at every commit. Everything here blocks, and belongs to one thread at a time.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from service.api.job import Findings, JobOptions
from service.errors import StartError
from service.jobs.errors import StorageError
from service.jobs.record import JobRecord
from service.jobs.states import State

# Raised with every change of the tables.
VERSION = 1

_COLUMNS = tuple(field.name for field in fields(JobRecord))

_TABLES = """
CREATE TABLE jobs (
    id TEXT NOT NULL UNIQUE, subject TEXT NOT NULL, options BLOB NOT NULL, created REAL NOT NULL,
    number INTEGER PRIMARY KEY AUTOINCREMENT, state TEXT NOT NULL, reason TEXT NOT NULL, documents INTEGER NOT NULL,
    parts INTEGER NOT NULL, dimensions INTEGER NOT NULL, digest TEXT NOT NULL, plan TEXT NOT NULL,
    stage INTEGER NOT NULL, stage_name TEXT NOT NULL, tiles_done INTEGER NOT NULL, tiles_total INTEGER NOT NULL,
    steps_done INTEGER NOT NULL, steps_total INTEGER NOT NULL, begun INTEGER NOT NULL, disk_bytes INTEGER NOT NULL,
    started REAL, ended REAL, found BLOB NOT NULL, key TEXT, body BLOB NOT NULL,
    UNIQUE (subject, key)
);
CREATE TABLE steps (
    job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE, step INTEGER NOT NULL,
    PRIMARY KEY (job, step)
) WITHOUT ROWID;
"""

_INSERT = f"INSERT INTO jobs ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_UPDATE = f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE number = ?"  # noqa: S608
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM jobs ORDER BY number"  # noqa: S608

# What the lower byte of an extended error code says.
_FULL, _IO_ERROR = sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR


class Store:
    """The database of one `state_dir`."""

    def __init__(self, path: Path) -> None:
        """Open it, or make it. Raises: StartError when it cannot be used."""
        try:
            # Opened by one thread and used by another.
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(path)
            except BaseException:
                self._database.close()
                raise
        except sqlite3.Error as error:
            raise StartError(f"state_dir: {path} cannot be used: {error}") from error

    def _prepare(self, path: Path) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("PRAGMA foreign_keys = ON")
        self._make_tables(path)

    def _make_tables(self, path: Path) -> None:
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._database.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
        elif version != VERSION:
            raise StartError(
                f"state_dir: {path} is of version {version}, this service writes {VERSION}; finish its jobs with the "
                "service that made it, or choose another folder"
            )

    def load(self) -> list[JobRecord]:
        """Return all jobs, the oldest first. Raises: StorageError."""
        with _reported():
            return [_record(row) for row in self._database.execute(_SELECT)]

    def counted(self, number: int) -> set[int]:
        """Return the steps that are counted of a job's stage. Raises: StorageError."""
        with _reported():
            rows = self._database.execute("SELECT step FROM steps WHERE job = ?", (number,))
            return {step for (step,) in rows}

    def insert(self, record: JobRecord) -> int:
        """Add a job; return its number. Raises: StorageError."""
        with _reported():
            cursor = self._database.execute(_INSERT, _row(record))
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def update(self, record: JobRecord) -> None:
        """Write what has become of a job. Raises: StorageError."""
        with _reported():
            self._database.execute(_UPDATE, (*_row(record), record.number))

    def count(self, record: JobRecord, steps: Iterable[int]) -> None:
        """Count steps of the stage that a job is in, each once. Raises: StorageError."""
        with self._transaction():
            rows = ((record.number, step) for step in steps)
            self._database.executemany("INSERT OR IGNORE INTO steps VALUES (?, ?)", rows)
            self._database.execute(_UPDATE, (*_row(record), record.number))

    def replace_steps(self, record: JobRecord, steps: Iterable[int] = ()) -> None:
        """Bring a job into another stage, or have only these steps of its stage counted. Raises: StorageError."""
        with self._transaction():
            self._database.execute("DELETE FROM steps WHERE job = ?", (record.number,))
            rows = ((record.number, step) for step in steps)
            self._database.executemany("INSERT INTO steps VALUES (?, ?)", rows)
            self._database.execute(_UPDATE, (*_row(record), record.number))

    def remove(self, number: int) -> None:
        """Forget a job. Raises: StorageError."""
        with _reported():
            self._database.execute("DELETE FROM jobs WHERE number = ?", (number,))

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _reported():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        # A write-ahead log that cannot grow is reported as an error of input and output.
        raise StorageError(f"the jobs' database: {error}", full=code in {_FULL, _IO_ERROR}) from error


def _row(record: JobRecord) -> list[Any]:
    written = {
        "options": msgspec.json.encode(record.options),
        "number": record.number or None,
        "found": msgspec.json.encode(record.found),
    }
    return [written.get(name, getattr(record, name)) for name in _COLUMNS]


def _record(row: tuple[Any, ...]) -> JobRecord:
    values = dict(zip(_COLUMNS, row, strict=True))
    options = msgspec.json.decode(values.pop("options"), type=JobOptions)
    found = msgspec.json.decode(values.pop("found"), type=Findings | None)
    return JobRecord(options=options, found=found, state=State(values.pop("state")), **values)
