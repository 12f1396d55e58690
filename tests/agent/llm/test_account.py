"""What models have taken, held against budgets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sme_agent.llm.account import Account
from sme_agent.llm.messages import Usage
from sme_agent.llm.model import Model, Traits
from sme_memory.model_ledger import ModelLedger, Spending
from sme_tools.errors import BudgetSpent
from sme_tools.model_settings import Allowance, Budget, ModelOptions

TRAITS = Traits("deepseek", 64_000, 4096, "native", False, False, 1.0, 2.0, "test")
PAID = Model("deepseek/chat", ModelOptions(), TRAITS)
FREE = Model("ollama/x", ModelOptions(), replace(TRAITS, input_cost=0.0, output_cost=0.0))
UNKNOWN = Model("lab/x", ModelOptions(), replace(TRAITS, input_cost=None, output_cost=None))


@pytest.fixture
def ledger(tmp_path):
    return ModelLedger(tmp_path / "models.db")


def account(ledger, budget=Budget(), *, session="s1", role="reasoning"):  # noqa: B008 - frozen
    return Account(ledger, budget, session=session, role=role)


def test_without_a_budget_nothing_is_limited(ledger):
    accountant = account(ledger)
    accountant.add(PAID, Usage(input_tokens=10**9, cost_usd=10**6), 1.0, None)
    accountant.check(PAID, 10**9)


def test_tokens_of_a_session_are_those_of_all_its_accounts(ledger):
    first = account(ledger)
    first.add(PAID, Usage(input_tokens=600, output_tokens=300, cost_usd=0.1), 1.0, None)
    limited = account(ledger, Budget(session=Allowance(tokens=1000)), role="summaries")
    assert limited.spent == Usage(input_tokens=600, output_tokens=300, cost_usd=0.1)
    limited.check(PAID, 100)
    with pytest.raises(BudgetSpent) as raised:
        limited.check(FREE, 101)
    assert "budget of the session" in str(raised.value)
    assert "900 tokens were spent, and the next prompt takes 101" in str(raised.value)
    assert "[budget.session] tokens = 1000" in raised.value.remedy
    other = account(ledger, Budget(session=Allowance(tokens=1000)), session="s2")
    other.check(PAID, 1000)


def test_money_of_a_day_is_that_of_all_sessions(ledger):
    spend = {"model": "m", "role": "r", "duration_s": 1.0, "input_tokens": 1}
    yesterday = datetime.now(UTC) - timedelta(days=1, hours=1)
    ledger.spend(Spending(session="s0", cost_usd=100.0, at=yesterday, **spend))
    ledger.spend(Spending(session="s1", cost_usd=0.99, **spend))
    limited = account(ledger, Budget(day=Allowance(usd=1.0)), session="s2")
    limited.check(PAID, 10_000)
    with pytest.raises(BudgetSpent) as raised:
        limited.check(PAID, 10_001)
    assert "budget of the day" in str(raised.value)
    assert "$0.9900 was spent, and the next prompt costs $0.0100" in str(raised.value)
    assert "[budget.day] usd = 1" in raised.value.remedy


def test_what_costs_nothing_needs_no_money(ledger):
    limited = account(ledger, Budget(session=Allowance(usd=0.5)))
    limited.add(PAID, Usage(input_tokens=1, cost_usd=0.5), 1.0, None)
    limited.check(FREE, 10_000)
    with pytest.raises(BudgetSpent):
        limited.check(UNKNOWN, 1)


def test_what_nobody_knows_the_price_of_is_said_to_be_missing(ledger):
    limited = account(ledger, Budget(session=Allowance(usd=0.5)))
    limited.add(UNKNOWN, Usage(input_tokens=10**6, cost_usd=None), 1.0, None)
    limited.check(UNKNOWN, 1)
    limited.add(PAID, Usage(input_tokens=1, cost_usd=0.5), 1.0, None)
    assert limited.spent.cost_usd is None
    with pytest.raises(BudgetSpent, match="and more whose price is not known"):
        limited.check(PAID, 1)


def test_a_broken_ledger_takes_no_answer_away(ledger, tmp_path):
    limited = account(ledger, Budget())
    ledger.path.write_bytes(b"this is no database" * 100)
    limited.add(PAID, Usage(input_tokens=90, cost_usd=0.2), 1.0, None)
    assert limited.spent == Usage(input_tokens=90, cost_usd=0.2)
    assert "models.db" in limited.problem


def test_a_budget_that_cannot_be_checked_is_taken_for_spent(ledger):
    ledger.path.write_bytes(b"this is no database" * 100)
    limited = account(ledger, Budget(day=Allowance(tokens=100)))
    with pytest.raises(BudgetSpent, match=r"can't be checked: .*models.db") as raised:
        limited.check(PAID, 1)
    assert raised.value.remedy
