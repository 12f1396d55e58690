"""Asking the user for the passphrase of a key, where there is a terminal to ask on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

_one_at_a_time = threading.Lock()

Pause = Callable[[], AbstractContextManager[None]]


def asker(pause: Pause = nullcontext) -> Callable[[str], str | None] | None:
    """A function that asks for a secret by its prompt; None where nobody can answer.

    While it asks it is in a `pause` of whatever else draws on the terminal.
    """

    def ask(prompt: str) -> str | None:
        import getpass

        with _one_at_a_time, pause():
            return getpass.getpass(prompt, stream=sys.stderr) or None

    return ask if sys.stdin.isatty() and sys.stderr.isatty() else None
