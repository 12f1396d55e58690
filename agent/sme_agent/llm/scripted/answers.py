"""What is sent for each request: answers by the plan, and what servers say of their models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

from sme_agent.llm.scripted import wire_anthropic, wire_ollama, wire_openai
from sme_agent.llm.scripted.asked import Api, Asked
from sme_agent.llm.scripted.choice import Chosen
from sme_agent.llm.scripted.delivery import Manner, Outgoing, scattered
from sme_agent.llm.scripted.named_errors import Form
from sme_agent.llm.scripted.plan import Exchange, Plan, ScriptedModel
from sme_agent.llm.scripted.reply import CREATED, Reply, filled_form, reply_to

JSON = "application/json"
_FILLERS: dict[Api, str] = {
    "openai": ": keep-alive\n\n",
    "anthropic": 'event: ping\ndata: {"type": "ping"}\n\n',
    "ollama": "",
}
"""What may stand between the events of a stream; Ollama's lines have nothing of the kind."""


class _Wire(Protocol):
    """A wire format: one of the modules `wire_…`."""

    MIME: str

    def problem(self, message: str, /) -> dict[str, Any]: ...

    def whole(self, reply: Reply, /) -> dict[str, Any]: ...

    def stream(self, reply: Reply, asked: Asked, /) -> Iterator[str]: ...


_WIRES: dict[Api, _Wire] = {
    "openai": wire_openai,
    "anthropic": wire_anthropic,
    "ollama": wire_ollama,
}


def answer(asked: Asked, chosen: Chosen, number: int) -> tuple[Outgoing, Manner]:
    """What an exchange sends for a request, and how.

    Raises:
        NothingToFillIn: the request lacks what a template of the exchange asks of it.
    """
    exchange = chosen.exchange
    if exchange.error:
        form = filled_form(exchange.error.form(asked.api), asked)
        return _failure(form), _manner(exchange)
    wire = _WIRES[asked.api]
    reply = reply_to(asked, exchange, number, chosen.rng)
    if not asked.stream:
        if reply.failure:
            return _failure(Form(200, reply.failure.body)), _manner(exchange)
        events, mime, filler = [json.dumps(wire.whole(reply), ensure_ascii=False)], JSON, ""
    else:
        events, mime = list(wire.stream(reply, asked)), wire.MIME
        filler = _FILLERS[asked.api]
    if exchange.chunks == "awkward":
        parts = scattered(events, filler, chosen.rng)
    else:
        parts = [event.encode() for event in events]
    return Outgoing(200, {"Content-Type": mime}, parts, asked.stream), _manner(exchange)


def problem(status: int, api: Api, message: str) -> Outgoing:
    """An error of this server's own, in the form of an API."""
    return document(_WIRES[api].problem(message), status)


def document(value: object, status: int = 200) -> Outgoing:
    """A JSON document."""
    body = json.dumps(value, ensure_ascii=False).encode()
    return Outgoing(status, {"Content-Type": JSON}, [body], streamed=False)


def models(plan: Plan) -> tuple[ScriptedModel, ...]:
    """The models that the server lists."""
    return plan.models or (ScriptedModel(name="scripted"),)


def model_list(plan: Plan, *, anthropic: bool) -> dict[str, Any]:
    """What `/v1/models` says, which is one address for two forms."""
    entries = [model_entry(model, anthropic=anthropic) for model in models(plan)]
    if anthropic:
        ends = {"first_id": entries[0]["id"], "last_id": entries[-1]["id"]}
        return {"data": entries, "has_more": False} | ends
    return {"object": "list", "data": entries}


def model_entry(model: ScriptedModel, *, anthropic: bool) -> dict[str, Any]:
    """One model of `/v1/models`; `max_model_len` is what vLLM adds to OpenAI's form."""
    if anthropic:
        created = {"created_at": "2025-11-20T12:00:00Z"}
        return {"type": "model", "id": model.name, "display_name": model.name} | created
    owner = {"object": "model", "created": CREATED, "owned_by": "scripted"}
    return {"id": model.name} | owner | {"max_model_len": model.context}


def _failure(form: Form) -> Outgoing:
    if isinstance(form.body, str):
        mime, body = "text/plain", form.body.encode()
    else:
        mime, body = JSON, json.dumps(form.body, ensure_ascii=False).encode()
    headers = {name.lower(): value for name, value in form.headers.items()}
    return Outgoing(form.status, {"content-type": mime} | headers, [body], streamed=False)


def _manner(exchange: Exchange) -> Manner:
    return Manner(exchange.first_token_s, exchange.gap_s, exchange.breaks)
