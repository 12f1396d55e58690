"""How long a model is waited for."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_agent.llm.waiting import LONGEST_RANGE_S, SystemClock, WaitBudget
from sme_tools.errors import (
    AnswerMalformed,
    AnswerRefused,
    BudgetSpent,
    ContextTooLong,
    ModelKeyInvalid,
    ModelOverloaded,
    ModelQuotaExhausted,
    ModelRateLimited,
    ModelTimeout,
    ModelUnreachable,
    ToolCallUnreadable,
)


class Chance(SystemClock):
    """A clock that rolls what it is told to."""

    def __init__(self, *rolls):
        self.rolls = list(rolls)

    def chance(self):
        return self.rolls.pop(0) if len(self.rolls) > 1 else self.rolls[0]


def waits(budget, error, times):
    return [budget.wait_s(error, attempt) for attempt in range(1, times + 1)]


def test_the_range_doubles_with_each_failure():
    budget = WaitBudget(1000, clock=Chance(0.5))
    assert waits(budget, ModelOverloaded("x"), 8) == [0.5, 1, 2, 4, 8, 15, 15, 15]


def test_the_whole_range_is_used():
    budget = WaitBudget(1000, clock=Chance(0.0, 0.999, 0.0, 0.25))
    assert waits(budget, ModelOverloaded("x"), 4) == [0, 1.998, 0, 2]


def test_what_the_provider_asks_for_is_waited_at_least():
    error = ModelRateLimited("x", retry_after_s=17)
    assert waits(WaitBudget(1000, clock=Chance(0.0)), error, 2) == [17, 17]
    assert waits(WaitBudget(1000, clock=Chance(0.5)), error, 2) == [17.5, 18]


def test_what_asks_for_more_than_is_left_is_not_waited_for():
    budget = WaitBudget(60, clock=Chance(0.0))
    assert budget.wait_s(ModelRateLimited("x", retry_after_s=61), 1) is None
    assert budget.wait_s(ModelRateLimited("x", retry_after_s=60), 1) == 60
    assert budget.wait_s(ModelRateLimited("x"), 2) is None


def test_the_budget_is_shared_by_all_models_and_kinds():
    budget = WaitBudget(20, clock=Chance(0.0))
    assert budget.wait_s(ModelRateLimited("x", retry_after_s=15), 1) == 15
    assert budget.wait_s(ModelOverloaded("x", retry_after_s=6), 1) is None
    assert budget.wait_s(AnswerMalformed("x"), 3) == 3
    assert budget.wait_s(AnswerMalformed("x"), 4) is None
    assert budget.wait_s(AnswerMalformed("x"), 1) == 1


def test_chance_never_spends_more_than_is_left():
    budget = WaitBudget(10, clock=Chance(0.999))
    assert budget.wait_s(ModelRateLimited("x", retry_after_s=9.5), 5) == 10
    assert budget.wait_s(ModelOverloaded("x"), 1) is None


def test_malformed_answers_are_asked_for_anew_after_1_2_3_and_4_seconds():
    assert waits(WaitBudget(60, clock=Chance(0.9)), AnswerMalformed("x"), 5) == [1, 2, 3, 4, None]


@pytest.mark.parametrize(("error", "times"), [(ModelTimeout("x"), 1), (ModelUnreachable("x"), 2)])
def test_some_failures_are_worth_few_attempts(error, times):
    got = waits(WaitBudget(1000, clock=Chance(0.5)), error, times + 1)
    assert None not in got[:times]
    assert got[times] is None


@pytest.mark.parametrize(
    "kind", [ModelKeyInvalid, ModelQuotaExhausted, AnswerRefused, ContextTooLong, BudgetSpent]
)
def test_some_failures_are_never_waited_for(kind):
    error = kind("x")
    error.retry_after_s = 1
    assert WaitBudget(1000).wait_s(error, 1) is None


def test_a_call_that_could_not_be_read_is_given_back_at_once():
    assert waits(WaitBudget(1000), ToolCallUnreadable("x"), 3) == [0, 0, None]


def test_the_clock_of_the_machine():
    clock = SystemClock()
    assert clock.now() <= clock.now()
    assert 0 <= clock.chance() < 1
    cancelled = threading.Event()
    assert not clock.wait(0, cancelled)
    cancelled.set()
    assert clock.wait(3600, cancelled)


@given(
    budget=st.floats(0, 1000),
    failures=st.lists(
        st.tuples(
            st.sampled_from([ModelOverloaded, ModelRateLimited, AnswerMalformed, ModelTimeout]),
            st.integers(1, 2000),
            st.none() | st.floats(0, 1e6),
        ),
        max_size=30,
    ),
)
def test_no_more_is_ever_waited_than_the_budget(budget, failures):
    waiting = WaitBudget(budget)
    waited = 0.0
    for kind, attempt, asked in failures:
        error = kind("x", retry_after_s=asked)
        seconds = waiting.wait_s(error, attempt)
        if seconds is not None:
            assert seconds >= 0
            if kind in (ModelOverloaded, ModelRateLimited, ModelTimeout):
                assert (asked or 0) <= seconds <= (asked or 0) + LONGEST_RANGE_S
            waited += seconds
    assert waited <= budget + 1e-6
