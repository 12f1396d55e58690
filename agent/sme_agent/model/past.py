"""Older turns of a conversation in short: what was said and done, with the ids of the evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sme_agent.llm.messages import AssistantMessage, Message, ToolMessage
from sme_agent.llm.tokens import estimate
from sme_agent.model.presenting import Presenter

LONG_FACTS = 800
"""Tokens of facts from which on a model sums them up, where one is there for that."""
MOST_SUMMED_UP = 4000
"""Tokens that are summed up at once."""

Summarise = Callable[[str], str | None]
"""Makes a long text of a conversation short; None if nobody can."""


class Past:
    """Tells older turns; what was summed up once is not summed up again, but gone on with."""

    def __init__(self, present: Presenter) -> None:
        self._present = present
        self._summed: list[dict[str, Any]] = []
        """The turns of which there is a summary."""
        self._summary = ""

    def told(
        self, turns: Sequence[Sequence[Message]], most_tokens: int, summarise: Summarise
    ) -> str:
        """The turns in at most about so many tokens; of what does not fit, the latest."""
        facts = [self._as_facts(turn) for turn in turns]
        if facts[: len(self._summed)] != self._summed:
            self._summed, self._summary = [], ""  # something of it was taken back
        new = facts[len(self._summed) :]
        text = self._within(new, MOST_SUMMED_UP, all_said=True)
        if estimate(text) > LONG_FACTS and (summary := summarise(text)):
            self._summed, self._summary, new = facts, summary, []
        # Said is what the summary does not have; of calls the evidence remains of use.
        done = [{**fact, "text": ""} for fact in self._summed]
        return self._within([*done, *new], most_tokens)

    def _within(
        self, facts: Sequence[dict[str, Any]], most_tokens: int, *, all_said: bool = False
    ) -> str:
        """As many of the latest as fit."""
        low, high = 0, len(facts)
        while low < high:
            middle = (low + high) // 2
            fits = estimate(self._text(facts, middle, all_said=all_said)) <= most_tokens
            low, high = (low, middle) if fits else (middle + 1, high)
        return self._text(facts, low, all_said=all_said)

    def _text(self, facts: Sequence[dict[str, Any]], left_out: int, *, all_said: bool) -> str:
        return self._present.text(
            "facts",
            turns=facts[left_out:],
            left_out=left_out,
            summary=self._summary,
            long=800 if all_said else 300,
        )

    def _as_facts(self, turn: Sequence[Message]) -> dict[str, Any]:
        """What is kept of a turn."""
        first = turn[0]
        # What a fence holds is evidence, or can be had again; and a fence must not stay open.
        said = first.text.partition(f"<<{self._present.fence.marker}")[0].strip()
        if not isinstance(first, AssistantMessage):
            return {"who": getattr(first, "origin", "program"), "text": said, "calls": []}
        brought = {m.call: m for m in turn[1:] if isinstance(m, ToolMessage)}
        calls = [
            {
                "name": call.name,
                "about": ", ".join(str(value) for value in call.arguments.values())[:160],
                "evidence": brought[call.id].evidence if call.id in brought else (),
                "failed": call.id in brought and brought[call.id].failed,
            }
            for call in first.calls
        ]
        return {"who": "model", "text": said, "calls": calls}
