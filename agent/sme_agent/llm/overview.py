"""The chain as it stands: what each model can do, costs and did, without asking anybody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from sme_agent.llm.chain import Role, chain
from sme_agent.llm.health import Health
from sme_agent.llm.keys import Key, key_of
from sme_agent.llm.model import Model

if TYPE_CHECKING:
    from sme_memory.model_ledger import ModelLedger
    from sme_tools.settings import Settings

MEASURED_OVER = timedelta(days=30)


@dataclass(frozen=True)
class Entry:
    """One entry of the chain."""

    model: Model
    role: Role
    key: Key
    state: Literal["ready", "no key", "cooling down"]
    until: datetime | None = None
    """Until when it is left alone."""
    because: str = ""
    """What it said last, where it failed."""
    tokens_per_s: float | None = None
    """Over its last answers."""
    answers: int = 0
    """In the last 30 days, like what they cost."""
    spent_usd: float = 0.0
    """As far as prices are known."""
    cost_is_known: bool = True


def overview(settings: Settings, ledger: ModelLedger | None) -> list[Entry]:
    """The entries of the chain, then those that only sum up conversations.

    `ledger` is None where nothing was ever asked.
    """
    reasoning = chain(settings)
    names = {model.name for model in reasoning}
    others = [model for model in chain(settings, "summaries") if model.name not in names]
    return [
        *_entries(reasoning, "reasoning", ledger),
        *_entries(others, "summaries", ledger),
    ]


def _entries(models: Iterable[Model], role: Role, ledger: ModelLedger | None) -> list[Entry]:
    if ledger is None:
        return [Entry(model, role, key, _state(key)) for model in models for key in [key_of(model)]]
    used = {use.model: use for use in ledger.by_model(datetime.now(UTC) - MEASURED_OVER)}
    health = Health(ledger)
    entries = []
    for model in models:
        breaker = health.of(model.name)
        key, use = key_of(model), used.get(model.name)
        waits = not breaker.may_try(datetime.now(UTC).timestamp())
        entries.append(
            Entry(
                model,
                role,
                key,
                "cooling down" if waits else _state(key),
                until=datetime.fromtimestamp(breaker.until, UTC) if waits else None,
                because=breaker.reason,
                tokens_per_s=ledger.speed(model.name),
                answers=use.answers if use else 0,
                spent_usd=use.usd if use else 0.0,
                cost_is_known=not (use and use.unknown_cost),
            )
        )
    return entries


def _state(key: Key) -> Literal["ready", "no key"]:
    return "no key" if key.state == "missing" else "ready"
