"""What a model is told for one answer, composed to what its context holds.

Findings come before raw text. While all of it fits, the conversation is told word for word and
only grows, so that a provider's cache serves its beginning. When it does not, older turns become
facts with the ids of their evidence, in one go down to a share of the room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sme_agent.case import Case
from sme_agent.llm.messages import AssistantMessage, Message, Tool, ToolMessage, UserMessage
from sme_agent.llm.model import Model, Prompt
from sme_agent.llm.tokens import CALIBRATION, estimate, estimate_message, estimate_tools
from sme_agent.model.brief import Brief
from sme_agent.model.conversation import Conversation
from sme_agent.model.presenting import Presenter
from sme_memory.incident import Hypothesis

ANSWER_SHARE = 0.2
LONG_FACTS = 800
"""Tokens of facts from which on a model sums them up, where one is there for that."""
MOST_ANSWER = 8192
"""Tokens that are left free for the answer: a share of the window, at most so many."""
SAFE_SHARE = 0.95
"""Of the window, as tokens are estimated."""
CASE_SHARE = 0.35
"""Of what is left, that findings may take."""
COMPACT_TO = 0.55
"""Share of the room that a conversation is brought down to when it does not fit any more."""
CHARS_A_TOKEN = 3
RESULT_SHARE = 0.09
FEWEST_RESULT, MOST_RESULT = 1200, 9000
"""Characters that the results of one answer's calls may take together, by the window."""


def result_chars(window: int) -> int:
    """How many characters the results of one answer's calls may take for such a window."""
    by_window = int(RESULT_SHARE * window * CHARS_A_TOKEN)
    return min(max(by_window, FEWEST_RESULT), MOST_RESULT)


Summarise = Callable[[str], str | None]
"""Makes a long text of a conversation short; None if nobody can."""


