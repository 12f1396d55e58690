"""The incidents on this machine: one SQLite database, one transaction for each step."""

from __future__ import annotations

import builtins
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from sme_memory.database import Database
from sme_memory.incident import Incident, TimelineEntry
from sme_tools.errors import UsageError
from sme_tools.hosts.evidence import Evidence

_FORMS = (
    """
CREATE TABLE incident (
    id TEXT PRIMARY KEY, started_at TEXT NOT NULL, status TEXT NOT NULL, document TEXT NOT NULL
) STRICT;
CREATE TABLE incident_host (
    incident TEXT NOT NULL REFERENCES incident(id), host TEXT NOT NULL,
    PRIMARY KEY (incident, host)
) STRICT, WITHOUT ROWID;
CREATE TABLE incident_finding (
    incident TEXT NOT NULL REFERENCES incident(id), fingerprint TEXT NOT NULL,
    PRIMARY KEY (incident, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE INDEX finding_by_fingerprint ON incident_finding (fingerprint);
CREATE TABLE incident_issue (
    incident TEXT NOT NULL REFERENCES incident(id), issue TEXT NOT NULL,
    PRIMARY KEY (issue, incident)
) STRICT, WITHOUT ROWID;
CREATE TABLE evidence (
    incident TEXT NOT NULL REFERENCES incident(id), id TEXT NOT NULL, number INTEGER NOT NULL,
    document BLOB NOT NULL, PRIMARY KEY (incident, id)
) STRICT, WITHOUT ROWID;
""",
)
"""What makes each form of the database from the one before; the first makes it from nothing."""


