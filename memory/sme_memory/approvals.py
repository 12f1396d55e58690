"""The approvals on this machine: granted once, standing, and waiting for an answer.

One SQLite database. What is asked, granted, used, denied or revoked is in the audit log as well,
from which nothing is taken out; here, what is over is forgotten after a week.
"""

from __future__ import annotations

import json
import shlex
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from sme_memory.approval import Answer, Approval, Bound, Request, Standing, new_id
from sme_memory.database import Database
from sme_tools.errors import UsageError
from sme_tools.safety.audit import AuditEntry, AuditKind
from sme_tools.safety.guard import Guard

LIFETIME = timedelta(minutes=15)
"""Of an approval: long enough for the steps before the one that it is for."""
WAITS = timedelta(days=7)
"""How long a question waits for its answer."""
FORGOTTEN_AFTER = timedelta(days=7)

_FORMS = (
    """
CREATE TABLE item (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, at TEXT NOT NULL,
    expires_at TEXT, ended_at TEXT, document TEXT NOT NULL
) STRICT;
CREATE INDEX item_by_key ON item (kind, key);
""",
)
"""key: what it is looked up by, compared to the byte. ended_at: when it was used, revoked or
answered. Moments are of one width and in UTC, so that they sort as text."""

Item = Approval | Standing | Request
Some = TypeVar("Some", Approval, Standing, Request)


