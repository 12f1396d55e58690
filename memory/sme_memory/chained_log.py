"""An append-only log of JSON lines, each chained to the one before by hash.

Each line is one JSON object in one exact form (keys sorted, no spaces, ASCII):

    {"actor":…,"at":…,"data":{…},"hash":…,"kind":…,"prev":…,"seq":1,"subject":…}

`hash` is the SHA-256 of the same object without `hash`; `prev` is the hash of the line before, 64
zeros for the first. So nothing can be altered, taken out or put in between without breaking the
chain. That lines were cut off the end is seen from the head, a small file beside the log with the
number and hash of the last line, written after each append. Its limit: who may write both files
can cut off the end and set the head back; only a copy of the head elsewhere shows that.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sme_memory.locked_file import last_line, locked, write_all
from sme_tools.errors import LogBroken

GENESIS = "0" * 64


class LogEntry(BaseModel):
    """One line of the log."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seq: int = Field(ge=1)
    """1, 2, 3, …"""
    at: datetime
    kind: str
    """What happened: `incident.diagnosed`."""
    actor: str
    """Who did it: a reasoner, a user."""
    subject: str
    """What it happened to: an incident, a known issue, a host."""
    data: dict[str, Any]
    prev: str = Field(pattern=r"^[0-9a-f]{64}$")
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")


class Verified(BaseModel):
    """What a log is that was found whole."""

    entries: int
    head: str
    """The hash of the last line; a copy of it elsewhere proves later that nothing was cut off."""
    torn_bytes: int = 0
    """The beginning of a line whose writer was killed; the next append sets it aside."""


class NewEntry(NamedTuple):
    """What the writer of an entry says; `data` is what JSON can say."""

    kind: str
    actor: str
    subject: str
    data: Mapping[str, Any]


class _Head(NamedTuple):
    seq: int
    hash: str


