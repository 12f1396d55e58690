"""Where an investigation stands: the checkpoints of its graph, in one SQLite database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sme_memory.database import BUSY_TIMEOUT_S, write_ahead
from sme_tools.errors import StateError

if TYPE_CHECKING:
    from langgraph.checkpoint.sqlite import SqliteSaver


@contextmanager
def checkpoints(path: Path) -> Iterator[SqliteSaver]:
    """The checkpoints' database, closed at the end of the block.

    Raises:
        StateError: it can't be read or written.
    """
    import sqlite3

    from langgraph.checkpoint.sqlite import SqliteSaver

    try:
        path.touch(mode=0o600)
        with closing(
            sqlite3.connect(path, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
        ) as connection:
            write_ahead(connection)
            saver = SqliteSaver(connection)
            saver.setup()
            yield saver
    except (OSError, sqlite3.Error) as error:
        raise StateError(f"{path}: {error}", remedy=_remedy(path, str(error))) from error


def _remedy(path: Path, problem: str) -> str:
    if "locked" in problem:
        return f"Another sme is writing. Wait, or find it: fuser {path}"
    if "not a database" in problem or "malformed" in problem:
        return f"Only resuming needs it, so it may go: rm -f {path} {path}-wal {path}-shm"
    return f"Free space on the disk of {path.parent} and make it writable, or set SME_STATE_DIR."
