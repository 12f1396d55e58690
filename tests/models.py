"""A scripted model for a test: a real server that plays a plan.

    with scripted('exchanges: [{says: "It is full."}]') as server:
        litellm.completion("openai/any", api_base=server.openai_base, api_key="none", …)
        assert server.requests[0].body["messages"]

A plan is YAML, or a list of exchanges, or a file; docs/scripted-server.md says what it may hold.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sme_agent.llm.scripted import Plan, ScriptedServer, read_plan


@contextlib.contextmanager
def scripted(
    plan: str | Path | Sequence[dict[str, Any]], *, may_miss: bool = False, **settings: Any
) -> Iterator[ScriptedServer]:
    """A running server, with `.openai_base`, `.anthropic_base`, `.ollama_base` and `.requests`.

    `settings` are further keys of a plan that is given as a list: `models`, `truncates` … What
    was asked that the plan has no answer for fails the test at the end, unless it `may_miss`.
    """
    with ScriptedServer(plan_of(plan, **settings)) as server:
        yield server
    assert may_miss or not server.unmatched, "\n".join(server.unmatched)


def plan_of(plan: str | Path | Sequence[dict[str, Any]], **settings: Any) -> Plan:
    """The plan in any of the forms that `scripted` takes."""
    if isinstance(plan, Path):
        return read_plan(plan.read_text("utf-8"), str(plan))
    if isinstance(plan, str):
        return read_plan(plan, "plan")
    return Plan.model_validate({"exchanges": plan, **settings})
