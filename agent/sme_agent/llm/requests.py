"""One request to a model: queued, within the budget, hidden from prying, recorded and paid."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sme_agent.llm.account import Account
from sme_agent.llm.attempt import attempt
from sme_agent.llm.buckets import RateLimiter
from sme_agent.llm.events import Answered, LlmEvent, Noted, Wasted
from sme_agent.llm.hiding import hidden, revealed
from sme_agent.llm.model import Model, Prompt
from sme_agent.llm.telemetry import Recorder
from sme_agent.llm.tokens import prompt_tokens
from sme_agent.llm.unreadable import estimated_usage
from sme_prompts.load import Prompts
from sme_tools.errors import ModelKeyInvalid, SecretUnavailable, ToolCallUnreadable
from sme_tools.model_settings import Telemetry

if TYPE_CHECKING:
    from sme_tools.safety.anonymise import Anonymiser

USUAL_ANSWER = 1024
"""Tokens that an answer is taken for in the queue, until it is known how long it was."""


class Requests:
    """Makes the requests of one session."""

    def __init__(
        self,
        account: Account,
        prompts: Prompts,
        recorder: Recorder | None = None,
        anonymiser: Anonymiser | None = None,
    ) -> None:
        self._account = account
        self._prompts = prompts
        self._recorder = recorder or Recorder(Telemetry())
        self._anonymiser = anonymiser
        self._said: set[tuple[str, str]] = set()

    def ask(
        self, model: Model, prompt: Prompt, without: frozenset[str], cancelled: threading.Event
    ) -> Iterator[LlmEvent]:
        """The events of one request; ends with `Answered`.

        Raises:
            BudgetSpent: it would exceed a budget; nothing was sent.
            ModelError: it failed.
            Interrupted: `cancelled` was set.
        """
        tokens = prompt_tokens(model, prompt)
        self._account.check(model, tokens)
        yield from self._unknown_price(model)
        limiter = _limiter(
            model.name, model.options.requests_per_minute, model.options.tokens_per_minute
        )
        expected = tokens + min(model.traits.max_output, USUAL_ANSWER)
        yield from limiter.turn(model.name, expected, cancelled=cancelled)
        sent = hidden(prompt, self._anonymiser) if self._anonymiser else prompt
        events = self._paid(model, sent, without, cancelled)
        for event in revealed(events, self._anonymiser) if self._anonymiser else events:
            if isinstance(event, Answered):
                limiter.correct(expected, event.usage.input_tokens + event.usage.output_tokens)
            yield event

    def _paid(
        self, model: Model, prompt: Prompt, without: frozenset[str], cancelled: threading.Event
    ) -> Iterator[LlmEvent]:
        """The attempt, in the books; what a failed one took is in them too, where it is known."""
        with self._recorder.model_call(model, prompt) as call:
            for event in self._attempted(model, prompt, without, cancelled):
                if isinstance(event, Answered):
                    call.answered(event)
                    self._account.answered(model, event)
                    yield from self._not_kept(model)
                elif isinstance(event, Wasted):
                    call.used(event.usage)
                    self._account.add(model, event.usage, event.duration_s, None)
                yield event

    def _attempted(
        self, model: Model, prompt: Prompt, without: frozenset[str], cancelled: threading.Event
    ) -> Iterator[LlmEvent]:
        told = False
        try:
            for event in attempt(
                model, prompt, cancelled=cancelled, without=without, prompts=self._prompts
            ):
                told = told or isinstance(event, Wasted)
                yield event
        except ToolCallUnreadable as error:
            if error.generation and not told:
                usage = estimated_usage(model, prompt, error.generation)
                yield Wasted(model.name, usage, 0.0)
            raise
        except SecretUnavailable as error:
            raise ModelKeyInvalid(str(error), model=model.name, remedy=error.remedy) from error

    def _not_kept(self, model: Model) -> Iterator[LlmEvent]:
        if self._account.problem:
            yield from self._once(model, f"not in the ledger: {self._account.problem}")

    def _unknown_price(self, model: Model) -> Iterator[LlmEvent]:
        traits = model.traits
        if self._account.counts_money() and None in (traits.input_cost, traits.output_cost):
            yield from self._once(
                model,
                "nobody knows its price, so the budget of money does not see what it takes: "
                f'set input_cost and output_cost in [model."{model.name}"]',
            )

    def _once(self, model: Model, text: str) -> Iterator[LlmEvent]:
        if (model.name, text) not in self._said:
            self._said.add((model.name, text))
            yield Noted(model.name, text)


@functools.cache
def _limiter(
    name: str, requests_per_minute: int | None, tokens_per_minute: int | None
) -> RateLimiter:
    """The queue before one model, for the whole process: its limits are those of the key."""
    return RateLimiter(requests_per_minute, tokens_per_minute)
