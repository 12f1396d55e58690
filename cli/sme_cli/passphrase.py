"""Asking the user for the passphrase of a key, where there is a terminal to ask on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

_one_at_a_time = threading.Lock()


def asker() -> Callable[[str], str | None] | None:
    """A function that asks for a secret by its prompt; None where nobody can answer."""
    return _ask if sys.stdin.isatty() and sys.stderr.isatty() else None


def _ask(prompt: str) -> str | None:
    import getpass

    with _one_at_a_time:
        return getpass.getpass(prompt, stream=sys.stderr) or None