class Approvals:
    """What may run. Safe for several processes at once.

    Nothing is granted or used unless the audit log takes the entry; a denial and a revocation hold
    even so. `now` gives the time, with its zone.

    Raises:
        StateError: by every method, if the database can't be read or written.
    """

    def __init__(
        self, path: Path, guard: Guard, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = Database(path, _FORMS)
        self._guard = guard
        self._now = now

    def grant(
        self, bound: Bound, *, by: str, lifetime: timedelta = LIFETIME, incident: str | None = None
    ) -> Approval:
        """Let this command run once, within `lifetime`."""
        with self._database.write() as database:
            return self._grant(database, bound, by, lifetime, incident)

    def find(self, bound: Bound, incident: str | None = None) -> Approval | None:
        """An approval of exactly this that can be used now; the one that was granted first.

        One that was granted for an incident is for that incident alone.
        """
        with self._database.read() as database:
            found = self._in_force(database, Approval, _key(bound))
        return next((one for one in found if one.incident in (None, incident)), None)

    def use(self, id: str, *, by: str) -> Approval | None:
        """Use an approval up, right before its command runs; `by` is who or what runs it.

        None: it is used, expired, revoked or unknown, so nothing may run. Of several processes that
        try, one gets it.
        """
        with self._database.write() as database:
            approval = self._one_in_force(database, Approval, id)
            if approval is None:
                return None
            used = approval.model_copy(update={"used_at": self._now()})
            self._end(database, used)
            self._must_record("approval.used", used, by)
        return used

    def unused(self) -> list[Approval]:
        """The approvals that can still be used, the oldest first."""
        with self._database.read() as database:
            return self._in_force(database, Approval)

    def allow_always(
        self, host: str, words: Sequence[str], *, by: str, expires_at: datetime | None = None
    ) -> Standing:
        """Let a program with these leading arguments run on this host again and again.

        Raises:
            UsageError: no program is named.
        """
        if not words or not words[0]:
            raise UsageError(
                "a standing approval names a program", remedy="Name it: systemctl restart nginx"
            )
        standing = Standing(
            id=new_id("st"), host=host, words=tuple(words), by=by, at=self._now(),
            expires_at=expires_at,
        )  # fmt: skip
        with self._database.write() as database:
            self._put(database, standing)
            self._must_record("approval.granted", standing, by)
        return standing

    def covering(self, host: str, argv: Sequence[str], *, whole: bool = False) -> Standing | None:
        """A standing approval that covers this simple command on this host; see `Standing`.

        `whole`: only one of exactly these words, with nothing left open.
        """
        with self._database.read() as database:
            here = self._in_force(database, Standing, host)
        least = len(argv) if whole else 0
        return next((one for one in here if one.covers(argv) and len(one.words) >= least), None)

    def standing(self) -> list[Standing]:
        """The standing approvals in force, the oldest first."""
        with self._database.read() as database:
            return self._in_force(database, Standing)

    def ask(self, bound: Bound, *, by: str, reason: str, incident: str | None = None) -> Request:
        """Put a change to the user; what waits already for the same incident is not put twice."""
        asked = Request(
            **_fields(bound), id=new_id("rq"), asked_by=by, reason=reason, at=self._now(),
            expires_at=self._now() + WAITS, incident=incident,
        )  # fmt: skip
        with self._database.write() as database:
            for waiting in self._in_force(database, Request, _key(bound)):
                if waiting.incident == incident:
                    return waiting
            self._put(database, asked)
        self._guard.record([self._entry("approval.asked", asked, by)])
        return asked

    def pending(self, incident: str | None = None) -> list[Request]:
        """What waits for an answer, of one incident or of all, the oldest first."""
        with self._database.read() as database:
            waiting = self._in_force(database, Request)
        return [one for one in waiting if incident is None or one.incident == incident]

    def request(self, id: str) -> Request:
        """A question and, once it has one, its answer. Raises UsageError if there is none."""
        with self._database.read() as database:
            row = database.execute(
                "SELECT document FROM item WHERE kind = 'Request' AND id = ?", (id,)
            ).fetchone()
        if row is None:
            raise UsageError(f"nobody asked {id!r}", remedy=_SEE)
        return self._read(Request, row[0])

    def last_request(self, bound: Bound, incident: str | None) -> Request | None:
        """The latest question of an incident about exactly this, answered or not."""
        query = "SELECT document FROM item WHERE kind = 'Request' AND key = ? ORDER BY at DESC"
        with self._database.read() as database:
            rows = database.execute(query, (_key(bound),)).fetchall()
        asked = (self._read(Request, document) for (document,) in rows)
        return next((request for request in asked if request.incident == incident), None)

    def approve(self, id: str, *, by: str, lifetime: timedelta = LIFETIME) -> Approval:
        """Answer a question with yes.

        Raises:
            UsageError: no such question waits for an answer.
        """
        with self._database.write() as database:
            asked = self._waiting(database, id)
            approval = self._grant(database, asked, by, lifetime, asked.incident)
            self._end(database, self._answered(asked, "granted", by, approval.id))
        return approval

    def deny(self, id: str, *, by: str) -> Request:
        """Answer a question with no. Raises as `approve`."""
        with self._database.write() as database:
            denied = self._answered(self._waiting(database, id), "denied", by)
            self._end(database, denied)
        self._guard.record([self._entry("approval.denied", denied, by)])
        return denied

    def revoke(self, id: str, *, by: str) -> Approval | Standing:
        """Take back an approval that is in force, of one command or standing.

        Raises:
            UsageError: there is none.
        """
        with self._database.write() as database:
            found = self._one_in_force(database, Approval, id) or self._one_in_force(
                database, Standing, id
            )
            if found is None:
                raise UsageError(f"there is no approval {id!r} in force", remedy=_SEE)
            revoked = found.model_copy(update={"revoked_at": self._now()})
            self._end(database, revoked)
        self._guard.record([self._entry("approval.revoked", revoked, by)])
        return revoked

    def _grant(
        self,
        database: sqlite3.Connection,
        bound: Bound,
        by: str,
        lifetime: timedelta,
        incident: str | None,
    ) -> Approval:
        at = self._now()
        approval = Approval(
            **_fields(bound), id=new_id("ap"), by=by, at=at, expires_at=at + lifetime,
            incident=incident,
        )  # fmt: skip
        self._put(database, approval)
        self._must_record("approval.granted", approval, by)
        return approval

    def _answered(self, asked: Request, answer: Answer, by: str, approval: str = "") -> Request:
        said = {"answer": answer, "answered_by": by, "answered_at": self._now()}
        return asked.model_copy(update={**said, "approval": approval or None})

    def _waiting(self, database: sqlite3.Connection, id: str) -> Request:
        asked = self._one_in_force(database, Request, id)
        if asked is None:
            raise UsageError(f"no question {id!r} waits for an answer", remedy=_SEE)
        return asked

    def _in_force(
        self, database: sqlite3.Connection, model: type[Some], key: str | None = None
    ) -> list[Some]:
        rows = database.execute(
            "SELECT document FROM item WHERE kind = ? AND (? IS NULL OR key = ?)"
            " AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > ?) ORDER BY at, id",
            (model.__name__, key, key, _moment(self._now())),
        )
        return [self._read(model, document) for (document,) in rows]

    def _one_in_force(
        self, database: sqlite3.Connection, model: type[Some], id: str
    ) -> Some | None:
        return next((one for one in self._in_force(database, model) if one.id == id), None)

    def _put(self, database: sqlite3.Connection, item: Item) -> None:
        database.execute(
            "DELETE FROM item WHERE coalesce(ended_at, expires_at) < ?",
            (_moment(self._now() - FORGOTTEN_AFTER),),
        )
        database.execute(
            "INSERT INTO item VALUES (?, ?, ?, ?, ?, NULL, ?)",
            (
                item.id,
                type(item).__name__,
                item.host if isinstance(item, Standing) else _key(item),
                _moment(item.at),
                _moment(item.expires_at) if item.expires_at else None,
                item.model_dump_json(),
            ),
        )

    def _end(self, database: sqlite3.Connection, item: Item) -> None:
        database.execute(
            "UPDATE item SET ended_at = ?, document = ? WHERE id = ?",
            (_moment(self._now()), item.model_dump_json(), item.id),
        )

    def _must_record(self, kind: AuditKind, item: Item, by: str) -> None:
        """Within the transaction: what the audit log does not take is not committed either."""
        self._guard.audit.record([self._entry(kind, item, by)])

    def _entry(self, kind: AuditKind, item: Item, by: str) -> AuditEntry:
        said = item.model_dump(mode="json", exclude={"host", "words"}, exclude_none=True)
        if isinstance(item, Standing):
            said["command"] = f"{shlex.join(item.words)} …"
        for field in said.keys() & {"command", "reason"}:
            said[field] = self._guard.redactor.text(said[field])
        return AuditEntry(kind, by, item.host, said)

    def _read(self, model: type[Some], document: str) -> Some:
        try:
            return model.model_validate_json(document)
        except ValidationError as error:
            raise self._database.fault(f"holds a damaged approval: {document[:60]!r}") from error


_SEE = "See what there is: sme policy approvals"


def _fields(bound: Bound) -> dict[str, str]:
    return {name: getattr(bound, name) for name in Bound.model_fields}


def _key(bound: Bound) -> str:
    return json.dumps([bound.command, bound.host, bound.user, bound.cwd])


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
