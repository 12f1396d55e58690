"""A conversation with a person: messages and commands, one after the other."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from sme_cli import session
from sme_cli.chat.opening import Opened, Opener, Opening
from sme_tools.errors import Interrupted, SmeError, StateError, UsageError

if TYPE_CHECKING:
    from sme_agent.events import Concluded, Event, Learned
    from sme_agent.talk import Talk
    from sme_cli.chat.faces import Face
    from sme_cli.chat.turns import Begin
    from sme_memory.incident import Incident
    from sme_tools.hosts.evidence import Evidence
    from sme_tools.hosts.host import Host
    from sme_tools.model_settings import Allowance


@dataclass(frozen=True)
class Said:
    """What was said, for `/export`."""

    by: Literal["you", "sme"]
    text: str


@dataclass(frozen=True)
class Attachment:
    """A text that a person brought along."""

    name: str
    """What it is, in one word: `paste`, `stdin`."""
    text: str
    chip: str = ""
    """What stands for it in the message."""


@dataclass
class Chat:
    """One person's conversation. What is heavy is loaded once the prompt is to be seen."""

    make_face: Callable[[Chat], Face]
    targets: Sequence[str] = ()
    """The hosts that it is about from the beginning, as the person named them."""
    hosts: Sequence[Host] | None = None
    """The same where they are found already."""
    asks: bool = False
    """Whether the person can be asked for approval."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    """Set while a turn is being stopped."""
    timeout_s: float | None = None
    model: str | None = None
    """Who is to answer first."""
    is_all_kept: bool = True
    """Whether our own disk took all of it."""
    is_over: bool = False
    """Whether the person wants to leave."""
    said: list[Said] = field(default_factory=list)
    learned: list[Learned] = field(default_factory=list)
    _choices: tuple[str, ...] = ()
    """What the model has offered to choose from, with its last question."""
    _attached: list[Evidence] = field(default_factory=list)
    """With the message that is being answered."""
    _opening: Opening | None = None

    @cached_property
    def face(self) -> Face:
        """What it is shown on."""
        return self.make_face(self)

    @cached_property
    def opener(self) -> Opener:
        """What opens it."""
        return Opener(self)

    @cached_property
    def allowed(self) -> Allowance:
        """What a conversation may cost."""
        return session.settings().budget.session

    @property
    def opening(self) -> Opening:
        """The conversation, open or being opened."""
        if self._opening is None:
            self._opening = Opening(lambda: self.opener.begin(self.hosts, self.targets))
        return self._opening

    @property
    def opened(self) -> Opened:
        """The same, once it is open."""
        return self.opening.wait()

    @property
    def talk(self) -> Talk:
        """What is said and found."""
        return self.opened.talk

    @property
    def has_begun(self) -> bool:
        """Whether anything was said, so that there is something to come back to."""
        now = self.opening.now
        return now is not None and bool(now.talk.incident.timeline)

    def resume(self, incident: Incident) -> None:
        """Make it one that there was before."""
        self.leave()
        self._opening = Opening(lambda: self.opener.resume(incident))
        self.hosts, self.targets = None, incident.targets

    def begin_anew(self) -> None:
        """Begin another one, about the same hosts."""
        hosts = list(self.talk.case.hosts.values())
        self.targets = list(self.talk.incident.targets)
        self.leave()
        self.hosts, self._opening = hosts, None
        self.said, self.learned = [], []

    def say(self, text: str, brought: Sequence[Attachment] = ()) -> None:
        """Have an answer found to what the person says.

        Raises:
            SmeError: see `Talk.say`.
        """

        def begin(talk: Talk) -> Iterator[Event]:
            nonlocal text
            self._attached = []
            for one in brought:
                evidence = talk.attach(one.name, one.text)
                self._attached.append(evidence)
                if one.chip:
                    text = text.replace(one.chip, chip(evidence.step, one.text), 1)
            self.said.append(Said("you", text))
            yield from talk.say(text, self._attached)

        self.carry_out(begin)

    def carry_out(self, begin: Begin) -> None:
        """Do one turn, and tell what it changed. Raises as `Talk`."""
        from sme_cli.chat.turns import Turns, show_outcomes

        opened = Turns(self.face, self.cancelled).carry_out(self.opening, begin, self._note)
        show_outcomes(self.face, opened)

    def try_out(self, begin: Callable[[], None]) -> bool:
        """Do something, and say what failed; gives whether it ended by itself."""
        try:
            begin()
        except (Interrupted, KeyboardInterrupt):
            self.face.complain("stopped; what was found until then is kept", self._stands_still())
            return False
        except SmeError as error:
            self.face.complain(str(error), error.remedy)
        return True

    def _stands_still(self) -> str:
        """What can be done about the changes that a turn left between two states; empty if none."""
        opened = self.opening.now
        if opened is None or not self.face.changes:
            return ""
        try:
            changes = [opened.colleague.changes.load(id) for id in self.face.changes]
        except StateError as error:
            return str(error)
        hosts = ", ".join(one.plan.host for one in changes if one.has_begun and not one.outcome)
        way = "/fix goes on with it, /undo takes it back."
        return f"A change stands still on {hosts}: {way}" if hosts else ""

    def confirms(self, question: str) -> bool:
        """Whether the person says yes. Raises UsageError where nobody can be asked."""
        if not self.asks:
            raise UsageError(
                "this has to be confirmed, and nobody can be asked here",
                remedy=f"Have it taken back: sme fix --resume {self.talk.incident.id} --undo",
            )
        from sme_cli.asking import read_line

        with self.face.paused():
            try:
                said = read_line(f"{question}  y yes · anything else: no  > ", sys.stdout)
            except KeyboardInterrupt:
                return False
        return said in ("y", "yes")

    def handle(self, text: str, brought: Sequence[Attachment] = ()) -> bool:
        """Answer a message or do a command; gives whether it ended by itself."""
        from sme_cli.chat.commands.table import is_command, run

        text = text.strip()
        if not text and not brought:
            return True
        if is_command(text):
            return self.try_out(lambda: run(self, text))
        if text.isdecimal() and 1 <= int(text) <= len(self._choices):
            text = self._choices[int(text) - 1]
        self._choices = ()
        return self.try_out(lambda: self.say(text, brought))

    def conclude(self, event: Concluded) -> None:
        """Show what a turn came to on standard output, where that is a diagnosis."""
        from sme_cli.chat.faces import JsonFace
        from sme_cli.chat.known import answer, of_logs
        from sme_cli.render.diagnosis import Screen, show

        incident, diagnosis = event.incident, event.incident.diagnosis
        assert diagnosis is not None
        if not incident.hosts and diagnosis.by == "rules":
            known = answer(
                self.talk.case, self._attached, session.retriever(session.known_issues())
            )
            self.said.append(Said("sme", known))
            self.face.put_answer(known)
            return
        if self._attached and diagnosis.by == "rules":
            self.face.put_answer("\n\n".join(of_logs(self._attached)) + "\n\n")
        self.said.append(Said("sme", diagnosis.summary))
        if not isinstance(self.face, JsonFace):
            screen = Screen(session.settings().min_severity, is_kept=self.opened.is_kept)
            show(incident, self.opened.colleague.incidents, screen)

    def tell_opened(self) -> None:
        """Tell a program that the conversation has begun."""
        from sme_cli.chat.faces import JsonFace

        if isinstance(self.face, JsonFace):
            talk = self.talk
            names = list(talk.case.hosts)
            opened = {"incident": talk.incident.id, "hosts": names, "reasoner": talk.reasoner.name}
            self.face.write({"event": "opened", **opened})

    def tell_done(self, *, stopped: bool = False) -> None:
        """Tell a program that a turn, or a command, is over."""
        from sme_cli.chat.faces import JsonFace

        if isinstance(self.face, JsonFace):
            done = {"incident": self.talk.incident.id, "stopped": stopped}
            self.face.write({"event": "turn-done", **done})

    def leave(self) -> None:
        """Close what is open; what was said and found is on disk."""
        if self._opening is not None and self._opening.now is not None:
            self._opening.now.talk.close()

    def _note(self, event: Event) -> None:
        from sme_agent.events import Learned, NotKept, PersonAsked
        from sme_agent.llm.events import Answered

        if isinstance(event, Learned):
            self.learned.append(event)
        elif isinstance(event, PersonAsked):
            self._choices = event.choices
        elif isinstance(event, NotKept):
            self.is_all_kept = False
        elif isinstance(event, Answered) and event.message.text.strip():
            self.said.append(Said("sme", event.message.text))


def chip(step: str, text: str) -> str:
    """What stands for a long text in a message: `[paste.1: 812 lines]`."""
    lines = text.count("\n") + (not text.endswith("\n"))
    return f"[{step}: {lines} line{'' if lines == 1 else 's'}]"
