"""The conversation of one incident: ask the model, do what it wants, tell it what came of that."""

from __future__ import annotations

from collections.abc import Sequence

from sme_agent.case import Case
from sme_agent.events import LimitNear, Nudged, PersonAsked
from sme_agent.llm.messages import AssistantMessage, Tool, ToolCall, UserMessage
from sme_agent.llm.model import RULES
from sme_agent.model import conclusion, toolbox
from sme_agent.model.bench import Bench
from sme_agent.model.context import result_chars
from sme_agent.model.conversation import Conversation
from sme_agent.model.learning import learn
from sme_agent.model.loops import LoopDetector
from sme_agent.model.means import Means
from sme_agent.model.presenting import Presenter
from sme_agent.model.results import Results
from sme_agent.model.speaking import Speaker
from sme_agent.model.uses import Uses, result
from sme_agent.reasoner import Desk, Next
from sme_tools.hosts.evidence import Evidence

MOST_CIRCLES = 2
"""After so many the model gets no more tools."""


class Turns:
    """The turns of one conversation, one at a time."""

    def __init__(self, means: Means, case: Case) -> None:
        self.case = case
        self.rules_go_on = False
        """Whether no model answers in this turn."""
        self._means = means
        prompts, incident = means.prompts, case.incident.id
        self.conversation = Conversation(
            means.conversations, incident, prompts.version, means.listener(incident)
        )
        self._present = Presenter(prompts, self.conversation.fence)
        self.speaker = Speaker(means, case, self.conversation, self._present)
        self._results = Results(case, self._present)
        self._loops = LoopDetector()
        self._returned = False
        """Whether a conclusion was given back in this turn."""

    def hear(self, text: str, attached: Sequence[Evidence] = ()) -> None:
        """Begin a turn with what a person says. Raises StateError."""
        self.rules_go_on = self._returned = False
        self._loops = LoopDetector()
        self.speaker.begin()
        for call in self.conversation.pending():
            asked = call.name == "ask_user"
            self._add(call, "answered_below" if asked else "interrupted", failed=not asked)
        if attached:
            shown = self._present.evidence(attached, result_chars(self._window))
            text = self._present.text("attached", text=text, evidence=shown)
        self.conversation.add(UserMessage(text=text))

    @property
    def has_begun(self) -> bool:
        """Whether the model has said something in this turn."""
        return self.conversation.last_answer() is not None

    def next(self, desk: Desk) -> Next:
        """What the model wants done next.

        Raises:
            ModelError: no model answers, or a budget is spent.
            Interrupted, StateError
        """
        if not self.conversation.messages:
            self._tell("task", symptom=self.case.incident.symptom)
        next_ = self._hear_answers(desk) or self._left_over(desk)
        while next_ is None:
            if limit := self.speaker.allowance.used_up():
                reason = f"the {limit} for this turn are used up"
                desk.tell(LimitNear(reason))
                return self._last_word(desk, reason)
            self._results.findings_are_told()
            said = self.speaker.ask(desk, self._tools(desk)).message
            self.conversation.add(said)
            next_ = self._do(said, said.calls, desk) if said.calls else self._without_calls(desk)
        return next_

    def learn(self, desk: Desk) -> None:
        """Have the model propose what to keep of the incident; see `learning.learn`."""
        for call in self.conversation.pending():
            self._add(call, "interrupted", failed=True)
        lessons, prompts = self._means.lessons, self._means.prompts
        gateway = self._means.lesson_gateway(self.case.incident.id)
        if learned := learn(gateway, lessons, self._bench(desk), prompts):
            desk.tell(learned)

    def note_what_rules_found(self) -> None:
        """Keep in the conversation what the rules said in the model's place."""
        diagnosis = self.case.incident.diagnosis
        for call in self.conversation.pending():
            self._add(call, "interrupted", failed=True)
        if diagnosis is not None:
            self.conversation.add(AssistantMessage(text=diagnosis.summary, model=RULES))

    def _hear_answers(self, desk: Desk) -> Next | None:
        """Put into the conversation what came of the last requests."""
        answers = {answer["call"]: answer for answer in self.case.answers}
        self.case.answers = []
        calls = [call for call in self.conversation.pending() if call.id in answers]
        if not calls:
            return None
        each = result_chars(self._window) // len(calls)
        self.conversation.add(
            *(self._results.message(call, answers[call.id], each) for call in calls)
        )
        return self._heed_circles(desk)

    def _left_over(self, desk: Desk) -> Next | None:
        """What was called for before the program was killed, and is still to be done."""
        said, pending = self.conversation.last_answer(), self.conversation.pending()
        return self._do(said, pending, desk) if said and pending else None

    def _without_calls(self, desk: Desk) -> Next | None:
        """To a person that is the answer; a diagnosis has to be stated by its tool."""
        if desk.talks:
            return Next(answered=True)
        if self._returned:
            return Next()
        self._returned = True
        self._tell("use_conclude")
        return None

    def _do(self, said: AssistantMessage, calls: Sequence[ToolCall], desk: Desk) -> Next | None:
        """Use the tools that were called; None if the model is to hear of it at once."""
        uses = Uses(self._bench(desk), self._tools(desk), self._means.clock)
        uses.take(calls)
        next_ = self._concluded(uses)
        self.conversation.add(*uses.results)
        if next_ is not None:
            return next_
        if uses.requests:
            return Next(requests=uses.requests)
        if uses.fix:
            call, wish = uses.fix
            return Next(fix=wish, call=call.id)
        if uses.question:
            desk.tell(PersonAsked(uses.question.question, uses.question.choices))
            return Next(answered=True)
        return self._heed_circles(desk)

    def _concluded(self, uses: Uses) -> Next | None:
        """Check a diagnosis; it goes back to the model once, then it counts, with its doubts."""
        if uses.conclusion is None:
            return None
        call, stated = uses.conclusion
        problems = conclusion.problems(stated, uses.bench)
        if problems and not self._returned:
            self._returned = True
            text = self._present.text("conclusion_rejected", problems=problems)
            uses.tell(call, text, failed=True)
            return None
        uses.tell(call, self._present.text("accepted"))
        by = f"model {self.speaker.gateway.current.name}"
        return Next(conclusion=conclusion.diagnosis(stated, uses.bench, by))

    def _heed_circles(self, desk: Desk) -> Next | None:
        """A nudge where the model goes in circles; then it gets no more tools, but to conclude."""
        said = self.conversation.last_answer()
        circle = self._loops.watch(said, self.conversation.last_results()) if said else None
        if circle is None:
            return None
        over = self._loops.strikes >= MOST_CIRCLES
        desk.tell(Nudged(circle, tools_left=not over))
        nudge = self._present.text("nudge", circle=circle)
        if over:
            return self._last_word(desk, nudge)
        self.speaker.note(nudge)
        return None

    def _last_word(self, desk: Desk, reason: str) -> Next:
        """Have the model answer from what is known, with no tool but to conclude."""
        for call in self.conversation.pending():
            self._add(call, "interrupted", failed=True)
        self._tell("last_word", reason=reason)
        only = [tool for tool in self._tools(desk) if tool.name == toolbox.CONCLUDE]
        said = self.speaker.ask(desk, only).message
        self.conversation.add(said)
        self._returned = True
        uses = Uses(self._bench(desk), only, self._means.clock)
        uses.take(said.calls)
        next_ = self._concluded(uses)
        self.conversation.add(*uses.results)
        return next_ or Next(answered=desk.talks and bool(said.text.strip()))

    def _tools(self, desk: Desk) -> list[Tool]:
        return toolbox.tools(self._means.prompts, may_fix=desk.may_fix)

    def _bench(self, desk: Desk) -> Bench:
        return Bench(self.case, desk, self._present, result_chars(self._window))

    @property
    def _window(self) -> int:
        return self.speaker.gateway.current.traits.window

    def _tell(self, prompt: str, **values: object) -> None:
        text = self._present.text(prompt, **values)
        self.conversation.add(UserMessage(text=text, origin="program"))

    def _add(self, call: ToolCall, prompt: str, *, failed: bool) -> None:
        self.conversation.add(result(call, self._present.text(prompt), failed=failed))
