"""How long a model is waited for before it is asked again.

What the provider asks for is waited at least; a random time is added, from a range that doubles
with each failure ("full jitter": https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/),
so that many clients don't come back at once. All waits for one answer share one budget, over all
models of the chain: what asks for more than is left is not waited for, the next model is asked.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Protocol

from sme_tools.errors import ModelError, Treatment

ANEW_AFTER_S = (1.0, 2.0, 3.0, 4.0)
"""After malformed answers: it is the model that errs, so the server needs no time to recover."""
FIRST_RANGE_S = 1.0
LONGEST_RANGE_S = 30.0


class Clock(Protocol):
    """Time and chance."""

    def now(self) -> float:
        """Seconds that only grow, from any beginning."""
        ...

    def wait(self, seconds: float, cancelled: threading.Event) -> bool:
        """Let the time pass; True at once when `cancelled` is set."""
        ...

    def chance(self) -> float:
        """A number from 0 up to 1."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Seconds of a clock that nobody sets."""
        return time.monotonic()

    def wait(self, seconds: float, cancelled: threading.Event) -> bool:
        """Wait, or until `cancelled` is set."""
        return cancelled.wait(seconds)

    def chance(self) -> float:
        """A random number."""
        return random.random()


class WaitBudget:
    """The waits for one answer, over all models of the chain."""

    def __init__(self, budget_s: float, *, clock: Clock | None = None) -> None:
        self._left_s = budget_s
        self._clock = clock or SystemClock()

    def wait_s(self, error: ModelError, attempt: int) -> float | None:
        """How long to wait after the failure of that attempt (1, 2, …) of its kind.

        What it says counts as waited. None: the model is not to be asked again.
        """
        if error.retries is not None and attempt > error.retries:
            return None
        seconds = self._wanted_s(error, attempt)
        if seconds is None:
            return None
        self._left_s -= seconds
        return seconds

    def _wanted_s(self, error: ModelError, attempt: int) -> float | None:
        if error.treatment is Treatment.ASK_ANEW:
            after = ANEW_AFTER_S[min(attempt, len(ANEW_AFTER_S)) - 1]
            return after if after <= self._left_s else None
        if error.treatment is Treatment.GIVE_BACK:
            return 0.0
        floor = error.retry_after_s or 0.0
        if error.treatment is not Treatment.WAIT or self._left_s <= 0 or floor > self._left_s:
            return None
        doublings = min(attempt - 1, 10)
        spread = min(FIRST_RANGE_S * 2.0**doublings, LONGEST_RANGE_S)
        return min(floor + self._clock.chance() * spread, self._left_s)
