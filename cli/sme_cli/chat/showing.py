"""The conversation on a terminal: every event as a quiet line, the answer as it is written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sme_agent.events import (
    Asked,
    Changing,
    CommandDone,
    Compacted,
    Concluded,
    Denied,
    Event,
    HostFailed,
    Learned,
    LimitNear,
    NotKept,
    Nudged,
    PersonAsked,
    Planned,
    RulesGoOn,
    StepStarted,
    ToolUsed,
    Unplanned,
)
from sme_agent.llm.events import Answered, ModelFailed, Noted, Reasoning, Text, Withdrawn
from sme_agent.llm.events import Waiting as ModelWaits
from sme_cli.chat.looks import Looks
from sme_cli.chat.markup import wrapped
from sme_cli.chat.screen import Screen
from sme_cli.chat.shelf import Shelf, evidence_text
from sme_cli.chat.waiting import Awaited
from sme_cli.chat.writing import Answer, Thoughts, Written
from sme_cli.render.changing import Told
from sme_cli.render.costs import Costs, in_tokens
from sme_tools.safety.control import one_line, visible

if TYPE_CHECKING:
    from rich.text import Text as Line

    from sme_agent.case import Case

LONG_WAIT_S = 2.0
"""A longer wait for a model leaves a line behind."""
_STILL_PROBES = (CommandDone, HostFailed)


class Showing:
    """Shows the events of a turn."""

    def __init__(
        self,
        screen: Screen,
        shelf: Shelf,
        conclude: Callable[[Concluded], None],
        answer: Written | None = None,
        notes: Screen | None = None,
    ) -> None:
        self.screen = screen
        self.notes = notes or screen
        """Where all goes that is no answer."""
        self.shelf = shelf
        self.case: Case | None = None
        """What is known, for what a line opens."""
        self.thoughts = Thoughts(self.notes, shelf)
        self.awaited = Awaited()
        self.plans: dict[str, Planned] = {}
        """What was planned in this turn, by the id of its change."""
        self.changes: dict[str, None] = {}
        """What was changed in this turn."""
        self.asked: Asked | None = None
        self._failures: list[str] = []
        """What was told of models that failed, since one answered or the rules went on."""
        self._conclude = conclude
        self._answer: Written = answer or Answer(screen)
        self._looks = Looks()
        self._told = Told()
        self._costs = Costs()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """In this block a turn goes on, and its last lines are drawn anew."""
        self.awaited, self._costs = Awaited(), Costs()
        self.plans, self.changes, self.asked = {}, {}, None
        try:
            with self.screen.live(self._draw):
                try:
                    yield
                finally:
                    with self.screen.lock:
                        self._end_parts()
        finally:
            if took := self._costs.line():
                self._note(took)

    def hear(self, event: Event) -> None:
        """Show an event."""
        with self.screen.lock:
            self.awaited.note(event)
            if not isinstance(event, _STILL_PROBES):
                self._put_looks()
            if not isinstance(event, Reasoning):
                self.thoughts.end()
            if show := _SHOWN.get(type(event)):
                show(self, event)

    def _draw(self) -> list[Line]:
        return [*self.thoughts.tail(), *self._answer.tail(), self.awaited.line()]

    def _end_parts(self) -> None:
        self._put_looks()
        self.thoughts.end()
        self._answer.end()

    def _put_looks(self) -> None:
        for line, page in self._looks.end(self.case):
            number = self.shelf.put(line, lambda page=page: page)  # type: ignore[misc]
            self._put_numbered(number, line, "")

    def _put_numbered(self, number: int, what: str, how: str, style: str = "dim") -> None:
        """`  3 web1 $ df -h /  exit 0 · 0.4 s`, in one row; the command is cut, not its end."""
        from rich.text import Text

        room = max(self.notes.console.width - 5 - len(how) - 2, 10)
        line = Text(what, style="dim")
        line.truncate(room, overflow="ellipsis")
        tail = Text(f"  {how}" if how else "", style=style)
        self.notes.put(Text.assemble((f"{number:>3} ", "dim"), line, tail))

    def _note(self, text: str, style: str = "dim") -> None:
        self._put_wrapped(f"    {one_line(text)}", style)

    def _warn(self, text: str, remedy: str = "") -> None:
        self._put_wrapped(f"  ! {one_line(text)}", "yellow")
        for line in visible(remedy).splitlines():
            self._put_wrapped(f"    {line.strip()}", "")

    def _put_wrapped(self, text: str, style: str) -> None:
        rows = wrapped(text, self.notes.console)
        for row in rows:
            row.stylize(style)
        self.notes.put(*rows)

    def _on_step(self, event: StepStarted) -> None:
        self._looks.begin()

    def _on_command(self, event: CommandDone) -> None:
        if event.evidence is None:
            self._looks.note(event)
            return
        title = f"{one_line(event.host)} $ {one_line(event.command)}"
        id, case = event.evidence, self.case
        assert case is not None
        number = self.shelf.put(title, lambda: evidence_text(case.evidence[id]))
        code = "did not end" if event.exit_code is None else f"exit {event.exit_code}"
        style = "dim" if event.exit_code == 0 else "yellow"
        self._put_numbered(number, title, f"{code} · {event.duration_s:.1f} s", style)

    def _on_tool(self, event: ToolUsed) -> None:
        title = ": ".join(filter(None, [one_line(event.name), one_line(event.about)]))
        number = self.shelf.put(title, lambda: event.result)
        how = f"{'failed · ' if event.failed else ''}{event.duration_s:.1f} s"
        self._put_numbered(number, title, how, "yellow" if event.failed else "dim")

    def _on_text(self, event: Text) -> None:
        self._answer.take(event.text)
        self.awaited.wait_for(f"{self.awaited.model or 'the model'} writes")

    def _on_withdrawn(self, event: Withdrawn) -> None:
        if self._answer.has_begun:
            self._answer.withdraw(event.reason)
        else:
            self._note(f"{event.model} is asked again: {event.reason}")

    def _on_answered(self, event: Answered) -> None:
        self._answer.answered(event)
        self._costs.note(event)
        self._failures.clear()

    def _on_noted(self, event: Noted) -> None:
        self._note(f"{event.model}: {event.text}")

    def _on_wait(self, event: ModelWaits) -> None:
        if event.seconds >= LONG_WAIT_S:
            self._note(f"{event.model}: {event.reason}; goes on in {event.seconds:.0f} s")

    def _on_model_failed(self, event: ModelFailed) -> None:
        self._failures.append(f"{event.model}: {event.reason}")
        then = "" if event.then in ("", "rules") else f"; now {event.then}"
        self._warn(f"{event.model}: {event.reason}{then}", event.remedy)

    def _on_person_asked(self, event: PersonAsked) -> None:
        from rich.text import Text

        self._answer.end()
        self.notes.put("", Text(f"? {one_line(event.question)}", style="bold"))
        for number, choice in enumerate(event.choices, 1):
            self.notes.put(Text(f"  {number}. {one_line(choice)}"))

    def _on_limit(self, event: LimitNear) -> None:
        self._warn(event.text)

    def _on_nudged(self, event: Nudged) -> None:
        then = "" if event.tools_left else "; it answers from what is known"
        self._note(f"it went in circles: {event.reason}{then}")

    def _on_rules(self, event: RulesGoOn) -> None:
        told, self._failures = "; ".join(self._failures), []
        reason = event.reason.removesuffix(told).rstrip(": ") if told else event.reason
        self._warn(f"{reason}; the rules go on", event.remedy)

    def _on_compacted(self, event: Compacted) -> None:
        before, after = in_tokens(event.before), in_tokens(event.after)
        self._note(f"older turns were made shorter: {before} → {after} tokens")

    def _on_learned(self, event: Learned) -> None:
        if event.kind == "skip":
            self._note(f"nothing new is learned: {event.reason}")
            return
        kind = "a candidate" if event.kind == "new" else "more about a known issue"
        where = f" ({event.path})" if event.path else ""
        self._note(f"learned: {event.issue}, {kind}{where}", "green")

    def _on_denied(self, event: Denied) -> None:
        self._warn(f"{event.host}: did not run {event.command}: {event.reason}")

    def _on_host_failed(self, event: HostFailed) -> None:
        self._warn(f"{event.host}: {event.reason}", event.remedy)

    def _on_not_kept(self, event: NotKept) -> None:
        self._warn(f"not all of it is kept: {event.reason}", event.remedy)

    def _on_planned(self, event: Planned) -> None:
        from sme_cli.render.plans import print_plan

        self.plans[event.change] = event
        self.changes[event.change] = None
        self._told.learn(event)
        with self.screen.paused():
            if self.notes.is_live:
                self.notes.console.print()
            print_plan(event, self.notes.console)

    def _on_unplanned(self, event: Unplanned) -> None:
        self._warn(f"{event.host}: {event.reason}", event.remedy)

    def _on_changing(self, event: Changing) -> None:
        self.changes[event.change] = None
        if line := self._told.line(event):
            self._note(line, "")

    def _on_asked(self, event: Asked) -> None:
        self.asked = event

    def _on_concluded(self, event: Concluded) -> None:
        self._answer.end()
        with self.screen.paused():
            if self.screen.is_live:
                self.screen.console.print()
            self._conclude(event)
            sys.stdout.flush()


_SHOWN: dict[type, Callable[[Showing, Any], None]] = {
    StepStarted: Showing._on_step,
    CommandDone: Showing._on_command,
    ToolUsed: Showing._on_tool,
    Reasoning: lambda self, event: self.thoughts.take(event.text),
    Text: Showing._on_text,
    Withdrawn: Showing._on_withdrawn,
    Answered: Showing._on_answered,
    Noted: Showing._on_noted,
    ModelWaits: Showing._on_wait,
    ModelFailed: Showing._on_model_failed,
    PersonAsked: Showing._on_person_asked,
    LimitNear: Showing._on_limit,
    Nudged: Showing._on_nudged,
    RulesGoOn: Showing._on_rules,
    Compacted: Showing._on_compacted,
    Learned: Showing._on_learned,
    Denied: Showing._on_denied,
    HostFailed: Showing._on_host_failed,
    NotKept: Showing._on_not_kept,
    Planned: Showing._on_planned,
    Unplanned: Showing._on_unplanned,
    Changing: Showing._on_changing,
    Asked: Showing._on_asked,
    Concluded: Showing._on_concluded,
}
