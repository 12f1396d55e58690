"""One question from the words on the command line to the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sme_cli import exit_codes, session
from sme_cli.chat.conversation import Attachment, Chat
from sme_cli.chat.running import json_face
from sme_cli.render.out import reader_may_leave

if TYPE_CHECKING:
    from sme_cli.chat.faces import Face


def ask(
    question: str,
    brought: str,
    targets: Sequence[str],
    *,
    model: str | None,
    timeout_s: float | None,
    as_json: bool,
) -> int:
    """Have one question answered; returns the exit code.

    Raises:
        SmeError: it could not be; see `Talk.say`.
    """
    hosts = session.select(targets) if targets else []
    chat = Chat(
        json_face if as_json else _face,
        targets=targets,
        hosts=hosts,
        timeout_s=timeout_s,
        model=model,
    )
    attachments = [Attachment("stdin", brought)] if brought.strip() else []
    try:
        with reader_may_leave():
            chat.tell_opened()
            chat.say(question, attachments)
            chat.tell_done()
        incident = chat.talk.incident
        if incident.unreachable:
            return exit_codes.UNREACHABLE
        return exit_codes.CLEAN if chat.is_all_kept else exit_codes.FAILURE
    finally:
        chat.leave()
        chat.opener.close()


def _face(chat: Chat) -> Face:
    """The answer goes to standard output, as it is written where that is a terminal."""
    from sme_cli.chat.faces import PlainFace, TerminalFace
    from sme_cli.chat.screen import Screen
    from sme_cli.chat.shelf import Shelf

    if not sys.stdout.isatty():
        return PlainFace(chat.conclude)
    notes = None if sys.stderr.isatty() else Screen(sys.stderr)
    return TerminalFace(Screen(sys.stdout), Shelf(), chat.conclude, notes=notes)
