"""Requests above the limit per minute wait for their turn."""

import threading

import pytest

from sme_agent.llm.buckets import RateLimiter
from sme_agent.llm.waiting import SystemClock
from sme_tools.errors import Interrupted

NEVER = threading.Event()


class Hours(SystemClock):
    """A clock whose time passes only while somebody waits."""

    def __init__(self):
        self.at = 1e6

    def now(self):
        return self.at

    def wait(self, seconds, cancelled):
        self.at += seconds
        return cancelled.is_set()


def take(turns, tokens=0, cancelled=NEVER):
    """Take a turn; what was said while waiting."""
    return list(turns.turn("a/model", tokens, cancelled=cancelled))


@pytest.fixture
def clock():
    return Hours()


def test_without_a_limit_nobody_waits(clock):
    turns = RateLimiter(None, None, clock=clock)
    assert all(take(turns, 10**9) == [] for _ in range(1000))
    assert clock.at == 1e6


def test_a_full_minute_may_be_used_at_once_and_fills_up_evenly(clock):
    turns = RateLimiter(30, None, clock=clock)
    assert [take(turns) for _ in range(30)] == [[]] * 30
    for _ in range(5):
        before = clock.at
        [said] = take(turns)
        assert said.model == "a/model"
        assert said.attempt == 0
        assert said.seconds == pytest.approx(2)
        assert clock.at - before == pytest.approx(2)


def test_tokens_and_requests_both_count(clock):
    turns = RateLimiter(60, 1000, clock=clock)
    assert take(turns, 900) == []
    [said] = take(turns, 400)
    assert said.seconds == pytest.approx(300 * 60 / 1000)


def test_an_idle_hour_allows_no_more_than_a_minute(clock):
    turns = RateLimiter(None, 1000, clock=clock)
    take(turns, 1000)
    clock.at += 3600
    assert take(turns, 1000) == []
    assert take(turns, 1) != []


def test_a_request_larger_than_a_minute_passes_when_the_bucket_is_full_and_is_paid_for(clock):
    turns = RateLimiter(None, 1000, clock=clock)
    assert take(turns, 3000) == []
    [said] = take(turns, 1000)
    assert said.seconds == pytest.approx(180)
    [said] = take(turns, 5000)
    assert said.seconds == pytest.approx(60)


def test_what_was_not_used_is_given_back_and_what_was_used_more_is_paid_for(clock):
    turns = RateLimiter(None, 1000, clock=clock)
    take(turns, 1000)
    turns.correct(1000, 400)
    assert take(turns, 600) == []
    turns.correct(600, 900)
    [said] = take(turns, 100)
    assert said.seconds == pytest.approx(24)
    turns.correct(100, -(10**9))
    assert take(turns, 1000) == []
    assert take(turns, 1000) != []


def test_who_is_interrupted_takes_nothing(clock):
    turns = RateLimiter(None, 1000, clock=clock)
    take(turns, 1000)
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Interrupted):
        take(turns, 500, cancelled)
    clock.at += 60
    assert take(turns, 1000) == []


def test_who_leaves_the_queue_does_not_hold_up_the_others(clock):
    turns = RateLimiter(60, None, clock=clock)
    for _ in range(60):
        take(turns)
    leaving = turns.turn("a/model", 0, cancelled=NEVER)
    next(leaving)
    leaving.close()
    [said] = take(turns)
    assert said.seconds == pytest.approx(1)


def test_waiting_ends_at_once_when_interrupted():
    turns = RateLimiter(1, None)
    take(turns)
    cancelled = threading.Event()
    turn = turns.turn("a/model", 0, cancelled=cancelled)
    next(turn)
    ended = []

    def wait():
        with pytest.raises(Interrupted):
            next(turn)
        ended.append(True)

    waiting = threading.Thread(target=wait)
    waiting.start()
    cancelled.set()
    waiting.join(20)
    assert ended


def test_who_came_first_is_served_first(clock):
    turns = RateLimiter(60, None, clock=clock)
    for _ in range(60):
        take(turns)
    first = turns.turn("a/model", 0, cancelled=NEVER)
    second = turns.turn("a/model", 0, cancelled=NEVER)
    next(first)
    next(second)
    clock.at += 3600  # there is room for both, and only the second one looks
    served, looks = [], []

    def let_the_first_in_after_some_looks(seconds, cancelled):
        looks.append(seconds)
        if len(looks) == 3:
            served.extend(first)
            served.append("first")
        return False

    clock.wait = let_the_first_in_after_some_looks
    served.extend(second)
    served.append("second")
    assert served == ["first", "second"]
    assert len(looks) == 4


def test_many_threads_together_get_no_more_than_the_limit(clock):
    """Time passes only while somebody waits, so what was let through can be counted in it."""
    turns = RateLimiter(None, 6000, clock=clock)
    threads = [
        threading.Thread(target=lambda: [take(turns, 100) for _ in range(40)]) for _ in range(8)
    ]
    began = clock.at
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    beyond_the_first_minute = 8 * 40 * 100 - 6000
    assert clock.at - began >= beyond_the_first_minute / 6000 * 60 - 1e-3
