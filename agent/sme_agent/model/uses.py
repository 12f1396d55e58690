"""What the calls of one answer come to: results at once, or something to be done first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sme_agent.events import ToolUsed
from sme_agent.llm.messages import Tool, ToolCall, ToolMessage
from sme_agent.model import toolbox
from sme_agent.model.arguments import Conclude
from sme_agent.model.bench import (
    Bench,
    Concluding,
    Fixing,
    Questioning,
    Refusal,
    Told,
    Wanted,
)
from sme_agent.resolution import Wish
from sme_agent.state import Request


@dataclass
class Uses:
    """The calls of one answer, used one after the other."""

    bench: Bench
    tools: Sequence[Tool]
    """Those that were offered."""
    clock: Callable[[], float]
    results: list[ToolMessage] = field(default_factory=list)
    """Of what needed no host."""
    requests: list[Request] = field(default_factory=list)
    """What has to be looked at on hosts."""
    fix: tuple[ToolCall, Wish] | None = None
    question: Questioning | None = None
    conclusion: tuple[ToolCall, Conclude] | None = None

    def take(self, calls: Sequence[ToolCall]) -> None:
        """Use each; what ends the turn, or changes a host, waits until nothing else is open."""
        for call in calls:
            self._use(call)
        if self.requests and self.conclusion:
            self.tell(self.conclusion[0], self._text("alone"), failed=True)
            self.conclusion = None

    def tell(
        self, call: ToolCall, text: str, evidence: tuple[str, ...] = (), *, failed: bool = False
    ) -> None:
        """Give a call its result."""
        self.results.append(result(call, text, evidence, failed=failed))

    def _use(self, call: ToolCall) -> None:
        began = self.clock()
        about, failed = "", False
        try:
            outcome = toolbox.use(call, self.bench, self.tools)
        except Refusal as refusal:
            outcome, failed = Told(refusal.text), True
        match outcome:
            case Told(text, about, evidence):
                self.tell(call, text, evidence, failed=failed)
                took = self.clock() - began
                self.bench.desk.tell(ToolUsed(call.id, call.name, about, text, took, failed))
            case Wanted(request):
                request["call"] = call.id
                self.requests.append(request)
            case Fixing() | Questioning() if self.requests or self._is_taken:
                self.tell(call, self._text("alone"), failed=True)
            case Fixing(wish):
                self.fix = call, wish
            case Questioning():
                self.question = outcome
            case Concluding(stated) if not self._is_taken:
                self.conclusion = call, stated
            case Concluding():
                self.tell(call, self._text("alone"), failed=True)

    @property
    def _is_taken(self) -> bool:
        return bool(self.fix or self.question or self.conclusion)

    def _text(self, name: str) -> str:
        return self.bench.present.text(name)


def result(
    call: ToolCall, text: str, evidence: tuple[str, ...] = (), *, failed: bool = False
) -> ToolMessage:
    """What a call brought."""
    return ToolMessage(call=call.id, name=call.name, text=text, evidence=evidence, failed=failed)
