"""Structured logs: one JSON object a line, through a logger of our own.

The global configuration of structlog and logging is left to whoever uses this as a library.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sme_tools.errors import StateError


class Journal:
    """Where log lines go. A line that can't be written is said in `problem`, and work goes on."""

    def __init__(self, place: str, *, session: str) -> None:
        """`place`: `stderr`, or the path of a file, which is made for its owner alone.

        Raises:
            StateError: the file can't be opened for writing, or others own it.
        """
        import structlog

        self._sink = _Stderr() if place == "stderr" else _PrivateFile(Path(place).expanduser())
        self._logger = structlog.wrap_logger(
            self._sink,
            processors=[
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
            wrapper_class=structlog.BoundLogger,
            context_class=dict,
            cache_logger_on_first_use=False,
        ).bind(session=session)

    @property
    def problem(self) -> str:
        """Why a line is missing; empty while none is."""
        return self._sink.problem

    def write(self, event: str, fields: Mapping[str, Any]) -> None:
        """Add a line."""
        self._logger.info(event, **fields)

    def close(self) -> None:
        """Let the file go."""
        self._sink.close()


class _Stderr:
    problem = ""

    def info(self, line: str) -> None:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Standard error stays open: it is not ours."""


class _PrivateFile:
    """Lines of several processes may come together in one file: each is one write, at its end."""

    def __init__(self, path: Path) -> None:
        self.problem = ""
        self._path = path
        self._lock = threading.Lock()
        try:
            self._descriptor = os.open(
                path,
                os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK,
                0o600,
            )
            # It may have been there before, open to others.
            os.fchmod(self._descriptor, 0o600)
        except OSError as error:
            raise StateError(
                f"{path}: can't be logged to: {error.strerror}",
                remedy="Name another file in [telemetry] log, or set it to off.",
            ) from error

    def info(self, line: str) -> None:
        data = (line + "\n").encode("utf-8", "replace")
        with self._lock:
            try:
                if self._descriptor >= 0:
                    os.write(self._descriptor, data)
            except OSError as error:
                self.problem = f"{self._path}: not logged: {error.strerror}"

    def close(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
