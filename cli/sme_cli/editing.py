"""A line that a person changes: what stands in it first is there to be edited."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prompt_toolkit.enums import EditingMode

_EDITING_MODE = re.compile(r"^\s*set\s+editing-mode\s+(vi|emacs)\b", re.MULTILINE)


def edit_line(prompt: str, text: str) -> str:
    """The text as the person leaves it; empty if they gave up with Ctrl-D or Ctrl-C."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.input.typeahead import clear_typeahead

    session: PromptSession[str] = PromptSession(editing_mode=editing_mode())
    # What was typed before the line was to be seen is no part of it.
    clear_typeahead(session.app.input)
    session.app.input.flush_keys()
    forget_what_was_typed_before()
    try:
        return session.prompt(prompt, default=text, multiline="\n" in text).strip()
    except (EOFError, KeyboardInterrupt):
        return ""


def editing_mode() -> EditingMode:
    """vi or emacs, as the user has it for every line (inputrc, as readline reads it)."""
    from prompt_toolkit.enums import EditingMode

    file = Path(os.environ.get("INPUTRC") or Path.home() / ".inputrc")
    try:
        chosen = _EDITING_MODE.findall(file.read_text("utf-8", "replace"))
    except OSError:
        return EditingMode.EMACS
    return EditingMode.VI if chosen and chosen[-1] == "vi" else EditingMode.EMACS


def forget_what_was_typed_before() -> None:
    """What was typed before a question was to be seen is no answer to it."""
    import termios

    try:
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    except termios.error:
        return
