"""Asking a person on the terminal whether a command may run."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from sme_agent.questions import Answer, Question
from sme_cli.editing import edit_line, forget_what_was_typed_before
from sme_cli.render.gutter import put_command, put_words
from sme_cli.render.plans import put_undo
from sme_tools.errors import Interrupted
from sme_tools.hosts.purpose import this_user

if TYPE_CHECKING:
    from rich.console import Console

INDENT = 2


def somebody_is_there() -> bool:
    """Whether there is a terminal on which a question can be put and answered."""
    return sys.stdin.isatty()


@dataclass(frozen=True)
class Prompt:
    """Puts questions on the terminal. As `questions.Ask` has it: None where nobody answers.

    Raises:
        Interrupted: Ctrl-C was pressed; `cancelled` is set as well.
    """

    pause: Callable[[], AbstractContextManager[None]]
    """Takes away the live line while the terminal is in use."""
    cancelled: threading.Event

    def __call__(self, question: Question) -> Answer | None:
        """Show all there is to know about a command, and ask until there is an answer."""
        with self.pause(), _terminal() as stream, self._interrupts():
            if stream is None:
                return None
            from rich.console import Console

            return _Conversation(question, Console(file=stream, highlight=False), stream).hold()

    @contextmanager
    def _interrupts(self) -> Iterator[None]:
        """Here Ctrl-C must break off the reading, where else it is heeded at the next chance."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            if self.cancelled.is_set():
                raise Interrupted("stopped")
            yield
        except KeyboardInterrupt:
            self.cancelled.set()
            raise Interrupted("stopped") from None
        finally:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _terminal() -> Iterator[TextIO | None]:
    """Where a question can be seen: standard error, or the terminal where that goes elsewhere."""
    if sys.stderr.isatty():
        yield sys.stderr
        return
    try:
        stream = Path("/dev/tty").open("w", encoding="utf-8", errors="replace")  # noqa: SIM115
    except OSError:
        yield None
        return
    with stream:
        yield stream


@dataclass(frozen=True)
class _Conversation:
    """One question and what is said about it."""

    question: Question
    screen: Console
    stream: TextIO

    def hold(self) -> Answer | None:
        """Show, ask, and ask again."""
        self._show()
        while (word := self._read(self._choices())) is not None:
            match word:
                case "y" | "yes":
                    return Answer("yes", by=this_user())
                case "a" | "all" if self._has_plan:
                    return Answer("plan", by=this_user())
                case "A" | "always" if self.question.words:
                    if self._is_sure():
                        return Answer("always", by=this_user(), words=self.question.words)
                case "e" | "edit" if self.question.may_be_edited:
                    if command := self._edited():
                        return Answer("yes", by=this_user(), command=command)
                case "n" | "no":
                    reason = self._read("Why not? (Enter: no reason) ")
                    return Answer("no", by=this_user(), reason=reason or "")
                case "?":
                    self._help()
                case _:
                    self._say("That is no answer. Type one of these letters, and Enter.")
        return None

    @property
    def _has_plan(self) -> bool:
        return self.question.step is not None

    def _show(self) -> None:
        asked, screen = self.question, self.screen
        at = f"Step {asked.step} of {asked.steps} on" if self._has_plan else "On"
        screen.print()
        where = f"{asked.host}, as {asked.user} in {asked.cwd}"
        put_words(screen, f"{at} ", where, indent=0, style="bold")
        put_words(screen, "for: ", asked.why, indent=INDENT)
        put_words(screen, "by:  ", asked.asked_by, indent=INDENT)
        put_words(screen, "why: ", asked.reason, indent=INDENT)
        put_command(screen, "+", asked.command, indent=INDENT, style="bold green")
        put_undo(screen, asked.undo, asked.keep_files, indent=INDENT)
        if asked.verify:
            put_command(screen, "?", asked.verify, indent=INDENT)
        if strange := _not_ascii(asked.command):
            text = f"it holds characters that may look like others: {strange}"
            put_words(screen, "! ", text, indent=INDENT, style="yellow")

    def _choices(self) -> str:
        parts = ["y yes", "a all that is left" if self._has_plan else ""]
        parts += ["A always" if self.question.words else ""]
        parts += ["e edit" if self.question.may_be_edited else "", "n no", "? help"]
        return f"Run it?  {' · '.join(filter(None, parts))}  > "

    def _is_sure(self) -> bool:
        words = shlex.join(self.question.words)
        self._say(f"From now on, on {self.question.host}, without asking again:")
        put_command(self.screen, "+", f"{words} …", indent=INDENT, style="bold green")
        self._say("That is each command that begins with these words, whatever follows them.")
        return self._read("Are you sure?  y yes · anything else: no  > ") in ("y", "yes")

    def _edited(self) -> str:
        """The command as the person wants it; empty if they gave up."""
        return edit_line("  + ", self.question.command)

    def _help(self) -> None:
        self._say("y  runs this one command, once")
        if self._has_plan:
            self._say("a  runs it and all steps that are left, on every host of the plan")
        if self.question.words:
            self._say("A  runs it and, from now on, what begins with the same words on this host")
        if self.question.may_be_edited:
            self._say("e  lets you write another command in its place; that one runs, once")
            self._say("n  does not run it; whoever wants it hears why, if you say so")
            self._say("Ctrl-D does not run it either. Ctrl-C stops.")
            return
        self._say("n  does not run it; what was done before is taken back")
        self._say("Ctrl-D leaves it waiting: sme policy approvals. Ctrl-C stops.")

    def _say(self, text: str) -> None:
        put_words(self.screen, "", text, indent=INDENT)

    def _read(self, prompt: str) -> str | None:
        return read_line(prompt, self.stream)


def read_line(prompt: str, stream: TextIO) -> str | None:
    """One line as it is typed from now on; None where nobody types any more."""
    from sme_cli.render.sections import as_encodable

    stream.flush()
    forget_what_was_typed_before()
    stream.write(as_encodable(prompt))
    stream.flush()
    try:
        line = sys.stdin.buffer.readline()
    except KeyboardInterrupt:
        stream.write("\n")
        raise
    if not line:
        stream.write("\n")
        return None
    return line.decode("utf-8", "replace").strip()


def _not_ascii(command: str) -> str:
    """The codes of what is neither ASCII nor written out."""
    return ", ".join(
        dict.fromkeys(f"U+{ord(c):04X}" for c in command if not c.isascii() and c.isprintable())
    )
