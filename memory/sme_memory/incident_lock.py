"""One process at a time works on an incident: two would each go by a record the other changes."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sme_tools.errors import StateError, UsageError


@contextmanager
def alone_with(incident: str, folder: Path) -> Iterator[None]:
    """Keep every other process from working on this incident; the kernel ends that with ours.

    Raises:
        UsageError: another process, or somebody else in this one, is at it.
        StateError: the folder takes no file.
    """
    path = folder / f"{incident}.lock"
    try:
        file = _take(incident, path)
    except OSError as error:
        raise StateError(
            f"{path}: {error.strerror or error}",
            remedy=f"Free space on the disk of {folder} and make it writable for you, "
            "or set SME_STATE_DIR to another folder.",
        ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # a file that stays holds nobody up
            path.unlink()
        os.close(file)


def _take(incident: str, path: Path) -> int:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(file, path):
                with contextlib.suppress(OSError):  # on a full disk it is held all the same
                    os.ftruncate(file, 0)
                    os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
                return file
        except BlockingIOError as error:
            holder = os.pread(file, 20, 0).decode(errors="replace").strip()
            os.close(file)
            raise UsageError(
                f"another sme works on incident {incident} (pid {holder or 'not known'})",
                remedy=f"Wait until it has ended, then: sme incidents show {incident}",
            ) from error
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # whoever held it before has removed it: what is locked has no name


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.lstat())
    except FileNotFoundError:
        return False
