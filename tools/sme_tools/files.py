"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def replace_file(path: Path, data: bytes) -> None:
    """Write a file, readable for its owner alone (0600); a reader sees the old one or the new one.

    Raises:
        OSError: it can't be written; what was there before still is.
    """
    with _beside(path, data) as written:
        written.replace(path)


def create_file(path: Path, data: bytes) -> None:
    """Write a new file, readable for its owner alone (0600); a reader sees none or the whole.

    Raises:
        FileExistsError: there is one already, perhaps since a moment ago.
        OSError: it can't be written.
    """
    with _beside(path, data) as written:
        path.hardlink_to(written)


@contextmanager
def _beside(path: Path, data: bytes) -> Iterator[Path]:
    """A file with this content in the same folder, on the disk, for as long as it is not moved."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        yield Path(name)
    finally:
        with suppress(OSError):
            Path(name).unlink()
