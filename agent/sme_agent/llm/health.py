"""Which models are left alone for a while, over all processes of this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sme_agent.llm.breaker import Breaker
from sme_tools.errors import ModelError, StateError

if TYPE_CHECKING:
    from sme_memory.model_ledger import ModelLedger

Clock = Callable[[], float]
"""Seconds of the Unix epoch."""


class Health:
    """The breakers of all models, kept in the ledger; where that fails, in memory."""

    def __init__(self, ledger: ModelLedger, now: Clock = time.time) -> None:
        self._ledger = ledger
        self._now = now
        self._not_kept: dict[str, str | None] = {}

    def of(self, name: str) -> Breaker:
        """How a model did."""
        if name in self._not_kept:
            return Breaker.from_json(self._not_kept[name])
        try:
            return Breaker.from_json(self._ledger.health(name))
        except StateError:
            return Breaker()

    def check(self, name: str) -> None:
        """See that a model is worth asking.

        Raises:
            ModelError: it is not; says for how long it is left alone, and what it had said.
        """
        breaker, now = self.of(name), self._now()
        if not breaker.may_try(now):
            raise ModelError(
                f"left alone for another {_duration(breaker.until - now)}, as it failed: "
                f"{breaker.reason}",
                model=name,
                remedy=f"If it is mended, have it asked again at once: sme model test {name}",
            )

    def answered(self, name: str) -> None:
        """It has answered: whatever was before is forgotten."""
        if self.of(name) != Breaker():
            self.forget(name)

    def forget(self, name: str) -> None:
        """Have it asked again at once."""
        self._change(name, lambda text: None)

    def failed(self, name: str, error: ModelError) -> None:
        """It gave no answer."""
        now = self._now()

        def after(text: str | None) -> str | None:
            before = Breaker.from_json(text)
            changed = before.after_failure(error, now)
            return text if changed == before else changed.to_json()

        self._change(name, after)

    def _change(self, name: str, change: Callable[[str | None], str | None]) -> None:
        try:
            self._ledger.change_health(name, change)
        except StateError:
            # A disk of ours that fails must not take the model away as well.
            self._not_kept[name] = change(self._not_kept.get(name))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
