"""The model reasoner: it asks a model what to do next, and sees to it that it is done right.

The model decides what to look at and what it means. What it may run, what counts as evidence and
when it is enough is decided here and by the policy. Where no model answers, the rules go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sme_agent.board import update_board
from sme_agent.case import Case
from sme_agent.events import RulesGoOn
from sme_agent.llm.messages import Message, Usage
from sme_agent.llm.model import RULES
from sme_agent.model.means import Means
from sme_agent.model.turns import Turns
from sme_agent.reasoner import Desk, Next
from sme_agent.rules import RuleReasoner
from sme_tools.errors import ModelError
from sme_tools.hosts.evidence import Evidence


@dataclass(frozen=True)
class Status:
    """Where a conversation stands, for people."""

    model: str
    """Who answers: an entry of the chain, or `rules`."""
    window: int
    used: int
    """Tokens of the prompt that was sent last."""
    spent: Usage


class ModelReasoner:
    """Investigates one incident with a model. One turn at a time."""

    is_model = True
    """Also while rules go on for it: what it asked for before may still run."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._rules = RuleReasoner()
        self._first_look = RuleReasoner(looks_everywhere=False)
        self._rules_look = False
        """Whether what is looked at now is what the rules want."""
        self._turns: Turns | None = None

    @property
    def name(self) -> str:
        """See `Reasoner.name`."""
        if self._turns is None or self._turns.rules_go_on or self._rules_look:
            return RULES  # which look first, and go on where no model answers
        return f"model {self._turns.speaker.gateway.current.name}"

    def hear(self, case: Case, text: str, attached: Sequence[Evidence] = ()) -> None:
        """See `Reasoner.hear`."""
        self._of(case).hear(text, attached)

    def reason(self, case: Case, desk: Desk) -> Next:
        """See `Reasoner.reason`."""
        update_board(case)
        turns = self._of(case)
        if not turns.rules_go_on:
            # What rules want to see of these findings a model would want as well; it costs no
            # request, and often shows the cause.
            first = Next() if turns.has_begun else self._first_look.reason(case, desk)
            self._rules_look = bool(first.requests)
            if first.requests:
                return first
            try:
                return turns.next(desk)
            except ModelError as error:
                turns.rules_go_on = True
                desk.tell(RulesGoOn(str(error), error.remedy))
        return self._rules.reason(case, desk)

    def learn(self, case: Case, desk: Desk) -> None:
        """See `Reasoner.learn`."""
        turns = self._of(case)
        if turns.rules_go_on:
            turns.note_what_rules_found()
            return
        try:
            turns.learn(desk)
        except ModelError as error:
            desk.tell(RulesGoOn(str(error), error.remedy))

    def messages(self, case: Case) -> Sequence[Message]:
        """The conversation so far."""
        return self._of(case).conversation.messages

    def status(self, case: Case) -> Status:
        """Where the conversation stands."""
        turns = self._of(case)
        model = turns.speaker.gateway.current
        name = RULES if turns.rules_go_on else model.name
        return Status(
            name, model.traits.window, turns.speaker.context_used, turns.speaker.gateway.spent
        )

    def choose(self, case: Case, model: str) -> None:
        """Let this model answer from now on. Raises UsageError."""
        self._of(case).speaker.gateway.choose(model)

    def compact(self, case: Case) -> None:
        """Tell the models all but the last exchange as facts from now on."""
        self._of(case).speaker.compact()

    def take_back(self, case: Case) -> str | None:
        """Forget the last exchange; gives what the person had said, or None if there was none."""
        return self._of(case).conversation.take_back()

    def _of(self, case: Case) -> Turns:
        if self._turns is None or self._turns.case is not case:
            self._turns = Turns(self._means, case)
        return self._turns
