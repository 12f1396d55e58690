"""The conversations with a model: what was said in each, word for word, in the order it was said.

A conversation belongs to an incident and is known by its id. A message is a JSON object with a
`role`, as whoever holds the conversation makes it. Nothing that was said is changed or goes away;
what was taken back stays on record and is left out when the conversation is read.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from sme_memory.database import Database

FILE_NAME = "conversations.db"
"""Of the store, in the state folder."""
FIRST_WORDS = 80
"""Characters of what a person said first."""

_FORMS = (
    """
CREATE TABLE conversation (incident TEXT PRIMARY KEY, last_at TEXT NOT NULL) STRICT;
CREATE INDEX conversation_by_time ON conversation (last_at);
CREATE TABLE message (
    incident TEXT NOT NULL REFERENCES conversation(incident), number INTEGER NOT NULL,
    at TEXT NOT NULL, by_person INTEGER NOT NULL, retracted_at TEXT, document BLOB NOT NULL,
    PRIMARY KEY (incident, number)
) STRICT, WITHOUT ROWID;
""",
)


class ConversationSummary(BaseModel):
    """What tells one conversation from another in a list."""

    model_config = ConfigDict(frozen=True)

    incident: str
    last_at: datetime
    """When something was last said."""
    first_words: str
    """The beginning of what the person said first, in one line; empty if that was taken back."""


class ConversationStore:
    """Conversations by incident. Safe for several processes and threads at once.

    What `append` or `retract` has returned from survives a kill -9.

    Raises:
        StateError: by every method, if the database can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = Database(path, _FORMS)

    def append(self, incident: str, documents: Sequence[Mapping[str, Any]]) -> int:
        """Store what was said next, all of it or nothing; gives the number of the first message.

        Raises:
            ValueError, TypeError: a document is no JSON object with a role; nothing was stored.
        """
        packed = [(_is_by_person(said), _pack(said)) for said in documents]
        at = _now()
        with self._database.write() as database:
            (first,) = database.execute(
                "SELECT coalesce(max(number) + 1, 0) FROM message WHERE incident = ?", (incident,)
            ).fetchone()
            if packed:
                database.execute(
                    "INSERT INTO conversation VALUES (?, ?) ON CONFLICT (incident) DO UPDATE"
                    " SET last_at = excluded.last_at",
                    (incident, at),
                )
            database.executemany(
                "INSERT INTO message VALUES (?, ?, ?, ?, NULL, ?)",
                (
                    (incident, number, at, by_person, document)
                    for number, (by_person, document) in enumerate(packed, first)
                ),
            )
        return int(first)

    def read(self, incident: str) -> list[dict[str, Any]]:
        """What was said and not taken back, in order; empty if there was no conversation."""
        with self._database.read() as database:
            rows = database.execute(
                "SELECT number, document FROM message"
                " WHERE incident = ? AND retracted_at IS NULL ORDER BY number",
                (incident,),
            ).fetchall()
        return [self._unpack(incident, number, document) for number, document in rows]

    def last_turn(self, incident: str) -> int | None:
        """The number of the message with which the person last spoke, and did not take it back."""
        with self._database.read() as database:
            (number,) = database.execute(
                "SELECT max(number) FROM message"
                " WHERE incident = ? AND by_person AND retracted_at IS NULL",
                (incident,),
            ).fetchone()
        return None if number is None else int(number)

    def retract(self, incident: str, from_number: int) -> int:
        """Take back the message with this number and all after it; gives how many that were."""
        with self._database.write() as database:
            taken_back = database.execute(
                "UPDATE message SET retracted_at = ?"
                " WHERE incident = ? AND number >= ? AND retracted_at IS NULL",
                (_now(), incident, from_number),
            ).rowcount
        return taken_back

    def latest(self, limit: int = 20) -> list[ConversationSummary]:
        """The conversations, the one in which something was said last first."""
        with self._database.read() as database:
            rows = database.execute(
                "SELECT c.incident, c.last_at, m.number, m.document FROM conversation c"
                " LEFT JOIN message m ON m.incident = c.incident AND m.number = ("
                "  SELECT min(number) FROM message WHERE incident = c.incident AND by_person"
                "  AND retracted_at IS NULL)"
                " ORDER BY c.last_at DESC, c.incident DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [
            ConversationSummary(
                incident=incident,
                last_at=datetime.fromisoformat(last_at),
                first_words=_beginning(self._unpack(incident, number, document))
                if document is not None
                else "",
            )
            for incident, last_at, number, document in rows
        ]

    def last(self) -> str | None:
        """The incident in whose conversation something was said last; None if there is none."""
        with self._database.read() as database:
            row = database.execute(
                "SELECT incident FROM conversation ORDER BY last_at DESC, incident DESC LIMIT 1"
            ).fetchone()
        return None if row is None else str(row[0])

    def _unpack(self, incident: str, number: int, document: bytes) -> dict[str, Any]:
        try:
            said = json.loads(zlib.decompress(document))
            if not _is_message(said):
                raise ValueError("no message")
        except (ValueError, zlib.error) as error:
            raise self._database.fault(
                f"holds a damaged message: {number} of incident {incident}"
            ) from error
        return dict(said)


def _is_message(document: object) -> bool:
    return isinstance(document, Mapping) and isinstance(document.get("role"), str)


def _pack(document: Mapping[str, Any]) -> bytes:
    if not _is_message(document):
        raise ValueError("a message must have a role")
    # In ASCII: a lone surrogate, which is what a byte that is no UTF-8 may have become, is kept.
    return zlib.compress(json.dumps(dict(document), allow_nan=False).encode("ascii"), 6)


def _is_by_person(document: Mapping[str, Any]) -> bool:
    """Whether a person said it, and not the program in their place."""
    return document.get("role") == "user" and document.get("origin", "person") == "person"


def _beginning(document: Mapping[str, Any]) -> str:
    words = " ".join(str(document.get("text") or "").split())
    return words if len(words) <= FIRST_WORDS else f"{words[: FIRST_WORDS - 1]}…"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
