"""How much one turn may take: said before it is reached, then kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sme_tools.model_settings import TurnLimits

NEAR = 0.75
"""From which share of a limit on the model and the person are told."""


@dataclass
class Allowance:
    """What a turn has taken of its limits."""

    limits: TurnLimits
    clock: Callable[[], float] = time.monotonic
    steps: int = 0
    tokens: int = 0
    usd: float = 0.0
    _since: float = field(init=False)
    _told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._since = self.clock()

    def took(self, tokens: int, usd: float | None) -> None:
        """Count one answer of the model."""
        self.steps += 1
        self.tokens += tokens
        self.usd += usd or 0.0

    def used_up(self) -> str | None:
        """The limit that is reached, by name; None if none is."""
        return next((name for name, share in self._shares() if share >= 1), None)

    def near(self) -> tuple[str, int] | None:
        """A limit that comes near and was not told of yet, and the share of it that is taken."""
        for name, share in self._shares():
            if NEAR <= share < 1 and name not in self._told:
                self._told.add(name)
                return name, int(100 * share)
        return None

    def _shares(self) -> list[tuple[str, float]]:
        limits = self.limits
        shares = [
            ("steps", _share(self.steps, limits.steps)),
            ("time", _share(self.clock() - self._since, limits.seconds)),
            ("tokens", _share(self.tokens, limits.tokens)),
        ]
        return shares if limits.usd is None else [*shares, ("cost", _share(self.usd, limits.usd))]


def _share(taken: float, limit: float) -> float:
    return taken / limit if limit > 0 else 1.0
