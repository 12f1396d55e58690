"""A model that failed is left alone for a while."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_agent.llm.breaker import LONGEST_S, Breaker
from sme_tools.errors import (
    AnswerMalformed,
    AnswerRefused,
    BudgetSpent,
    ContextTooLong,
    ModelError,
    ModelForbidden,
    ModelKeyInvalid,
    ModelOverloaded,
    ModelQuotaExhausted,
    ModelRateLimited,
    ModelTimeout,
    ModelUnknown,
    ModelUnreachable,
    ParameterUnsupported,
    SecretUnavailable,
    ToolCallUnreadable,
)

NOW = 1.8e9


def failed(breaker, *errors, now=NOW):
    for error in errors:
        breaker = breaker.after_failure(error, now)
    return breaker


def test_it_is_closed_at_first():
    assert Breaker().state(NOW) == "closed"
    assert Breaker().may_try(NOW)


@pytest.mark.parametrize(
    "kind", [ModelOverloaded, ModelTimeout, ModelUnreachable, AnswerMalformed, ModelRateLimited]
)
def test_the_second_passing_failure_in_a_row_opens_it_for_half_a_minute(kind):
    once = failed(Breaker(), kind("down"))
    assert once.state(NOW) == "closed"
    assert once.may_try(NOW)
    twice = failed(once, kind("down"))
    assert twice.state(NOW) == "open"
    assert not twice.may_try(NOW + 29.9)
    assert twice.may_try(NOW + 30)
    assert twice.state(NOW + 30) == "half-open"
    assert twice.reason == "down"


def test_each_failed_trial_doubles_the_time_up_to_ten_minutes():
    breaker, now, times = failed(Breaker(), ModelTimeout("x")), NOW, []
    for _ in range(7):
        breaker = breaker.after_failure(ModelTimeout("x"), now)
        times.append(breaker.until - now)
        now = breaker.until
    assert times == [30, 60, 120, 240, 480, 600, 600]


@pytest.mark.parametrize(
    "kind", [ModelKeyInvalid, ModelQuotaExhausted, ModelForbidden, ModelUnknown]
)
def test_what_does_not_pass_by_itself_opens_it_at_once_and_longer(kind):
    breaker = failed(Breaker(), kind("x"))
    assert not breaker.may_try(NOW + 599)
    assert breaker.may_try(NOW + 600)
    times = []
    for _ in range(4):
        breaker = failed(breaker, kind("x"))
        times.append(breaker.until - NOW)
    assert times == [1200, 2400, 3600, 3600]


def test_a_key_that_was_not_there_is_looked_for_again_at_once():
    error = ModelKeyInvalid("env:NOPE: there is no such variable")
    error.__cause__ = SecretUnavailable("env:NOPE: there is no such variable")
    assert failed(Breaker(), error, error) == Breaker()


def test_what_the_provider_asks_for_is_kept_to():
    breaker = failed(Breaker(), ModelRateLimited("x", retry_after_s=2160))
    assert not breaker.may_try(NOW + 2159)
    assert breaker.may_try(NOW + 2160)
    brief = failed(Breaker(), ModelOverloaded("x", retry_after_s=2))
    assert brief.until == NOW + 30
    endless = failed(Breaker(), ModelRateLimited("x", retry_after_s=1e12))
    assert endless.until == NOW + LONGEST_S


@pytest.mark.parametrize(
    "kind",
    [
        ContextTooLong,
        ParameterUnsupported,
        ToolCallUnreadable,
        AnswerRefused,
        BudgetSpent,
        ModelError,
    ],
)
def test_what_is_about_one_request_says_nothing_of_health(kind):
    breaker = failed(Breaker(), ModelTimeout("x"))
    assert failed(breaker, kind("y"), kind("y"), kind("y")) == breaker


def test_a_clock_that_was_set_back_does_not_lock_a_model_out():
    breaker = failed(Breaker(), ModelKeyInvalid("x"), now=NOW + 400 * 86400)
    assert breaker.may_try(NOW)


def test_it_is_kept_as_json():
    breaker = failed(Breaker(), ModelQuotaExhausted("used «up»", retry_after_s=7200.5))
    text = breaker.to_json()
    assert json.loads(text) == asdict(breaker)
    assert Breaker.from_json(text) == breaker


@pytest.mark.parametrize(
    "text",
    [None, "", "null", "[]", "{", '{"failures": "many"}', '{"until": "soon"}', "\0", '{"a":1}'],
)
def test_what_can_not_be_read_is_forgotten(text):
    assert Breaker.from_json(text) == Breaker()


KINDS = st.sampled_from(
    [ModelKeyInvalid, ModelOverloaded, ModelRateLimited, ContextTooLong, ModelTimeout]
)


@given(
    steps=st.lists(
        st.tuples(KINDS | st.none(), st.floats(0, 1e5), st.none() | st.floats(0, 1e9)), max_size=40
    )
)
def test_it_is_always_open_for_a_while_only(steps):
    breaker, now = Breaker(), NOW
    for kind, passed, asked in steps:
        now += passed
        if kind is None:
            breaker = Breaker()
            assert breaker.state(now) == "closed"
        else:
            error = kind("x")
            error.retry_after_s = asked
            breaker = breaker.after_failure(error, now)
        assert Breaker.from_json(breaker.to_json()) == breaker
        assert breaker.may_try(now + LONGEST_S + 1)
        assert (breaker.state(now) == "open") == (not breaker.may_try(now))


@given(
    text=st.text()
    | st.from_regex(r'\{"(failures|opened|until)": ?-?[0-9e]{1,12}\}', fullmatch=True)
)
def test_any_stored_text_gives_a_breaker_that_works(text):
    breaker = Breaker.from_json(text)
    after = breaker.after_failure(ModelTimeout("x"), NOW)
    assert after.may_try(NOW + LONGEST_S + 1)
