"""What was typed in earlier conversations, without its secrets, for the arrow keys and Ctrl-R."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cached_property
from pathlib import Path

from prompt_toolkit.history import History

from sme_tools.errors import SmeError

FILE_NAME = "chat_history"
MOST_CHARACTERS = 4_000
"""What is longer is not kept."""
MOST_LOADED = 2_000


class RedactedHistory(History):
    """Lines in a file that is readable for its owner alone, in prompt_toolkit's own form.

    Where the file can't be read or written the history is that of this session.
    """

    def __init__(self, folder: Callable[[], Path]) -> None:
        super().__init__()
        self._folder = folder

    @cached_property
    def _path(self) -> Path:
        return self._folder() / FILE_NAME

    def load_history_strings(self) -> Iterable[str]:
        """What is in the file, the latest first."""
        try:
            written = self._path.read_text("utf-8", "replace")
        except (OSError, SmeError):
            return []
        entries: list[str] = []
        goes_on = False
        for line in written.split("\n"):
            if not line.startswith("+"):
                goes_on = False
            elif goes_on:
                entries[-1] += f"\n{line[1:]}"
            else:
                entries.append(line[1:])
                goes_on = True
        return entries[: -MOST_LOADED - 1 : -1]

    def store_string(self, string: str) -> None:
        """Add what was typed to the file, without the secrets in it."""
        from sme_tools.safety.redaction import Redactor

        if len(string) > MOST_CHARACTERS:
            return
        lines = Redactor().text(string).encode("utf-8", "replace").decode().split("\n")
        text = f"\n# {datetime.now():%F %T}\n" + "".join(f"+{line}\n" for line in lines)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
            file = os.open(self._path, flags, 0o600)
        except OSError:
            return
        with os.fdopen(file, "wb") as stream:
            os.fchmod(file, 0o600)
            stream.write(text.encode())
