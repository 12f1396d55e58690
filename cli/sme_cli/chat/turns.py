"""One turn: its events are shown as they come, Ctrl-C stops it, and what it changed is told."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from sme_cli import exit_codes
from sme_tools.errors import Interrupted

if TYPE_CHECKING:
    from sme_agent.events import Event
    from sme_agent.talk import Talk
    from sme_cli.chat.faces import Face
    from sme_cli.chat.opening import Opened, Opening

Begin = Callable[["Talk"], "Iterator[Event]"]


class Turns:
    """Carries out turns on a face. `cancelled` is set while one is being stopped."""

    def __init__(self, face: Face, cancelled: threading.Event) -> None:
        self._face = face
        self._cancelled = cancelled

    def carry_out(self, opening: Opening, begin: Begin, hear: Callable[[Event], None]) -> Opened:
        """Do what `begin` gives the events of; `hear` is told of each.

        Raises:
            Interrupted: Ctrl-C was pressed; what was found is kept.
            SmeError: see `Talk`.
        """
        self._cancelled.clear()
        with self._heeding_interrupts(opening), self._face.turn():
            self._face.awaited.beside = lambda: opening.loads
            opened = opening.wait()
            self._face.case = opened.talk.case
            self._face.awaited.wait_for("begins")
            for event in begin(opened.talk):
                self._face.hear(event)
                hear(event)
        return opened

    @contextmanager
    def _heeding_interrupts(self, opening: Opening) -> Iterator[None]:
        """The first Ctrl-C stops the turn at the next chance, a second one ends the program."""

        def stop(number: int, frame: FrameType | None) -> None:
            if self._cancelled.is_set():
                self._end_at_once(opening)
            self._cancelled.set()
            self._face.awaited.stopping = True
            if opening.now is None:
                raise Interrupted("stopped")
            opening.now.talk.stop()

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _end_at_once(self, opening: Opening) -> None:
        """End without a wait for what goes on; no lock is touched."""
        self._face.restore()
        text = "sme: ended at once; a command that was running goes on\n"
        if opening.now is not None and opening.now.is_kept:
            text += f"     Come back: sme chat --resume {opening.now.talk.incident.id}\n"
        with suppress(OSError):
            os.write(2, text.encode())
        os._exit(exit_codes.INTERRUPTED)


def show_outcomes(face: Face, opened: Opened) -> None:
    """Tell how the changes of the turn ended, or what they wait for."""
    from sme_agent.resolution import digest
    from sme_cli.chat.faces import JsonFace
    from sme_cli.render.outcomes import change_document, print_outcome, print_waiting

    incident = opened.talk.incident
    question = face.asked.question if face.asked else None
    for id in face.changes:
        change = opened.colleague.changes.load(id)
        if isinstance(face, JsonFace):
            face.write({"event": "outcome", "change": change_document(change)})
            continue
        with face.paused():
            sys.stdout.write("\n")
            if change.outcome is not None:
                print_outcome(change, incident)
            else:
                its_own = question if question and question.host == change.plan.host else None
                print_waiting(change, its_own, digest(change.plan), incident.id)
            sys.stdout.flush()
