"""The reasoning of an answer as the provider wants it back; blocks go to the model that made them.

Sources: DeepSeek, thinking mode; Anthropic, extended thinking with tool use; OpenRouter, preserving
reasoning; Gemini, thought signatures; recorded exchanges of Groq and Cerebras.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sme_agent.llm.manner import Manner, ReasoningBack
from sme_agent.llm.messages import AssistantMessage
from sme_agent.llm.model import Model

Fields = dict[str, Any]
THINKING = ("thinking", "redacted_thinking")
"""Types of Anthropic's blocks that go back unaltered."""


def given_back(message: AssistantMessage, model: Model, manner: Manner) -> Fields:
    """The fields that an assistant message gets for its reasoning, `content` among them."""
    give = _WAYS.get(manner.reasoning_back)
    return give(message, model) if give is not None else {}


def _field(message: AssistantMessage, model: Model) -> Fields:
    # With calls it has to be there, also where another model made them.
    if message.reasoning or (message.calls and model.traits.reasons):
        return {"reasoning_content": message.reasoning}
    return {}


def _as_it_came(message: AssistantMessage, model: Model) -> Fields:
    fields = _own(message, model, "reasoning", "field")
    return {fields[0]: message.reasoning} if fields and message.reasoning else {}


def _think_tags(message: AssistantMessage, _model: Model) -> Fields:
    if not message.reasoning:
        return {}
    return {"content": f"<think>\n{message.reasoning}\n</think>\n\n{message.text}".rstrip()}


def _blocks(message: AssistantMessage, model: Model) -> Fields:
    own = message.opaque if message.model == model.name else ()
    blocks = [block for block in own if block.get("type") in THINKING]
    return {"thinking_blocks": blocks} if blocks else {}


def _details(message: AssistantMessage, model: Model) -> Fields:
    details = _own(message, model, "reasoning_detail", "detail")
    if details:
        return {"reasoning_details": details}
    return {"reasoning": message.reasoning} if message.reasoning else {}


def _gemini(message: AssistantMessage, model: Model) -> Fields:
    signatures = _own(message, model, "thought_signature", "signature")
    return {"provider_specific_fields": {"thought_signatures": signatures}} if signatures else {}


def _own(message: AssistantMessage, model: Model, kind: str, key: str) -> list[Any]:
    if message.model != model.name:
        return []
    return [block[key] for block in message.opaque if block.get("type") == kind]


_WAYS: dict[ReasoningBack, Callable[[AssistantMessage, Model], Fields]] = {
    "field": _field,
    "as it came": _as_it_came,
    "think tags": _think_tags,
    "blocks": _blocks,
    "details": _details,
    "gemini": _gemini,
}
