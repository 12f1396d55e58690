"""The one way to a language model: the first of the chain that answers, with all that goes wrong
on the way handled and told.

    gateway = Gateway(chain(settings), ledger=…, budget=settings.budget, session=incident.id, …)
    for event in gateway.answer(compose, cancelled=cancelled):
        …                       # the last one is `Answered`

Layers, from the outside: the chain (this module), one whole answer (`whole`), one model until it
answers or there is no hope (`pursuit`), one request, queued, paid and recorded (`requests`), and
the request itself (`attempt`). Each knows only the next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from sme_agent.llm.account import Account, MoneySpent, is_free
from sme_agent.llm.chain import seen_by_its_server
from sme_agent.llm.events import Answered, LlmEvent, ModelFailed
from sme_agent.llm.health import Health
from sme_agent.llm.messages import Usage
from sme_agent.llm.model import Model
from sme_agent.llm.pursuit import Compose, Learned, Pursuit
from sme_agent.llm.requests import Requests
from sme_agent.llm.telemetry import Recorder
from sme_agent.llm.waiting import Clock, SystemClock, WaitBudget
from sme_agent.llm.whole import whole_answer
from sme_prompts.load import Prompts
from sme_tools.errors import BudgetSpent, ModelError, NoModelAnswers, UsageError

if TYPE_CHECKING:
    from sme_memory.model_ledger import ModelLedger
    from sme_tools.model_settings import Budget
    from sme_tools.safety.anonymise import Anonymiser


class Gateway:
    """Asks the models of a chain, in order; one answer at a time."""

    def __init__(
        self,
        models: Sequence[Model],
        *,
        ledger: ModelLedger,
        budget: Budget,
        session: str,
        wait_budget_s: float,
        role: str = "reasoning",
        then: str = "",
        prompts: Prompts | None = None,
        recorder: Recorder | None = None,
        anonymiser: Anonymiser | None = None,
        look: Callable[[Model], Model] = seen_by_its_server,
        clock: Clock | None = None,
    ) -> None:
        """Begin a session.

        Args:
            models: The chain, in the order in which they are asked.
            ledger: Where spending and health are kept.
            budget: Of the session and of the day.
            session: What a session's budget is for: an incident's id.
            wait_budget_s: The retries for one answer wait no longer than this, over all models.
            role: What the answers are for, as the ledger notes it.
            then: Who goes on where no model answers: `rules`, or nobody.
            prompts: The words for a model whose answer was cut off.
            recorder: Logs and traces.
            anonymiser: Hides names and addresses from models.
            look: Looks closer at a model before it is asked for the first time.
            clock: What waits between attempts.
        """
        self._models = list(models)
        self._wait_budget_s = wait_budget_s
        self._then = then
        self._prompts = prompts or Prompts()
        self._look = look
        self._clock = clock or SystemClock()
        self._health = Health(ledger)
        self._account = Account(ledger, budget, session=session, role=role)
        self._requests = Requests(self._account, self._prompts, recorder, anonymiser)
        self._learned: dict[str, Learned] = {}
        self._current = self._models[0].name if self._models else ""

    @property
    def spent(self) -> Usage:
        """What this session has taken."""
        return self._account.spent

    @property
    def current(self) -> Model:
        """Who answered last, or would be asked next.

        Raises:
            NoModelAnswers: the chain is empty.
        """
        for model in self._models:
            if model.name == self._current:
                learned = self._learned.get(model.name)
                return learned.model if learned else model
        raise NoModelAnswers({})

    def choose(self, name: str) -> None:
        """Ask this model of the chain first from now on, whatever its health was.

        Raises:
            UsageError: there is none of this name.
        """
        chosen = [model for model in self._models if model.name == name]
        if not chosen:
            raise UsageError(
                f"there is no model {name!r} in the chain",
                remedy="There are: " + ", ".join(model.name for model in self._models),
            )
        self._models = chosen + [model for model in self._models if model.name != name]
        self._current = name
        self._health.forget(name)

    def answer(self, compose: Compose, *, cancelled: threading.Event) -> Iterator[LlmEvent]:
        """The events of one answer, which ends with `Answered`.

        `compose` makes the prompt for a model. It is called again for the next model, and where a
        prompt was too long for the window.

        Raises:
            BudgetSpent: a budget forbids it; names which.
            NoModelAnswers: with each model's reason.
            Interrupted: `cancelled` was set.
        """
        reasons: dict[str, str] = {}
        unpaid: BudgetSpent | None = None
        waiting = WaitBudget(self._wait_budget_s, clock=self._clock)
        for number, model in enumerate(self._models):
            following = self._models[number + 1 :]
            try:
                yield from self._answer_of(model, compose, waiting, cancelled)
            except ModelError as error:
                failure = error
            else:
                return
            if isinstance(failure, BudgetSpent):
                if not isinstance(failure, MoneySpent) or not any(map(is_free, following)):
                    raise failure
                unpaid = failure
            reasons[model.name] = failure.message
            then = following[0].name if following else self._then
            yield ModelFailed(model.name, failure.message, failure.remedy, then)
        raise unpaid or NoModelAnswers(reasons)

    def _answer_of(
        self, model: Model, compose: Compose, waiting: WaitBudget, cancelled: threading.Event
    ) -> Iterator[LlmEvent]:
        """One model's answer. Raises ModelError: it gives none; its health is noted."""
        self._health.check(model.name)
        self._current = model.name
        learned = self._learned.get(model.name)
        if learned is None:
            learned = self._learned[model.name] = Learned(self._look(model))
        pursuit = Pursuit(learned, self._requests.ask, waiting, self._clock, cancelled)
        try:
            for event in whole_answer(pursuit, compose, self._prompts):
                if isinstance(event, Answered):
                    self._health.answered(model.name)
                yield event
        except ModelError as error:
            self._health.failed(model.name, error)
            raise
