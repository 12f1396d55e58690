"""State is for its owner alone: what is open to others, from a backup or a copy, is closed.

Only what is ours is touched. SME_STATE_DIR may name a folder that holds other things too, a home
say: of such a one the files of ours are closed, and the folder is left as it is.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from sme_tools.errors import StateError

_OURS = re.compile(r"[\w-]+\.(?:db(?:-wal|-shm|-journal)?|jsonl(?:\.head|\.torn)?)")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def close_to_others(folder: Path, *, whole: bool) -> None:
    """Take the rights of group and others from our files; with `whole` from the folder too.

    Raises:
        StateError: others could put files of theirs in place of ours, or rights can't be changed.
    """
    mode = folder.stat().st_mode
    if whole:
        _close(folder, mode)
    elif mode & stat.S_IWOTH:
        raise StateError(
            f"{folder}: everybody can write to it, and so replace what is kept there",
            remedy=f"chmod o-w {folder}, or set SME_STATE_DIR to a folder of yours.",
        )
    with os.scandir(folder) as entries:
        for entry in entries:
            if _OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                # By path and without opening it: closing a descriptor would drop SQLite's locks.
                _close(Path(entry.path), entry.stat(follow_symlinks=False).st_mode)


def _close(path: Path, mode: int) -> None:
    if not mode & _OTHERS:
        return
    closed = stat.S_IMODE(mode) & ~_OTHERS
    try:
        path.chmod(closed)
    except FileNotFoundError:
        return  # another process has cleared SQLite's log away
    except OSError as error:
        raise StateError(
            f"{path}: open to others, and can't be closed: {error.strerror}",
            remedy=f"As its owner: chmod {closed:o} {path}. Or set SME_STATE_DIR to another.",
        ) from error
