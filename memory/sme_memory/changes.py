"""The changes made from this machine, each written down before every step and after it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from sme_memory.database import Database
from sme_tools.actions.journal import Change, FileState, KeptFile
from sme_tools.actions.outcome import Outcome
from sme_tools.errors import UsageError
from sme_tools.hosts.evidence import Evidence

_FORMS = (
    """
CREATE TABLE change (
    id TEXT PRIMARY KEY, incident TEXT, host TEXT NOT NULL, phase TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX change_by_incident ON change (incident);
CREATE TABLE change_evidence (
    change TEXT NOT NULL REFERENCES change(id), id TEXT NOT NULL, number INTEGER NOT NULL,
    document BLOB NOT NULL, PRIMARY KEY (change, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE kept_file (
    change TEXT NOT NULL REFERENCES change(id), action INTEGER NOT NULL, number INTEGER NOT NULL,
    state TEXT NOT NULL, contents BLOB NOT NULL, PRIMARY KEY (change, action, number)
) STRICT;
""",
)
"""What makes each form of the database from the one before; the first makes it from nothing."""


class ChangeStore:
    """Changes, their evidence, and files as they were. Safe for several processes at once.

    It is a `sme_tools.actions.journal.Journal`: what a method has returned from survives a kill -9
    (WAL, synchronous=FULL). The file is readable for its owner alone: the contents of kept files
    are in it as they are, secrets too, until they are forgotten.

    Raises:
        StateError: by every method, if the database can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = Database(path, _FORMS)

    def save(self, change: Change, evidence: Sequence[Evidence] = ()) -> None:
        """See `Journal.save`."""
        with self._database.write() as database:
            database.execute(
                "INSERT INTO change VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
                " SET phase = excluded.phase, document = excluded.document",
                (
                    change.id,
                    change.incident,
                    change.plan.host,
                    change.phase,
                    change.model_dump_json(exclude_none=True),
                ),
            )
            (count,) = database.execute(
                "SELECT count(*) FROM change_evidence WHERE change = ?", (change.id,)
            ).fetchone()
            database.executemany(
                "INSERT OR REPLACE INTO change_evidence VALUES (?, ?, ?, ?)",
                (
                    (change.id, e.id, count + n, zlib.compress(e.model_dump_json().encode(), 6))
                    for n, e in enumerate(evidence)
                ),
            )

    def keep(self, change: str, action: int, files: Sequence[KeptFile]) -> None:
        """See `Journal.keep`."""
        with self._database.write() as database:
            database.execute("PRAGMA secure_delete=ON")
            database.execute(
                "DELETE FROM kept_file WHERE change = ? AND action = ?", (change, action)
            )
            database.executemany(
                "INSERT INTO kept_file VALUES (?, ?, ?, ?, ?)",
                (
                    (change, action, number, file.state.model_dump_json(), file.contents)
                    for number, file in enumerate(files)
                ),
            )

    def kept(self, change: str, action: int) -> list[KeptFile]:
        """See `Journal.kept`."""
        with self._database.read() as database:
            rows = database.execute(
                "SELECT state, contents FROM kept_file WHERE change = ? AND action = ?"
                " ORDER BY number",
                (change, action),
            ).fetchall()
        try:
            return [
                KeptFile(state=FileState.model_validate_json(state), contents=contents)
                for state, contents in rows
            ]
        except ValidationError as error:
            raise self._database.fault(f"holds a damaged file of change {change}") from error

    def forget(self, change: str) -> None:
        """See `Journal.forget`. Its bytes are written over, in the database and in its log."""
        with self._database.write() as database:
            database.execute("PRAGMA secure_delete=ON")
            database.execute("DELETE FROM kept_file WHERE change = ?", (change,))
        with self._database.read() as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def load(self, id: str) -> Change:
        """The change with this id, or the one that it is the beginning of; "last" is the latest.

        Raises:
            UsageError: there is none, or several begin like this.
        """
        last = "SELECT document FROM change ORDER BY id DESC LIMIT 1"
        like = "SELECT document FROM change WHERE substr(id, 1, ?) = ? ORDER BY id LIMIT 2"
        with self._database.read() as database:
            rows = (
                database.execute(last) if id == "last" else database.execute(like, (len(id), id))
            ).fetchall()
        if not rows:
            raise UsageError(
                "nothing was changed yet" if id == "last" else f"there is no change {id!r}"
            )
        found = [self._change(row[0]) for row in rows]
        if len(found) > 1:
            raise UsageError(
                f"several changes begin with {id!r}: {found[0].id}, {found[1].id}, …",
                remedy="Type more of the id.",
            )
        return found[0]

    def of_incident(self, incident: str) -> list[Change]:
        """The changes of an incident, the latest first."""
        query = "SELECT document FROM change WHERE incident = ? ORDER BY id DESC"
        with self._database.read() as database:
            return [self._change(row[0]) for row in database.execute(query, (incident,))]

    def to_resume(self, incident: str, *, back: bool = False) -> list[Change]:
        """The changes of an incident that are not over, the earliest first.

        With `back`, to take them back: also those of which an undo failed, for another try.
        """
        return [
            change
            for change in reversed(self.of_incident(incident))
            if change.phase != "ended" or (back and change.outcome is Outcome.ROLLBACK_FAILED)
        ]

    def unfinished(self) -> list[Change]:
        """The changes that are not over, the latest first: under way elsewhere, or stopped."""
        query = "SELECT document FROM change WHERE phase != 'ended' ORDER BY id DESC"
        with self._database.read() as database:
            return [self._change(row[0]) for row in database.execute(query)]

    def evidence(self, change: str) -> list[Evidence]:
        """What the host said during a change, in order."""
        query = "SELECT document FROM change_evidence WHERE change = ? ORDER BY number, id"
        with self._database.read() as database:
            rows = database.execute(query, (change,)).fetchall()
        try:
            return [Evidence.model_validate_json(zlib.decompress(row[0])) for row in rows]
        except (ValidationError, zlib.error) as error:
            raise self._database.fault(f"holds damaged evidence of change {change}") from error

    def _change(self, document: str) -> Change:
        try:
            return Change.model_validate_json(document)
        except ValidationError as error:
            raise self._database.fault(f"holds a damaged change: {document[:60]!r}") from error
