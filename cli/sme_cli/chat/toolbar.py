"""The line below the prompt: what it is about, who answers, how much room and money is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sme_cli.chat.models import model_of
from sme_cli.render.costs import in_dollars
from sme_tools.errors import SmeError
from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from sme_cli.chat.conversation import Chat
    from sme_tools.model_settings import Allowance

MOST_HOSTS = 3
NEAR = 0.75
"""From this share of a budget on it is said."""


def toolbar(chat: Chat) -> str:
    """The line as it is now, with what is known so far."""
    opened = chat.opening.now
    if opened is None:
        return f" {_hosts(list(chat.targets))} · …"
    talk = opened.talk
    parts = [_hosts(list(talk.case.hosts))]
    try:
        parts += _model(chat)
    except SmeError as error:  # no model is left, or the settings were broken meanwhile
        parts.append(one_line(str(error)))
    findings = len(talk.incident.findings)
    if findings:
        parts.append(f"{findings} finding{'' if findings == 1 else 's'}")
    return f" {' · '.join(parts)}"


def _hosts(names: list[str]) -> str:
    if not names:
        return "no host"
    more = f" +{len(names) - MOST_HOSTS}" if len(names) > MOST_HOSTS else ""
    return ", ".join(map(one_line, names[:MOST_HOSTS])) + more


def _model(chat: Chat) -> list[str]:
    talk = chat.talk
    model = model_of(talk)
    if model is None:
        return ["rules"]
    status = model.status(talk.case)
    parts = [one_line(status.model)]
    if status.window:
        parts.append(f"context {100 * status.used // status.window} %")
    parts.append(in_dollars(status.spent.cost_usd))
    tokens = status.spent.input_tokens + status.spent.output_tokens
    return parts + _near(chat.allowed, tokens, status.spent.cost_usd)


def _near(allowed: Allowance, tokens: int, usd: float | None) -> list[str]:
    """What is used of the session's budget, if that is much."""
    shares = [tokens / allowed.tokens] if allowed.tokens else []
    shares += [usd / allowed.usd] if allowed.usd and usd else []
    share = max(shares, default=0.0)
    return [f"budget {100 * share:.0f} %"] if share >= NEAR else []
