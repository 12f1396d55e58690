"""One model tried out: whether it is there, streams, calls tools, and how fast it is."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sme_agent.llm.events import Answered, LlmEvent, Noted, Reasoning, Text
from sme_agent.llm.messages import Tool, ToolCall, Usage, UserMessage
from sme_agent.llm.model import Model, Prompt
from sme_agent.llm.pursuit import Ask, Learned, Pursuit
from sme_agent.llm.waiting import SystemClock, WaitBudget
from sme_memory.model_ledger import SHORTEST_STREAM_S
from sme_prompts.load import Prompts
from sme_tools.errors import AnswerMalformed, ModelError

ROOM = 2048
"""Tokens of an answer: models that think take most of it for that."""


@dataclass
class Trial:
    """How a trial went. What was not reached is None."""

    model: Model
    streams: bool | None = None
    """Whether the answer came piece by piece."""
    calls_tools: bool | None = None
    first_token_s: float | None = None
    tokens_per_s: float | None = None
    """Of the answer, from its first piece on."""
    usage: Usage = field(default_factory=Usage)
    notes: list[str] = field(default_factory=list)
    """What it does not know, and was therefore asked without."""
    failure: ModelError | None = None

    @property
    def works(self) -> bool:
        """Whether it can be used."""
        return self.failure is None


def try_out(model: Model, ask: Ask, prompts: Prompts, *, cancelled: threading.Event) -> Trial:
    """Ask a model for a few words, and for a tool call.

    A failure is no error here but the outcome.

    Raises:
        Interrupted: `cancelled` was set.
    """
    trial = Trial(model)
    # What a trial meets is what it says: nothing is waited for.
    pursuit = Pursuit(Learned(model), ask, WaitBudget(0.0), SystemClock(), cancelled)
    try:
        _try_call(trial, pursuit, prompts)
        # The second, as the first request of a program takes longer to set up.
        _try_text(trial, pursuit, prompts)
    except ModelError as error:
        trial.failure = error
    trial.model = pursuit.learned.model
    return trial


def _try_call(trial: Trial, pursuit: Pursuit, prompts: Prompts) -> None:
    def said(part: str) -> str:
        return prompts.render("trial", part=part)

    word = {"type": "string", "description": said("parameter")}
    schema = {"type": "object", "properties": {"word": word}, "required": ["word"]}
    tool = Tool(name="report", description=said("tool"), parameters=schema)
    answer = _answer(_asked(trial, pursuit, _prompt(prompts, "call", tool)))
    trial.calls_tools = any(map(_is_right, answer.message.calls))


def _try_text(trial: Trial, pursuit: Pursuit, prompts: Prompts) -> None:
    events = list(_asked(trial, pursuit, _prompt(prompts, "text")))
    answer = _answer(events)
    trial.streams = sum(isinstance(event, Text | Reasoning) for event in events) > 1
    trial.first_token_s = answer.first_token_s
    writing_s = answer.duration_s - answer.first_token_s
    if trial.streams and writing_s >= SHORTEST_STREAM_S:
        trial.tokens_per_s = answer.usage.output_tokens / writing_s
    if not trial.calls_tools:
        raise AnswerMalformed("it answers, and does not call a tool", model=trial.model.name)


def _is_right(call: ToolCall) -> bool:
    return call.name == "report" and call.unreadable is None and "word" in call.arguments


def _prompt(prompts: Prompts, part: str, *tools: Tool) -> Prompt:
    return Prompt(
        system=prompts.render("trial", part="system"),
        messages=[UserMessage(text=prompts.render("trial", part=part), origin="program")],
        tools=tools,
        max_output=ROOM,
    )


def _asked(trial: Trial, pursuit: Pursuit, prompt: Prompt) -> Iterator[LlmEvent]:
    for event in pursuit.answer(lambda model: prompt):
        if isinstance(event, Answered):
            trial.usage += event.usage
        elif isinstance(event, Noted):
            trial.notes.append(event.text)
        yield event


def _answer(events: Iterable[LlmEvent]) -> Answered:
    return next(event for event in reversed(list(events)) if isinstance(event, Answered))
