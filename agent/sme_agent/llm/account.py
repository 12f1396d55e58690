"""What models have taken, held against the budgets of the session and of the day."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sme_agent.llm.events import Answered
from sme_agent.llm.messages import Usage
from sme_agent.llm.model import Model
from sme_memory.model_ledger import ModelLedger, Spending, Spent
from sme_tools.errors import BudgetSpent, StateError

if TYPE_CHECKING:
    from sme_tools.model_settings import Allowance, Budget


class MoneySpent(BudgetSpent):
    """A budget of money is used up: a model that costs nothing may still be asked."""


class Account:
    """What one session takes. Kept in the ledger; where that can't be written, in memory."""

    def __init__(self, ledger: ModelLedger, budget: Budget, *, session: str, role: str) -> None:
        self._ledger = ledger
        self._budget = budget
        self._session = session
        self._role = role
        self._not_kept = Usage()
        self._kept: Usage | None = None
        self.problem = ""
        """Why something is not in the ledger."""

    @property
    def spent(self) -> Usage:
        """What the session has taken, in earlier programs as well; as of our last answer."""
        if self._kept is None:
            try:
                self._kept = Usage(**self._ledger.used_in(self._session)._asdict())
            except StateError as error:
                self.problem = str(error)
                return self._not_kept
        return self._kept + self._not_kept

    def check(self, model: Model, tokens: int) -> None:
        """See that a prompt of so many tokens is within every budget.

        Raises:
            BudgetSpent: it is not; says which, what was spent of it and how it is set.
        """
        price = model.traits.input_cost
        asked = Spent(tokens, (price or 0.0) * tokens / 1e6, price is None)
        try:
            for name, allowed in (("session", self._budget.session), ("day", self._budget.day)):
                if allowed.tokens is not None or allowed.usd is not None:
                    _hold(name, allowed, self._with_not_kept(self._spent_of(name)), asked, model)
        except StateError as error:
            raise BudgetSpent(
                f"the budget can't be checked: {error}", model=model.name, remedy=error.remedy
            ) from error

    def _spent_of(self, name: str) -> Spent:
        if name == "session":
            return self._ledger.spent_in(self._session)
        return self._ledger.spent_today(datetime.now().astimezone())

    def add(
        self, model: Model, usage: Usage, duration_s: float, first_token_s: float | None
    ) -> None:
        """Note what an answer took, or a failed request whose usage is known."""
        self._kept = None
        spending = Spending(
            model=model.name,
            role=self._role,
            session=self._session,
            duration_s=duration_s,
            first_token_s=first_token_s,
            **usage.model_dump(),
        )
        try:
            self._ledger.spend(spending)
        except StateError as error:
            # The answer was paid for; a full disk must not take it away.
            self._not_kept += usage
            self.problem = str(error)

    def answered(self, model: Model, answer: Answered) -> None:
        """Note what an answer took."""
        self.add(model, answer.usage, answer.duration_s, answer.first_token_s)

    def counts_money(self) -> bool:
        """Whether a budget is set in money, and a price that nobody knows would be missed."""
        return self._budget.session.usd is not None or self._budget.day.usd is not None

    def _with_not_kept(self, spent: Spent) -> Spent:
        lost = self._not_kept
        return Spent(
            spent.tokens + lost.input_tokens + lost.output_tokens,
            spent.usd + (lost.cost_usd or 0.0),
            spent.unknown_cost or lost.cost_usd is None,
        )


def is_free(model: Model) -> bool:
    """Whether a model is known to cost nothing: a budget of money does not stop it."""
    return model.traits.input_cost == 0 and model.traits.output_cost == 0


def _too_dear(allowed: float, spent: Spent, asked: Spent) -> bool:
    return spent.usd >= allowed or spent.usd + asked.usd > allowed


def _hold(name: str, allowed: Allowance, spent: Spent, asked: Spent, model: Model) -> None:
    kind: type[BudgetSpent] = BudgetSpent
    setting = f"[budget.{name}] {{}} = {{}}"
    if allowed.tokens is not None and spent.tokens + asked.tokens > allowed.tokens:
        had = f"{spent.tokens:,} tokens were spent, and the next prompt takes {asked.tokens:,}"
        where = setting.format("tokens", allowed.tokens)
    elif allowed.usd is not None and not is_free(model) and _too_dear(allowed.usd, spent, asked):
        more = " and more whose price is not known" if spent.unknown_cost else ""
        had = f"${spent.usd:.4f}{more} was spent, and the next prompt costs ${asked.usd:.4f}"
        where = setting.format("usd", f"{allowed.usd:g}")
        kind = MoneySpent
    else:
        return
    raise kind(
        f"the budget of the {name} is used up: {had}; {where}",
        model=model.name,
        remedy=f"Raise it in config.toml: {where}. Or go on without a model.",
    )
