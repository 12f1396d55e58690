"""Requests and tokens a minute: what is too much waits for its turn, first come, first served.

Our own, as no library does this: pyrate-limiter 4.5 refuses for ever a request that is larger than
the limit, can't be interrupted while it waits, serves whoever wakes first, and can't be told
afterwards how many tokens it really was.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from sme_agent.llm.events import Waiting
from sme_agent.llm.waiting import Clock, SystemClock
from sme_tools.errors import Interrupted

_ROUNDING = 1e-9
_LOOK_AGAIN_S = 0.25
"""How soon one who waits sees that its turn has come earlier than it looked."""


class Bucket:
    """Holds what a minute allows, full at first, and fills up evenly. Not for several threads."""

    def __init__(self, per_minute: float, *, now: float) -> None:
        self._capacity = per_minute
        self._level = per_minute
        self._at = now

    def delay_s(self, amount: float, now: float) -> float:
        """How long until that much may be taken; what is more than it holds needs it full."""
        self._fill(now)
        missing = (min(amount, self._capacity) - self._level) / self._capacity
        return missing * 60.0 if missing > _ROUNDING else 0.0

    def take(self, amount: float, now: float) -> None:
        """Take it, also below nothing; a negative amount is put back."""
        self._fill(now)
        self._level = min(self._level - amount, self._capacity)

    def _fill(self, now: float) -> None:
        passed = max(now - self._at, 0.0)
        self._at = now
        self._level = min(self._level + passed * self._capacity / 60.0, self._capacity)


class RateLimiter:
    """The limits of one model, for all threads that ask it. None: no limit."""

    def __init__(
        self,
        requests_per_minute: int | None,
        tokens_per_minute: int | None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        now = self._clock.now()
        self._requests = Bucket(requests_per_minute, now=now) if requests_per_minute else None
        self._tokens = Bucket(tokens_per_minute, now=now) if tokens_per_minute else None
        self._queue: deque[object] = deque()
        self._lock = threading.Lock()

    def turn(self, model: str, tokens: int, *, cancelled: threading.Event) -> Iterator[Waiting]:
        """Wait for the turn of a request of about so many tokens, prompt and answer together.

        Yields once, if there is anything to wait for.

        Raises:
            Interrupted: `cancelled` was set; nothing was taken.
        """
        ticket = object()
        with self._lock:
            self._queue.append(ticket)
        said = False
        try:
            while (delay := self._delay_s(ticket, tokens)) is not None:
                if not said:
                    said = True
                    yield Waiting(model, delay, "the limit per minute that is set for it")
                if self._clock.wait(min(delay, _LOOK_AGAIN_S), cancelled):
                    raise Interrupted(f"stopped while waiting for a turn of {model}")
        finally:
            with self._lock:
                self._queue.remove(ticket)

    def correct(self, estimated: int, used: int) -> None:
        """Tell how many tokens the request took that was let through with an estimate."""
        with self._lock:
            if self._tokens is not None:
                self._tokens.take(used - estimated, self._clock.now())

    def _delay_s(self, ticket: object, tokens: int) -> float | None:
        """None: it was its turn, and its share is taken. Else how long it may still be."""
        with self._lock:
            now = self._clock.now()
            needs = [
                (bucket, amount)
                for bucket, amount in ((self._requests, 1), (self._tokens, tokens))
                if bucket is not None
            ]
            delay = max((bucket.delay_s(amount, now) for bucket, amount in needs), default=0.0)
            if self._queue[0] is not ticket:
                return max(delay, _LOOK_AGAIN_S)
            if delay > 0:
                return delay
            for bucket, amount in needs:
                bucket.take(amount, now)
            return None
