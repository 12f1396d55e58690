"""One model, asked until it answers or it is clear that it will not.

What is done about each failure stands with its class in `sme_tools.errors`: `treatment` says what,
`retries` how often. Nothing of a failed attempt remains in the conversation; what the model was
found not to know is remembered, so that it is asked for only once.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from sme_agent.llm.events import (
    Answered,
    CallBegun,
    LlmEvent,
    Noted,
    Reasoning,
    Text,
    Waiting,
    Withdrawn,
)
from sme_agent.llm.model import Model, Prompt
from sme_agent.llm.price_map import known
from sme_agent.llm.unreadable import as_answer
from sme_agent.llm.waiting import Clock, WaitBudget
from sme_tools.errors import (
    ContextTooLong,
    Interrupted,
    ModelError,
    ParameterUnsupported,
    ToolCallUnreadable,
)

Compose = Callable[[Model], Prompt]
"""Makes the prompt for a model: what fits into its window."""

SHORTER = 0.7
"""Where the provider does not say how much fits, the next prompt is for this share of it."""
SMALLEST_WINDOW = 2048
MOST_GIVEN_BACK = 3
"""So many calls in a row that can't be read are given back to a model."""


class Ask(Protocol):
    """One attempt: the events of one request, ending with `Answered`, or a ModelError."""

    def __call__(
        self, model: Model, prompt: Prompt, without: frozenset[str], cancelled: threading.Event
    ) -> Iterator[LlmEvent]:
        """Make the request, without the parameters that were refused before."""
        ...


@dataclass
class Learned:
    """One model, and what it was found not to know in this process."""

    model: Model
    without: frozenset[str] = frozenset()
    """Parameters that it refuses."""
    given_back: int = 0
    """How many of its calls in a row could not be read."""

    def shorten(self, error: ContextTooLong) -> str:
        """Take its window for smaller; says so."""
        traits = self.model.traits
        told = error.window if error.window and error.window < traits.window else None
        window = max(told or int(traits.window * SHORTER), SMALLEST_WINDOW)
        if window >= traits.window:
            raise error
        output = min(traits.max_output, window // 4)
        self.model = replace(self.model, traits=replace(traits, window=window, max_output=output))
        return f"the prompt was too long for it; asked again with one for {window:,} tokens"

    def drop(self, error: ParameterUnsupported) -> str:
        """Leave out what it does not know; says so."""
        strict = self.model.options.strict_tools and "strict" not in self.without
        name = _parameter(error.parameter, strict=strict)
        traits = self.model.traits
        if name == "tools" and traits.tools == "native":
            self.model = replace(self.model, traits=replace(traits, tools="text"))
            return "it takes no tool calls; asked again with the tools described in words"
        if name is None or name == "tools" or name in self.without:
            raise error
        self.without |= {name}
        said = "strict schemas" if name == "strict" else name
        return f"it does not know {said}; asked again without"

    def give_room(self) -> None:
        """Let its answers be twice as long, as far as it can and the user has set nothing."""
        traits = self.model.traits
        if self.model.options.max_output_tokens is None:
            listed = known(traits.provider, self.model.litellm_name).get("max_output_tokens")
            most = min(traits.window // 2, listed or traits.window)
            room = max(traits.max_output, min(traits.max_output * 2, most))
            self.model = replace(self.model, traits=replace(traits, max_output=room))


def _parameter(named: str | None, *, strict: bool) -> str | None:
    """The parameter that a provider means; it may give a path, as in `tools[0].function.strict`.

    Strict schemas go by many names: whatever is wrong with the inside of a tool is taken for them,
    while they are `strict`.
    """
    parts = [part for part in re.split(r"[^A-Za-z_]+", named or "") if part]
    if strict and (not parts or (parts[0] == "tools" and len(parts) > 1) or "strict" in parts):
        return "strict"
    if not parts:
        return None
    known = next((_MEANT[part] for part in reversed(parts) if part in _MEANT), None)
    return known or (named if len(parts) == 1 else None)


_MEANT = {
    "cache_control": "cache_control",
    "reasoning": "reasoning_effort",
    "reasoning_content": "reasoning_content",
    "reasoning_effort": "reasoning_effort",
    "strict": "strict",
    "temperature": "temperature",
    "thinking": "reasoning_effort",
    "tool_choice": "tool_choice",
}
"""Our names for what providers refuse, also within a path."""


class Pursuit:
    """Asks one model for one answer, again where there is hope."""

    def __init__(
        self,
        learned: Learned,
        ask: Ask,
        budget: WaitBudget,
        clock: Clock,
        cancelled: threading.Event,
    ) -> None:
        self.learned = learned
        self._ask = ask
        self._budget = budget
        self._clock = clock
        self._cancelled = cancelled
        self._failed: Counter[type[ModelError]] = Counter()

    def answer(self, compose: Compose) -> Iterator[LlmEvent]:
        """The events of the attempts; ends with `Answered`.

        Raises:
            ModelError: there is no hope that it answers.
            Interrupted: `cancelled` was set.
        """
        while True:
            model = self.learned.model
            prompt = compose(model)
            shown, begun = False, self._clock.now()
            try:
                for event in self._ask(model, prompt, self.learned.without, self._cancelled):
                    shown = shown or isinstance(event, Text | Reasoning | CallBegun)
                    if isinstance(event, Answered):
                        self.learned.given_back = 0
                    yield event
            except ModelError as error:
                failure = error
            else:
                return
            if shown:
                yield Withdrawn(model.name, failure.message)
            if isinstance(failure, ToolCallUnreadable):
                answer = as_answer(failure, model, prompt, self._clock.now() - begun)
                if answer is not None:
                    self._give_back(answer, failure)
                    yield answer
                    return
            yield from self._treated(failure)

    def _give_back(self, answer: Answered, failure: ToolCallUnreadable) -> None:
        """Count the calls in a row that could not be read."""
        if all(call.unreadable is None for call in answer.message.calls):
            self.learned.given_back = 0
            return
        self.learned.given_back += 1
        if self.learned.given_back > MOST_GIVEN_BACK:
            self.learned.given_back = 0
            raise failure

    def _treated(self, failure: ModelError) -> Iterator[LlmEvent]:
        """Do what helps against the failure, or raise it."""
        kind = type(failure)
        self._failed[kind] += 1
        if failure.retries is not None and self._failed[kind] > failure.retries:
            raise failure
        name = self.learned.model.name
        if isinstance(failure, ContextTooLong):
            yield Noted(name, self.learned.shorten(failure))
        elif isinstance(failure, ParameterUnsupported):
            yield Noted(name, self.learned.drop(failure))
        else:
            yield from self._wait(failure)

    def _wait(self, failure: ModelError) -> Iterator[LlmEvent]:
        attempt = self._failed[type(failure)]
        seconds = self._budget.wait_s(failure, attempt)
        if seconds is None:
            raise failure
        if seconds > 0:
            yield Waiting(self.learned.model.name, seconds, failure.message, attempt)
            if self._clock.wait(seconds, self._cancelled):
                raise Interrupted("stopped while waiting to ask the model again") from failure
