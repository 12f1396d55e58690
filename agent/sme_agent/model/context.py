"""What a model is told for one answer, composed to what its context holds.

Findings come before raw text. While all of it fits, the conversation is told word for word and
only grows, so that a provider's cache serves its beginning. When it does not, older turns become
facts with the ids of their evidence, in one go down to a share of the room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sme_agent.case import Case
from sme_agent.llm.messages import AssistantMessage, Message, Tool, UserMessage
from sme_agent.llm.model import Model, Prompt
from sme_agent.llm.tokens import CALIBRATION, estimate, estimate_message, estimate_tools
from sme_agent.model.brief import Brief
from sme_agent.model.conversation import Conversation
from sme_agent.model.fitting import Fitting
from sme_agent.model.past import Past, Summarise
from sme_agent.model.presenting import Presenter
from sme_memory.incident import Hypothesis

ANSWER_SHARE = 0.2
MOST_ANSWER = 8192
"""Tokens that are left free for the answer: a share of the window, at most so many."""
SAFE_SHARE = 0.95
"""Of the window, as tokens are estimated."""
CASE_SHARE = 0.35
"""Of what is left, that findings may take."""
BOARD_SHARE = 0.15
"""Of what is left, that the board may take."""
PAST_SHARE = 0.15
"""Of the room for the conversation, that facts of older turns may take."""
COMPACT_TO = 0.6
"""Share of the room that a conversation is brought down to when it does not fit any more."""
CHARS_A_TOKEN = 3
RESULT_SHARE = 0.09
FEWEST_RESULT, MOST_RESULT = 1200, 9000
"""Characters that the results of one answer's calls may take together, by the window."""


def result_chars(window: int) -> int:
    """How many characters the results of one answer's calls may take for such a window."""
    by_window = int(RESULT_SHARE * window * CHARS_A_TOKEN)
    return min(max(by_window, FEWEST_RESULT), MOST_RESULT)


@dataclass
class _Told:
    """What the prompts for one window begin with; it stays the same, so that it is cached."""

    brief: str = ""
    cut: int = 0
    """How many turns are told as facts alone."""
    past: str = ""
    """Those facts."""
    since: tuple[int, int] = (-1, -1)
    """At which point of the conversation the case was told; see `Context._point`."""


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
    _windows: dict[int, _Told] = field(default_factory=dict)

    @cached_property
    def _brief(self) -> Brief:
        return Brief(self.case, self.present)

    @cached_property
    def _past(self) -> Past:
        return Past(self.present)

    def compose(self, model: Model, note: str = "") -> Prompt:
        """The prompt for this model; `note` stands at its very end."""
        window = model.traits.window
        system = self.present.text("system", fence=self.present.fence.rule, may_fix=self.may_fix)
        fixed = estimate(system) + estimate_tools(self.tools)
        tells = CALIBRATION.factor(model.name)
        room = int((window - answer_room(model)) / tells * SAFE_SHARE) - fixed
        end = "\n\n".join(filter(None, [self._board(int(BOARD_SHARE * room)), note]))
        turns = list(self.conversation.turns())
        told = self._at_this_point(window)
        told.brief = told.brief or self._brief.told(int(CASE_SHARE * room))
        messages = self._messages(told, turns)
        before = tokens_of(messages)
        if before + estimate(end) > room:
            # The beginning changes anyway: now the case can be told as it is by now.
            told.brief = self._brief.told(int(CASE_SHARE * room))
            was_cut = told.cut
            self._compact(told, turns, room - estimate(end))
            case, *others = self._messages(told, turns)
            left = room - estimate(end) - tokens_of([case])
            messages = [case, *self._fitting.fitted(others, left, self._words(turns))]
            if told.cut > was_cut:
                self.compacted(before, tokens_of(messages))
        messages = with_note(messages, end)
        self.used = fixed + tokens_of(messages)
        return Prompt(
            system, messages, self.tools, max_output=min(model.traits.max_output, MOST_ANSWER)
        )

    def compact(self, model: Model) -> None:
        """Tell all but the last turn as facts from now on."""
        turns = list(self.conversation.turns())
        told = self._at_this_point(model.traits.window)
        room = int((1 - ANSWER_SHARE) * model.traits.window)
        told.brief = ""
        self._cut(told, turns, max(_last_said(turns), 0), room)

    def _at_this_point(self, window: int) -> _Told:
        """What is told to models with such a window.

        Within a turn the case stays as it was told first, and results say what is new of it.
        """
        point = self._point()
        told = self._windows.setdefault(window, _Told())
        if told.since[1] != point[1]:
            told.cut, told.past = 0, ""  # something was taken back
        if told.since != point:
            told.brief, told.since = "", point
        return told

    def _point(self) -> tuple[int, int]:
        """How often the person has spoken, and taken back what was said."""
        said = sum(_is_of_person(message) for message in self.conversation.messages)
        return said, self.conversation.taken_back

    @cached_property
    def _fitting(self) -> Fitting:
        return Fitting(self.case.evidence, self.present)

    def _messages(self, told: _Told, turns: Sequence[Sequence[Message]]) -> list[Message]:
        """The case, the past, what the person said last if that is past, and all since."""
        first = [told.brief, told.past]
        messages: list[Message] = [
            UserMessage(text=text, origin="program") for text in first if text
        ]
        words = self._words(turns)
        if words is not None and _last_said(turns) < told.cut:
            messages.append(words)
        return [*messages, *(message for turn in turns[told.cut :] for message in turn)]

    def _words(self, turns: Sequence[Sequence[Message]]) -> Message | None:
        said = _last_said(turns)
        return turns[said][0] if said >= 0 else None

    def _compact(self, told: _Told, turns: Sequence[Sequence[Message]], room: int) -> None:
        """Make facts of so many turns that the others leave room to go on."""
        left = int((COMPACT_TO - PAST_SHARE) * (room - estimate(told.brief)))
        cut = max(len(turns) - 1, told.cut)
        while cut > told.cut and (size := tokens_of(turns[cut - 1])) <= left:
            left -= size
            cut -= 1
        if cut > told.cut:
            self._cut(told, turns, cut, room)

    def _cut(self, told: _Told, turns: Sequence[Sequence[Message]], cut: int, room: int) -> None:
        told.cut = cut
        past = int(PAST_SHARE * room)
        told.past = self._past.told(turns[:cut], past, self.summarise) if cut else ""

    def _board(self, most_tokens: int) -> str:
        """The open theories, and those of the model's own; of many the first."""
        theories = [one for one in self.case.incident.hypotheses if _is_open(one)]
        text = ""
        for most in (len(theories), 12, 6, 3, 1):
            text = self.present.text("board", board=theories[:most]) if theories else ""
            if estimate(text) <= most_tokens:
                return text
        return ""


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


def _is_of_person(message: Message) -> bool:
    return isinstance(message, UserMessage) and message.origin == "person"


def _last_said(turns: Sequence[Sequence[Message]]) -> int:
    """The turn in which the person spoke last; -1 if it never did."""
    said = (n for n in range(len(turns) - 1, -1, -1) if _is_of_person(turns[n][0]))
    return next(said, -1)
