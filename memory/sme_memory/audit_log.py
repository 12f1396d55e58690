"""The audit log: every command on every host, and every approval; nothing is ever taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sme_memory.chained_log import ChainedLog, LogEntry, NewEntry, Verified
from sme_tools.errors import StateError
from sme_tools.safety.audit import AuditEntry


class AuditLog:
    """The audit log of this machine, in one file; its folder is made on first use.

    An entry's subject is the host. Safe for several processes and threads at once.

    Raises:
        StateError: by every method, if the file can't be read, written or locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = ChainedLog(path)

    def record(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries; they are on the disk when this returns, all of them or none."""
        self._make_folder()
        self._log.append_all(
            [
                NewEntry(e.kind, _sayable(e.actor), _sayable(e.host), _sayable(e.data))
                for e in entries
            ]
        )

    def read(
        self,
        *,
        host: str | None = None,
        since: datetime | None = None,
        actor: str | None = None,
        verdict: str | None = None,
    ) -> list[LogEntry]:
        """The entries in order, without the check of the chain.

        `actor` is one ("user ann") or a kind of them ("user", "model").

        Raises:
            LogBroken: a line is no entry.
        """
        return [
            entry
            for entry in self._log.read(since=since)
            if (host is None or entry.subject == host)
            and (actor is None or entry.actor == actor or entry.actor.startswith(f"{actor} "))
            and (verdict is None or entry.data.get("verdict") == verdict)
        ]

    def verify(self) -> Verified:
        """Check that no entry was altered, lost or put in between; see `ChainedLog.verify`."""
        return self._log.verify()

    def _make_folder(self) -> None:
        folder = self.path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(
                f"{folder}: can't be made: {error.strerror}",
                remedy="Free space or make its parent writable, or set SME_STATE_DIR to another.",
            ) from error


def _sayable(value: Any) -> Any:  # noqa: ANN401 - what JSON can say
    """The value with every lone surrogate (PEP 383: a byte that is no UTF-8) as "?"."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode("utf-8")
        case Mapping():
            return {key: _sayable(item) for key, item in value.items()}
        case list() | tuple():
            return [_sayable(item) for item in value]
        case _:
            return value