class ChainedLog:
    """A log file. Safe for several processes and threads at once.

    An entry that `append` has returned is on the disk. A line whose writer was killed in the middle
    is moved to `FILE.torn` by the next append, which says so in an entry `log.repaired`.

    Raises:
        StateError: by every method, if the file can't be read, written or locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._head_path = path.with_name(path.name + ".head")
        self._torn_path = path.with_name(path.name + ".torn")

    def append(
        self, kind: str, *, actor: str, subject: str, data: Mapping[str, Any] | None = None
    ) -> LogEntry:
        """Write one entry; `data` is what JSON can say.

        Raises:
            LogBroken: the last line is damaged, and no head says where the chain stands.
        """
        return self.append_all([NewEntry(kind, actor, subject, data or {})])[0]

    def append_all(self, entries: Sequence[NewEntry]) -> list[LogEntry]:
        """Write entries under one lock with one wait for the disk; all are kept, or none.

        Only a kill or a crash in the middle can leave the first ones of them.

        Raises:
            LogBroken: the last line is damaged, and no head says where the chain stands.
            ValueError: `data` is nothing that JSON can say; nothing was written.
        """
        if not entries:
            return []
        with locked(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, fcntl.LOCK_EX) as log:
            torn = self._set_torn_line_aside(log)
            if torn:
                repaired = {"torn_bytes": torn, "kept_in": self._torn_path.name}
                self._write(log, [NewEntry("log.repaired", "sme", self.path.name, repaired)])
            return self._write(log, entries)

    def read(self, *, since: datetime | None = None, kind: str | None = None) -> list[LogEntry]:
        """The entries in order, without the check of the chain.

        Raises:
            LogBroken: a line is no entry.
        """
        return [
            entry
            for entry in map(self._parsed, self._lines())
            if (since is None or entry.at >= since) and (kind is None or entry.kind == kind)
        ]

    def verify(self) -> Verified:
        """Check every line, the chain, and that no line is missing at the end.

        Raises:
            LogBroken: names the first line that is wrong, and what is wrong with it.
        """
        last, torn = _Head(0, GENESIS), 0
        with self._shared() as log:
            head = self._read_head()
            for number, line in self._numbered(log):
                if not line.endswith(b"\n"):
                    torn = len(line)
                    break
                last = self._link(number, line, last)
                if head is not None and number == head.seq and last.hash != head.hash:
                    raise self._broken(number, "is not the line that the head knows")
        if head is None and last.seq > 1:
            raise LogBroken(
                f"{self._head_path} is missing: lines may have been cut off the end",
                remedy="Compare with a backup. The next entry makes a new head.",
            )
        if head is not None and head.seq > last.seq:
            raise self._broken(last.seq, f"is the last one, but the head knows {head.seq} lines")
        return Verified(entries=last.seq, head=last.hash, torn_bytes=torn)

    def _link(self, number: int, line: bytes, before: _Head) -> _Head:
        """The head after this line. Raises LogBroken."""
        entry = self._parsed((number, line))
        try:
            body = json.loads(line)
            del body["hash"]
            whole = _line({**body, "hash": entry.hash}) == line and _hash(body) == entry.hash
        except ValueError:  # a number that JSON can't say: 1e999
            whole = False
        if not whole:
            raise self._broken(number, "was altered: its hash does not fit")
        if entry.seq != before.seq + 1:
            raise self._broken(number, f"has number {entry.seq}; {before.seq + 1} should follow")
        if entry.prev != before.hash:
            raise self._broken(number, "does not continue the line before it")
        return _Head(entry.seq, entry.hash)

    def _write(self, log: int, entries: Sequence[NewEntry]) -> list[LogEntry]:
        stands = self._chain_stands_at(log)
        written, lines = list[LogEntry](), list[bytes]()
        for new in entries:
            body = {
                "seq": stands.seq + 1,
                "at": datetime.now(UTC).isoformat(),
                "kind": new.kind,
                "actor": new.actor,
                "subject": new.subject,
                "data": dict(new.data),
                "prev": stands.hash,
            }
            lines.append(_line({**body, "hash": _hash(body)}))
            written.append(self._parsed((stands.seq + 1, lines[-1])))
            stands = _Head(written[-1].seq, written[-1].hash)
        size = os.fstat(log).st_size
        try:
            write_all(log, b"".join(lines))
            os.fsync(log)
        except OSError:
            os.ftruncate(log, size)  # a full disk takes half a line
            raise
        self._write_head(stands)
        return written

    def _chain_stands_at(self, log: int) -> _Head:
        """What the next line continues: the last line, or the head if that knows of more.

        Where lines were cut off the end the chain goes on from the head, so that the gap stays
        visible for ever instead of being closed by the next entry.
        """
        head = self._read_head()
        last = last_line(log)
        if not last:
            return head or _Head(0, GENESIS)
        try:
            entry = self._parsed((0, last))
        except LogBroken:
            if head is None:
                raise
            return head
        found = _Head(entry.seq, entry.hash)
        return head if head is not None and head.seq > found.seq else found

    def _set_torn_line_aside(self, log: int) -> int:
        """Move a line without an end to the file for such lines; returns its length in bytes."""
        torn = last_line(log)
        if not torn or torn.endswith(b"\n"):
            return 0
        aside = os.open(self._torn_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            write_all(aside, torn + b"\n")
            os.fsync(aside)
        finally:
            os.close(aside)
        os.ftruncate(log, os.fstat(log).st_size - len(torn))
        os.fsync(log)
        return len(torn)

    def _read_head(self) -> _Head | None:
        try:
            words = self._head_path.read_bytes().split()
        except FileNotFoundError:
            return None
        try:
            seq, hash_ = words
            return _Head(int(seq), hash_.decode("ascii"))
        except ValueError as error:
            raise LogBroken(
                f"{self._head_path}: is damaged",
                remedy=f"Compare {self.path} with a backup, then remove {self._head_path}.",
            ) from error

    def _write_head(self, head: _Head) -> None:
        # In place and of one size: it fits into one sector, and a full disk can't stop it.
        descriptor = os.open(self._head_path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(descriptor, f"{head.seq:020d} {head.hash}\n".encode(), 0)
        finally:
            os.close(descriptor)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        with self._shared() as log:
            for number, line in self._numbered(log):
                if line.endswith(b"\n"):
                    yield number, line

    @staticmethod
    def _numbered(log: int | None) -> Iterator[tuple[int, bytes]]:
        if log is None:
            return
        with os.fdopen(os.dup(log), "rb") as file:
            yield from enumerate(file, 1)

    def _parsed(self, numbered: tuple[int, bytes]) -> LogEntry:
        number, line = numbered
        try:
            return LogEntry.model_validate_json(line)
        except ValidationError as error:
            raise self._broken(number, "is no entry") from error

    def _broken(self, number: int, problem: str) -> LogBroken:
        return LogBroken(
            f"{self.path}: line {number} {problem}",
            remedy="Compare with a backup; the lines before it are as they were written.",
        )

    @contextmanager
    def _shared(self) -> Iterator[int | None]:
        """The log open for reading, or None if there is none yet."""
        if not self.path.exists():
            yield None
            return
        with locked(self.path, os.O_RDONLY, fcntl.LOCK_SH) as log:
            yield log


def _line(entry: Mapping[str, Any]) -> bytes:
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii") + b"\n"


def _hash(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(_line(body)[:-1]).hexdigest()
