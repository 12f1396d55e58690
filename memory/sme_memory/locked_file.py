"""A file that several processes append to, one at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sme_tools.errors import StateError

LOCK_TIMEOUT_S = 10.0
_BLOCK_BYTES = 64 * 1024


@contextmanager
def locked(path: Path, flags: int, lock: int) -> Iterator[int]:
    """A descriptor of the file, with `lock` (fcntl.LOCK_SH or LOCK_EX) held on it.

    Raises:
        StateError: the file can't be opened or locked, or what is done with it fails.
    """
    try:
        file = os.open(path, flags | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _fault(path, error) from error
    try:
        _lock(path, file, lock)
        yield file
    except OSError as error:
        raise _fault(path, error) from error
    finally:
        os.close(file)


def _lock(path: Path, file: int, lock: int) -> None:
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(file, lock | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise StateError(
                    f"{path}: another process holds its lock",
                    remedy=f"Wait, or find it: fuser {path}",
                ) from error
            time.sleep(0.005)
        else:
            return


def _fault(path: Path, error: OSError) -> StateError:
    return StateError(
        f"{path}: {error.strerror or error}",
        remedy=f"Free space on the disk of {path.parent} and make it writable for you, "
        "or set SME_STATE_DIR to another folder.",
    )


def write_all(file: int, data: bytes) -> None:
    """Write all of it, however many calls that takes."""
    while data:
        data = data[os.write(file, data) :]


def last_line(file: int) -> bytes:
    """The last line of a file, with its line end if it has one."""
    end = os.fstat(file).st_size
    tail = b""
    while end > 0:
        start = max(0, end - _BLOCK_BYTES)
        tail = os.pread(file, end - start, start) + tail
        newline = tail.rfind(b"\n", 0, len(tail) - 1)
        if newline >= 0:
            return tail[newline + 1 :]
        end = start
    return tail
