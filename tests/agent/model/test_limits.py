"""Limits of a turn: said before they are reached, once, and then kept."""

import pytest

from sme_agent.model.limits import Allowance
from sme_tools.model_settings import TurnLimits


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_each_limit_is_said_once_before_it_is_reached(clock):
    allowance = Allowance(TurnLimits(steps=8, seconds=100, tokens=1000, usd=1.0), clock)
    said = []
    for _ in range(7):
        allowance.took(90, 0.05)
        said.append(allowance.near())
        assert allowance.used_up() is None
    assert said == [None] * 5 + [("steps", 75), None]
    clock.now += 80
    assert allowance.near() == ("time", 80)
    assert allowance.near() is None
    allowance.took(90, 0.05)
    assert allowance.used_up() == "steps"


@pytest.mark.parametrize(
    ("limits", "took", "name"),
    [
        (TurnLimits(steps=1), (1, 0.0), "steps"),
        (TurnLimits(tokens=10), (10, 0.0), "tokens"),
        (TurnLimits(usd=0.5), (1, 0.5), "cost"),
        (TurnLimits(usd=0.0), (0, 0.0), "cost"),
    ],
)
def test_each_limit_is_kept(clock, limits, took, name):
    allowance = Allowance(limits, clock)
    allowance.took(*took)
    assert allowance.used_up() == name


def test_time_is_a_limit(clock):
    allowance = Allowance(TurnLimits(seconds=60), clock)
    clock.now += 59
    assert allowance.used_up() is None
    clock.now += 1
    assert allowance.used_up() == "time"


def test_a_price_that_nobody_knows_counts_as_nothing(clock):
    allowance = Allowance(TurnLimits(usd=0.01), clock)
    allowance.took(10**5, None)
    assert allowance.used_up() is None


def test_two_limits_that_come_near_at_once_are_both_said(clock):
    allowance = Allowance(TurnLimits(steps=4, tokens=100), clock)
    for _ in range(3):
        allowance.took(26, 0.0)
    assert [allowance.near(), allowance.near(), allowance.near()] == [
        ("steps", 75),
        ("tokens", 78),
        None,
    ]
