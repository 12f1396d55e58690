"""One SQLite file that several processes and threads read and write at once."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sme_tools.errors import StateError

BUSY_TIMEOUT_S = 10.0
_creating = threading.Lock()


class Database:
    """A database file of a known form, made on first use, readable for its owner alone.

    What `write` has committed survives a kill -9 (WAL, synchronous=FULL).

    Raises:
        StateError: by every method, if the file can't be read or written.
    """

    def __init__(self, path: Path, forms: Sequence[str]) -> None:
        """`forms`: what makes each form of the database from the one before; the first makes it
        from nothing."""
        self.path = path
        self._forms = forms
        self._idle: sqlite3.Connection | None = None

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction; all of it is kept, or none."""
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection to read from."""
        with self._open() as database:
            yield database

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction; whatever SQLite says becomes a StateError."""
        try:
            _make_for_owner(self.path)
            database = self._connect()
        except (OSError, sqlite3.Error) as error:
            raise self.fault(f"can't be opened: {error}") from error
        try:
            self._prepare(database)
            self._keep_open()
            yield database
        except sqlite3.Error as error:
            raise self.fault(str(error)) from error
        finally:
            database.close()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}{self._mode()}",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )

    def _mode(self) -> str:
        """In a folder that can't be written to, SQLite has to be told that nobody else writes,
        unless the database was left with a log: https://sqlite.org/wal.html#read_only_databases"""
        if os.access(self.path.parent, os.W_OK):
            return ""
        log = self.path.with_name(f"{self.path.name}-wal")
        return "?mode=ro" if log.exists() and log.stat().st_size else "?mode=ro&immutable=1"

    def _keep_open(self) -> None:
        """Keep one idle connection: when the last one closes, SQLite clears its log away, which
        costs more than a step (measured: 15 ms against 3)."""
        if self._idle is None:
            self._idle = self._connect()
            weakref.finalize(self, self._idle.close)
            self._idle.execute("PRAGMA schema_version").fetchone()

    def _prepare(self, database: sqlite3.Connection) -> None:
        version = _form(database)
        if version > len(self._forms):
            raise self.fault(
                f"was written by a newer sme (form {version}, this one knows {len(self._forms)})"
            )
        database.execute("PRAGMA synchronous=FULL")
        if version == len(self._forms):
            return
        write_ahead(database)
        database.execute("BEGIN IMMEDIATE")
        for change in self._forms[_form(database) :]:  # another process may have been quicker
            for statement in filter(str.strip, change.split(";")):
                database.execute(statement)
        database.execute(f"PRAGMA user_version={len(self._forms)}")
        database.execute("COMMIT")

    def fault(self, problem: str) -> StateError:
        """The error for a problem with this file, with what to do about it."""
        return StateError(f"{self.path}: {problem}", remedy=_remedy(problem, self.path))


def write_ahead(database: sqlite3.Connection) -> None:
    """Switch a new database to a write-ahead log.

    SQLite's own busy timeout does not hold for this statement: of two that make the database at
    the same moment, one is refused at once.

    Raises:
        sqlite3.Error: it can't be switched.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _make_for_owner(path: Path) -> None:
    # Closing any descriptor of a file drops all POSIX locks that this process has on it, SQLite's
    # too (sqlite.org/howtocorrupt.html, 2.2): an existing database is never opened here.
    with _creating, suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _form(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _remedy(problem: str, path: Path) -> str:
    if "locked" in problem:
        return f"Another sme is writing. Wait, or find it: fuser {path}"
    if "full" in problem or "No space" in problem or "disk I/O" in problem:
        return f"Free space on the disk of {path.parent}, or set SME_STATE_DIR to another."
    if (
        "readonly" in problem
        or "unable to open" in problem
        or "Permission" in problem
        or "Read-only" in problem
    ):
        return f"Make {path.parent} writable for you, or set SME_STATE_DIR to another folder."
    if "newer sme" in problem:
        return "Use the newer sme, or set SME_STATE_DIR to another folder."
    # With the log left behind, SQLite would play it back into a new database.
    aside = path.parent / "damaged"
    return f"Move it aside and begin anew: mkdir -p {aside} && mv {path}* {aside}"
