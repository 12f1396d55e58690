"""Asking a model within one turn: the context composed, the limits kept, the faces told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from sme_agent.case import Case
from sme_agent.events import Compacted, LimitNear
from sme_agent.llm.events import Answered, LlmEvent
from sme_agent.llm.messages import Tool, UserMessage
from sme_agent.llm.model import Model, Prompt
from sme_agent.model.context import Context
from sme_agent.model.conversation import Conversation
from sme_agent.model.limits import Allowance
from sme_agent.model.means import Answering, Means
from sme_agent.model.presenting import Presenter
from sme_agent.reasoner import Desk
from sme_tools.errors import AnswerMalformed, ModelError

SUMMARY_TOKENS = 600


class Speaker:
    """Asks the models for one conversation, and counts what each turn of it takes."""

    def __init__(
        self, means: Means, case: Case, conversation: Conversation, present: Presenter
    ) -> None:
        self.gateway = means.gateway(case.incident.id)
        self._means = means
        self._present = present
        self._summaries: Answering | None = None
        self._context = Context(case=case, conversation=conversation, present=present)
        self.begin()

    def begin(self) -> None:
        """Count anew: a turn begins."""
        self.allowance = Allowance(self._means.limits, self._means.clock)
        self._note = ""

    @property
    def context_used(self) -> int:
        """Tokens of the prompt that was composed last."""
        return self._context.used

    def note(self, text: str) -> None:
        """Say this at the end of the next prompt; it is no part of the conversation."""
        self._note = "\n".join(filter(None, [self._note, text]))

    def compact(self) -> None:
        """Tell all but the last exchange as facts from now on."""
        self._context.compact(self.gateway.current)

    def ask(self, desk: Desk, tools: Sequence[Tool]) -> Answered:
        """One answer, told to the faces while it comes.

        Raises:
            ModelError: no model answers, or a budget is spent.
            Interrupted: the person stopped it.
        """
        context, note, self._note = self._context, self._note, ""
        self._means.learn_names(context.case)
        context.tools, context.may_fix = tools, desk.may_fix
        context.compacted = lambda before, after: desk.tell(Compacted(before, after))
        context.summarise = lambda text: self._summary(text, desk)
        answered = answer_of(
            self.gateway, lambda model: context.compose(model, note), desk.cancelled, desk.tell
        )
        usage = answered.usage
        self.allowance.took(usage.input_tokens + usage.output_tokens, usage.cost_usd)
        if near := self.allowance.near():
            limit, share = near
            desk.tell(LimitNear(f"{share} % of the {limit} for this turn are used"))
            self.note(self._present.text("limit_near", limit=limit, share=share))
        return answered

    def _summary(self, text: str, desk: Desk) -> str | None:
        """A part of the conversation in short; None where no model sums it up."""
        incident = self._context.case.incident.id
        self._summaries = self._summaries or self._means.summary_gateway(incident)
        system = self._present.text("summarise")
        told = UserMessage(text=self._present.fenced(text, "the conversation", len(text)))

        def compose(model: Model) -> Prompt:
            return Prompt(system, [told], max_output=SUMMARY_TOKENS)

        try:
            answered = answer_of(self._summaries, compose, desk.cancelled)
        except ModelError:
            return None  # then the facts alone are told
        return answered.message.text.strip() or None


def answer_of(
    gateway: Answering,
    compose: Callable[[Model], Prompt],
    cancelled: threading.Event,
    tell: Callable[[LlmEvent], None] = lambda event: None,
) -> Answered:
    """The whole answer of a gateway; `tell` hears each event as it comes.

    Raises:
        ModelError: no model answers, or a budget is spent.
        Interrupted: `cancelled` was set.
    """
    for event in gateway.answer(compose, cancelled=cancelled):
        tell(event)
        if isinstance(event, Answered):
            return event
    raise AnswerMalformed("the answer has no end")
