"""Whether a model is worth asking, by how it did: a circuit breaker without a clock of its own.

closed: it is asked. open: it failed, and is left alone until a time. half-open: that time has come,
and the next request shows whether it is well; if not, it is left alone for twice as long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from sme_tools.errors import (
    AnswerMalformed,
    ModelError,
    ModelForbidden,
    ModelKeyInvalid,
    ModelOverloaded,
    ModelQuotaExhausted,
    ModelRateLimited,
    ModelTimeout,
    ModelUnknown,
    ModelUnreachable,
    SecretUnavailable,
)

LASTING = (ModelKeyInvalid, ModelForbidden, ModelUnknown, ModelQuotaExhausted)
"""These do not pass by themselves: the first one is enough, and it is left alone for longer."""
PASSING = (ModelRateLimited, ModelOverloaded, ModelTimeout, ModelUnreachable, AnswerMalformed)
"""These do; all other errors are about one request, and say nothing of the model's health."""

ENOUGH = 2
"""So many passing failures in a row open it: each comes after retries of its own."""
PASSING_S = (30.0, 600.0)
LASTING_S = (600.0, 3600.0)
"""The first and the longest time in which it is left alone."""
LONGEST_S = 86400.0
"""Whatever a provider asks for; and a time further ahead comes from a clock that was set wrong."""


@dataclass(frozen=True)
class Breaker:
    """How one chain entry did. Times are seconds of the Unix epoch."""

    failures: int = 0
    """In a row, of those that tell of its health."""
    opened: int = 0
    """How often in a row it was opened."""
    until: float = 0.0
    """When it may be asked again."""
    reason: str = ""
    """What it said last, without secrets."""

    def state(self, now: float) -> Literal["closed", "open", "half-open"]:
        """Closed, open or half-open."""
        if self.opened == 0:
            return "closed"
        return "half-open" if self.may_try(now) else "open"

    def may_try(self, now: float) -> bool:
        """Whether it is to be asked."""
        return not now < self.until <= now + LONGEST_S

    def after_failure(self, error: ModelError, now: float) -> Breaker:
        """It failed for good, after all its retries."""
        if not isinstance(error, LASTING + PASSING):
            return self
        if isinstance(error.__cause__, SecretUnavailable):
            return self  # nobody was asked, and whoever sets the key now wants it used at once
        failures = self.failures + 1
        asked_s = min(error.retry_after_s or 0.0, LONGEST_S)
        lasting = isinstance(error, LASTING)
        if not lasting and not asked_s and failures < ENOUGH:
            return replace(self, failures=failures, reason=error.message)
        first_s, longest_s = LASTING_S if lasting else PASSING_S
        cooldown_s = min(first_s * 2.0 ** min(self.opened, 20), longest_s)
        return Breaker(
            failures, self.opened + 1, now + max(cooldown_s, asked_s), reason=error.message
        )

    def to_json(self) -> str:
        """For the store."""
        return _STORED.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str | None) -> Breaker:
        """From the store. What can't be read is forgotten: it only saves a useless request."""
        if text is None:
            return cls()
        try:
            return _STORED.validate_json(text)
        except ValidationError:
            return cls()


_STORED = TypeAdapter(Breaker)