@dataclass
class Context:
    """Composes the prompts of one conversation."""

    case: Case
    conversation: Conversation
    present: Presenter
    tools: Sequence[Tool] = ()
    may_fix: bool = False
    summarise: Summarise = lambda text: None
    compacted: Callable[[int, int], None] = lambda before, after: None
    """Told of tokens before and after, when older turns were made shorter."""
    used: int = 0
    """Tokens of the prompt that was composed last."""
    _cuts: dict[int, int] = field(default_factory=dict)
    """How many turns are told as facts alone, by window."""
    _facts: dict[int, str] = field(default_factory=dict)
    """What is told of so many turns."""

    _brief: Brief = field(init=False)

    def __post_init__(self) -> None:
        self._brief = Brief(self.case, self.present)

    def compose(self, model: Model, note: str = "") -> Prompt:
        """The prompt for this model; `note` stands at its very end."""
        window = model.traits.window
        system = self.present.text("system", fence=self.present.fence.rule, may_fix=self.may_fix)
        fixed = estimate(system) + estimate_tools(self.tools)
        tells = CALIBRATION.factor(model.name)
        room = int((window - answer_room(model)) / tells * SAFE_SHARE) - fixed
        brief = UserMessage(text=self._brief.told(int(CASE_SHARE * room)), origin="program")
        end = "\n\n".join(filter(None, [self._board(), note]))
        room -= tokens_of([brief]) + estimate(end)
        told = self._told(window, room)
        messages = with_note([brief, *told], end)
        self.used = fixed + tokens_of(messages)
        return Prompt(
            system, messages, self.tools, max_output=min(model.traits.max_output, MOST_ANSWER)
        )

    def compact(self, model: Model) -> None:
        """Tell all but the last turn as facts from now on."""
        turns = list(self.conversation.turns())
        self._cuts[model.traits.window] = max(_last_said(turns), 0)

    def _told(self, window: int, room: int) -> list[Message]:
        turns = list(self.conversation.turns())
        cut = min(self._cuts.get(window, 0), len(turns))
        told = self._with_cut(turns, cut, room)
        before = tokens_of(told)
        if before <= room:
            return told
        most = max(len(turns) - 1, 0)
        while cut < most and tokens_of(told) > COMPACT_TO * room:
            cut += 1
            told = self._with_cut(turns, cut, room)
        if cut != self._cuts.get(window, 0):
            self.compacted(before, tokens_of(told))
        self._cuts[window] = cut
        return told if tokens_of(told) <= room else self._shrunk(told, room)

    def _with_cut(self, turns: list[Sequence[Message]], cut: int, room: int) -> list[Message]:
        rest = [message for turn in turns[cut:] for message in turn]
        if not cut:
            return rest
        facts = _within(self._facts_of(turns[:cut]), int(0.3 * room))
        return [UserMessage(text=facts, origin="program"), *rest]

    def _facts_of(self, turns: list[Sequence[Message]]) -> str:
        """What was said and done, in one line each; the findings stand in the case anyway."""
        if len(turns) not in self._facts:
            facts = [_as_facts(turn) for turn in turns]
            text = self.present.text("facts", turns=facts, summary="")
            if estimate(text) > LONG_FACTS and (summary := self.summarise(text)):
                text = self.present.text("facts", turns=facts, summary=summary)
            self._facts[len(turns)] = text
        return self._facts[len(turns)]

    def _shrunk(self, told: list[Message], room: int) -> list[Message]:
        """The results of tools by their evidence, shown shorter, until it fits."""
        results = [m for m in told if isinstance(m, ToolMessage)]
        others = tokens_of([m for m in told if not isinstance(m, ToolMessage)])
        each = CHARS_A_TOKEN * max(room - others, 0) // max(len(results), 1)
        return [self._shorter(m, max(each, 300)) if m in results else m for m in told]

    def _shorter(self, message: Message, most_chars: int) -> Message:
        if not isinstance(message, ToolMessage) or len(message.text) <= most_chars:
            return message
        items = [self.case.evidence[id] for id in message.evidence if id in self.case.evidence]
        text = self.present.evidence(items, most_chars // 2) if items else message.text
        return message.model_copy(update={"text": _within(text, most_chars // CHARS_A_TOKEN)})

    def _board(self) -> str:
        theories = [one for one in self.case.incident.hypotheses if _is_open(one)]
        return self.present.text("board", board=theories) if theories else ""


def answer_room(model: Model) -> int:
    """Tokens that are left free for the answer."""
    return min(int(ANSWER_SHARE * model.traits.window), MOST_ANSWER, model.traits.max_output)


def tokens_of(messages: Sequence[Message]) -> int:
    """About how many tokens these take."""
    return sum(map(estimate_message, messages))


def with_note(messages: list[Message], note: str) -> list[Message]:
    """The messages with a text at the very end, in the last of them where that is not the model's.

    A message of its own after the results of tools would end the model's turn.
    """
    if not note:
        return messages
    last = messages[-1]
    if isinstance(last, AssistantMessage):
        return [*messages, UserMessage(text=note, origin="program")]
    return [*messages[:-1], last.model_copy(update={"text": f"{last.text}\n\n{note}"})]


def _is_open(one: Hypothesis) -> bool:
    """Whether a hypothesis is of the model's own making, or still to be decided."""
    return one.cause is None or one.status == "open"


def _last_said(turns: list[Sequence[Message]]) -> int:
    """The turn in which the person spoke last."""
    said = [
        number
        for number, turn in enumerate(turns)
        if isinstance(turn[0], UserMessage) and turn[0].origin == "person"
    ]
    return said[-1] if said else len(turns) - 1


def _as_facts(turn: Sequence[Message]) -> dict[str, object]:
    """What is kept of a turn that is told no more."""
    first = turn[0]
    if not isinstance(first, AssistantMessage):
        return {"who": getattr(first, "origin", "program"), "text": first.text, "calls": []}
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
    return {"who": "model", "text": first.text, "calls": calls}


def _within(text: str, most_tokens: int) -> str:
    """The end of a text, as what was said last counts most."""
    while estimate(text) > most_tokens and len(text) > 200:
        text = "…" + text[len(text) // 4 :]
    return text