class IncidentStore:
    """Incidents and their evidence. Safe for several processes at once.

    What `create` or `save_step` has returned from survives a kill -9 (WAL, synchronous=FULL).

    Raises:
        StateError: by every method, if the database can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = Database(path, _FORMS)

    def create(self, incident: Incident) -> None:
        """Store a new incident."""
        with self._database.write() as database:
            self._put(database, incident)

    def save_step(
        self,
        incident: Incident,
        evidence: Iterable[Evidence] = (),
        entry: TimelineEntry | None = None,
    ) -> None:
        """Store the incident as it is after a step, with the evidence that the step brought.

        All of it is there afterwards, or none. `entry` is appended to the timeline first.
        """
        if entry is not None:
            incident.timeline.append(entry)
        with self._database.write() as database:
            self._put(database, incident)
            (count,) = database.execute(
                "SELECT count(*) FROM evidence WHERE incident = ?", (incident.id,)
            ).fetchone()
            database.executemany(
                "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?, ?)",
                (
                    (incident.id, e.id, count + n, zlib.compress(e.model_dump_json().encode(), 6))
                    for n, e in enumerate(evidence)
                ),
            )

    def load(self, id: str) -> Incident:
        """The incident with this id, or the one that it is the beginning of; "last" is the latest.

        Raises:
            UsageError: there is none, or several begin like this.
        """
        id = id.encode("utf-8", "replace").decode()  # it may be typed in another encoding
        with self._database.read() as database:
            if id == "last":
                rows = database.execute(
                    "SELECT document FROM incident ORDER BY started_at DESC, id DESC LIMIT 1"
                ).fetchall()
            else:
                rows = database.execute(
                    "SELECT document FROM incident WHERE id = ? OR substr(id, 1, ?) = ? "
                    "ORDER BY id = ? DESC, id LIMIT 2",
                    (id, len(id), id, id),
                ).fetchall()
        if not rows:
            raise UsageError(
                "there are no incidents yet" if id == "last" else f"there is no incident {id!r}",
                remedy="See them: sme incidents list",
            )
        found = [self._incident(row[0]) for row in rows]
        if len(found) > 1 and found[0].id != id:
            raise UsageError(
                f"several incidents begin with {id!r}: {found[0].id}, {found[1].id}, …",
                remedy="Type more of the id.",
            )
        return found[0]

    def list(
        self, *, host: str | None = None, since: datetime | None = None, limit: int = 50
    ) -> list[Incident]:
        """The incidents, the latest first."""
        with self._database.read() as database:
            rows = database.execute(
                "SELECT document FROM incident WHERE started_at >= ?"
                " AND (? IS NULL OR id IN (SELECT incident FROM incident_host WHERE host = ?))"
                " ORDER BY started_at DESC, id DESC LIMIT ?",
                (_moment(since) if since else "", host, host, limit),
            ).fetchall()
        return [self._incident(row[0]) for row in rows]

    def evidence_ids(self, incident: str) -> builtins.list[str]:
        """The ids of an incident's evidence, in the order it came."""
        with self._database.read() as database:
            rows = database.execute(
                "SELECT id FROM evidence WHERE incident = ? ORDER BY number", (incident,)
            ).fetchall()
        return [row[0] for row in rows]

    def evidence(self, incident: str, id: str) -> Evidence:
        """One piece of evidence. Raises UsageError if the incident has none with this id."""
        with self._database.read() as database:
            row = database.execute(
                "SELECT document FROM evidence WHERE incident = ? AND id = ?", (incident, id)
            ).fetchone()
        if row is None:
            raise UsageError(
                f"incident {incident} has no evidence {id!r}",
                remedy=f"See its evidence: sme incidents show {incident}",
            )
        try:
            return Evidence.model_validate_json(zlib.decompress(row[0]))
        except (ValidationError, zlib.error) as error:
            raise self._database.fault(
                f"holds damaged evidence: {id} of incident {incident}"
            ) from error

    def seen_before(
        self, fingerprints: Sequence[str], *, other_than: str | None = None
    ) -> dict[str, builtins.list[str]]:
        """By fingerprint: the incidents that had the same finding, the latest first."""
        seen: dict[str, list[str]] = {}
        with self._database.read() as database:
            for print_ in fingerprints:
                rows = database.execute(
                    "SELECT incident FROM incident_finding WHERE fingerprint = ? AND incident != ?"
                    " ORDER BY incident DESC LIMIT 20",
                    (print_, other_than or ""),
                ).fetchall()
                if rows:
                    seen[print_] = [row[0] for row in rows]
        return seen

    def issues_seen(self) -> dict[str, builtins.list[str]]:
        """By known issue: the incidents of which it was the root cause, the latest first."""
        seen: dict[str, list[str]] = {}
        with self._database.read() as database:
            for issue, incident in database.execute(
                "SELECT issue, incident FROM incident_issue ORDER BY issue, incident DESC"
            ):
                seen.setdefault(issue, []).append(incident)
        return seen

    def verify(self) -> int:
        """The number of incidents, after SQLite's own check of the whole file.

        Raises:
            StateError: the database is damaged.
        """
        with self._database.read() as database:
            (result,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            if result != "ok":
                raise self._database.fault(f"is damaged: {result}")
            (count,) = database.execute("SELECT count(*) FROM incident").fetchone()
        return int(count)

    def _incident(self, document: str) -> Incident:
        try:
            return Incident.model_validate_json(document)
        except ValidationError as error:
            raise self._database.fault(f"holds a damaged incident: {document[:60]!r}") from error

    @staticmethod
    def _put(database: sqlite3.Connection, incident: Incident) -> None:
        database.execute(
            "INSERT INTO incident VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET status = excluded.status, document = excluded.document",
            (
                incident.id,
                _moment(incident.started_at),
                incident.status,
                incident.model_dump_json(exclude_none=True),
            ),
        )
        database.execute("DELETE FROM incident_finding WHERE incident = ?", (incident.id,))
        database.executemany(
            "INSERT OR IGNORE INTO incident_finding VALUES (?, ?)",
            ((incident.id, finding.fingerprint) for finding in incident.findings),
        )
        database.executemany(
            "INSERT OR IGNORE INTO incident_host VALUES (?, ?)",
            ((incident.id, host) for host in incident.hosts),
        )
        causes = incident.diagnosis.root_causes if incident.diagnosis else []
        database.execute("DELETE FROM incident_issue WHERE incident = ?", (incident.id,))
        database.executemany(
            "INSERT OR IGNORE INTO incident_issue VALUES (?, ?)",
            ((incident.id, c.known_issue) for c in causes if c.known_issue and c.supported),
        )


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
