"""Snapshots: a host recorded to a file, which answers every read-only probe later, offline.

The file is one line of text and a gzip stream:

    sme-snapshot FORM DIGEST LENGTH\\n      the form's number, SHA-256 and length of what follows
    gzip of JSON lines: {"host": …, "recorded_at": …}, then one piece of evidence a line

The digest tells damage from wholeness; it is no signature: who can write the file can make a new
one. Secrets are redacted before anything is written.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from sme_tools.errors import SnapshotInvalid, StateError
from sme_tools.files import replace_file
from sme_tools.hosts.evidence import Evidence
from sme_tools.safety.redaction import Redactor

SUFFIX = ".smesnap"
FORM = 1
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
MAX_LINE_BYTES = 16 * 1024 * 1024
MAX_EVIDENCE = 2000
"""Above what a recording reaches: 0.5 MB a stream, two streams a probe, some 100 probes, of which
most print a few lines."""

_MAGIC = b"sme-snapshot"
_HEADER_BYTES = 128


class _Recording(BaseModel):
    """The first line of the packed part."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    host: str
    recorded_at: AwareDatetime


class Snapshot(BaseModel):
    """A recorded host."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    """The name under which it was recorded."""
    recorded_at: AwareDatetime
    evidence: tuple[Evidence, ...]
    """In the order it was recorded."""


def write_snapshot(path: Path, host: str, evidence: Sequence[Evidence]) -> Snapshot:
    """Write what was recorded of a host, readable for its owner alone, whole or not at all.

    Raises:
        StateError: the file can't be written.
    """
    redactor = Redactor()
    kept = tuple(redactor.evidence(item) for item in evidence)
    at = min((item.started_at for item in kept), default=datetime.now(UTC))
    snapshot = Snapshot(host=host, recorded_at=at, evidence=kept)
    first = _Recording(host=host, recorded_at=at).model_dump_json()
    lines = [first, *(item.model_dump_json() for item in kept)]
    packed = gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)
    digest = hashlib.sha256(packed).hexdigest()
    header = b"%s %d %s %d\n" % (_MAGIC, FORM, digest.encode(), len(packed))
    try:
        replace_file(path, header + packed)
    except OSError as error:
        raise StateError(
            f"{path}: can't be written: {error.strerror or error}",
            remedy="Free space there, or choose another place: sme snapshot HOST -o FILE",
        ) from error
    return snapshot


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot back; memory is bounded, whatever the file says.

    Raises:
        SnapshotInvalid: no snapshot, cut short, altered, or of a form this version doesn't know.
    """
    packed = _packed_part(path)
    lines = _unpacked_lines(path, packed)
    try:
        first = _Recording.model_validate_json(next(lines, b""))
        evidence = tuple(Evidence.model_validate_json(line) for line in lines)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise _invalid(
            path, f"holds something else than evidence (at {where or 'a line'})"
        ) from error
    return Snapshot(host=first.host, recorded_at=first.recorded_at, evidence=evidence)


def _packed_part(path: Path) -> bytes:
    """The compressed part, after its header and digest have been checked."""
    try:
        with path.open("rb") as file:
            header = file.readline(_HEADER_BYTES)
            form, digest, length = _header(path, header)
            packed = file.read(min(length, MAX_FILE_BYTES) + 1)
    except OSError as error:
        raise _invalid(path, f"can't be read: {error.strerror or error}") from error
    if form != FORM:
        raise SnapshotInvalid(
            f"{path}: was written by a newer sme (form {form}, this one knows {FORM})",
            remedy="Use the newer sme.",
        )
    if length > MAX_FILE_BYTES:
        raise _invalid(path, f"is larger than a snapshot can be ({length} bytes)")
    if len(packed) < length:
        raise _invalid(path, f"is cut short: {len(packed)} of {length} bytes")
    if len(packed) > length or hashlib.sha256(packed).hexdigest() != digest:
        raise _invalid(path, "was altered or damaged: its digest does not fit")
    return packed


def _header(path: Path, header: bytes) -> tuple[int, str, int]:
    words = header.split()
    if words[:1] != [_MAGIC]:
        raise _invalid(path, "is no snapshot")
    try:
        _, form, digest, length = (word.decode("ascii") for word in words)
        return int(form), digest, max(0, int(length))
    except ValueError as error:
        raise _invalid(path, "has a damaged header") from error


def _unpacked_lines(path: Path, packed: bytes) -> Iterator[bytes]:
    """The lines of the packed part, one in memory at a time."""
    total = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            for count in range(MAX_EVIDENCE + 2):
                line = file.readline(MAX_LINE_BYTES)
                if not line:
                    return
                total += len(line)
                if count > MAX_EVIDENCE or total > MAX_UNPACKED_BYTES or line[-1:] != b"\n":
                    raise _invalid(path, "unpacks to more than a snapshot can hold")
                yield line
    except (OSError, EOFError, zlib.error) as error:
        raise _invalid(path, "can't be unpacked") from error


def _invalid(path: Path, problem: str) -> SnapshotInvalid:
    return SnapshotInvalid(f"{path}: {problem}")
