"""Which exchange of a plan answers a request."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass

from sme_agent.llm.scripted.asked import Asked
from sme_agent.llm.scripted.plan import Exchange, Plan, When


@dataclass(frozen=True)
class Chosen:
    """An exchange, for one request."""

    exchange: Exchange
    name: str
    """Its number in the plan, from 1, or `default`."""
    rng: random.Random
    """Of this use of it alone: what other requests draw does not show here."""


class Script:
    """A plan, and how often each of its exchanges was used. Threads may share it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._used = [0] * len(plan.exchanges)
        self._defaults = 0
        self._lock = threading.Lock()

    def choose(self, asked: Asked) -> Chosen | None:
        """The first exchange that fits and is not used up, which is used with that; else the
        default, if there is one."""
        with self._lock:
            for at, exchange in enumerate(self._plan.exchanges):
                if self._is_left(at) and fits(exchange.when, asked):
                    self._used[at] += 1
                    return self._chosen(exchange, str(at + 1), self._used[at])
            if self._plan.default is None:
                return None
            self._defaults += 1
            return self._chosen(self._plan.default, "default", self._defaults)

    def unplayed(self) -> list[str]:
        """The numbers of the exchanges that were used less often than they say."""
        with self._lock:
            return [
                str(at + 1)
                for at, exchange in enumerate(self._plan.exchanges)
                if self._used[at] < (1 if exchange.times == "forever" else exchange.times)
            ]

    def _is_left(self, at: int) -> bool:
        times = self._plan.exchanges[at].times
        return times == "forever" or self._used[at] < times

    def _chosen(self, exchange: Exchange, name: str, use: int) -> Chosen:
        # No secret is drawn from it; a plan has to give the same bytes each time.
        rng = random.Random(f"{self._plan.seed}:{name}:{use}")
        return Chosen(exchange=exchange, name=name, rng=rng)


def fits(when: When, asked: Asked) -> bool:
    """Whether all that an exchange waits for holds of a request."""
    told = asked.told()
    expected = (
        (when.api, asked.api),
        (when.model, asked.model),
        (when.turn, asked.turn),
    )
    searched = (
        (when.last_user, [asked.newest("user")]),
        (when.system, [said.text for said in told if said.role == "system"]),
        (when.anywhere, [said.text for said in told]),
    )
    needed = (
        (when.has_tool_result, {said.tool for said in told if said.role == "tool"}),
        (when.offers_tool, set(asked.tools)),
    )
    return (
        all(value in (None, actual) for value, actual in expected)
        and all(p is None or any(re.search(p, text) for text in texts) for p, texts in searched)
        and all(tool is None or tool in tools for tool, tools in needed)
    )
