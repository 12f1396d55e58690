"""The chat completions of OpenAI, and of the many who follow them with additions of their own.

Reasoning comes as `reasoning_content` (DeepSeek, vLLM), `reasoning` (OpenRouter, Groq, Cerebras,
Ollama), `reasoning_details` (OpenRouter) or as blocks of the content (Mistral).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sme_agent.llm.shapes.piece import (
    CallPiece,
    Counts,
    Ended,
    Piece,
    StreamError,
    listed,
    mapping,
    number,
    text_of,
)

_ENDED: dict[str, Ended] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_calls": "calls",
    "tool_use": "calls",
    "function_call": "calls",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "refused",
    "refusal": "refused",
    "malformed_function_call": "malformed",
}


def read(event: dict[str, Any]) -> Iterator[Piece]:
    """Read one chunk, or a whole answer.

    Raises:
        StreamError: a choice holds an error instead of an answer.
    """
    for choice in listed(event.get("choices"))[:1]:
        yield from _choice(mapping(choice))
    said = event.get("usage") or mapping(event.get("x_groq")).get("usage")
    if isinstance(said, dict):
        yield Piece(counts=counts(said))


def _choice(choice: dict[str, Any]) -> Iterator[Piece]:
    if mapping(choice.get("error")):
        raise StreamError({"error": choice["error"]})
    said = mapping(choice.get("delta")) or mapping(choice.get("message"))
    whole = "message" in choice
    yield from _thoughts(said)
    yield from _content(said.get("content") if said else choice.get("text"))
    if text_of(said.get("refusal")):
        yield Piece(refusal=said["refusal"])
    for call in listed(said.get("tool_calls")):
        yield Piece(call=_call(mapping(call), whole=whole))
    if mapping(said.get("function_call")):
        yield Piece(call=_call({"index": 0, "function": said["function_call"]}, whole=whole))
    reason = choice.get("finish_reason")
    if isinstance(reason, str) and reason:
        yield Piece(ended=_ENDED.get(reason.lower(), "stop"), reason=reason)
    elif whole:
        yield Piece(ended="stop")


def _thoughts(said: dict[str, Any]) -> Iterator[Piece]:
    details = [mapping(detail) for detail in listed(said.get("reasoning_details"))]
    field = next((key for key in ("reasoning_content", "reasoning") if text_of(said.get(key))), "")
    plain = said[field] if field else ""
    if plain:
        yield Piece(reasoning=plain, block={"type": "reasoning", "field": field})
    for detail in details:
        if not plain:
            yield Piece(reasoning=text_of(detail.get("text")) or text_of(detail.get("summary")))
        yield Piece(block={"type": "reasoning_detail", "detail": detail})
    # litellm's own chunks have Anthropic's blocks here.
    for block in listed(said.get("thinking_blocks")):
        yield Piece(block=mapping(block))


def _content(content: object) -> Iterator[Piece]:
    if isinstance(content, str):
        yield Piece(text=content)
        return
    for part in listed(content):
        if isinstance(part, str):
            yield Piece(text=part)
        elif mapping(part).get("type") == "thinking":
            thoughts = part.get("thinking")
            for thought in [thoughts] if isinstance(thoughts, str) else listed(thoughts):
                said = thought if isinstance(thought, str) else mapping(thought).get("text")
                yield Piece(reasoning=text_of(said))
        else:
            yield Piece(text=text_of(mapping(part).get("text")))


def _call(call: dict[str, Any], *, whole: bool) -> CallPiece:
    function = mapping(call.get("function"))
    arguments = function.get("arguments")
    index = call.get("index")
    extra = {
        key: call[key] for key in ("extra_content", "provider_specific_fields") if call.get(key)
    }
    return CallPiece(
        index=index if isinstance(index, int) and not whole else None,
        id=text_of(call.get("id")),
        name=text_of(function.get("name")),
        arguments=arguments if isinstance(arguments, str) else _written(arguments),
        whole=whole or isinstance(arguments, dict),
        extra=extra,
    )


def _written(arguments: object) -> str:
    return "" if arguments is None else json.dumps(arguments, ensure_ascii=False)


def counts(said: dict[str, Any]) -> Counts:
    """The usage of an answer. Sources: OpenAI, DeepSeek (cache hits), xAI (reasoning apart)."""
    details = mapping(said.get("prompt_tokens_details"))
    reasoning = number(mapping(said.get("completion_tokens_details")).get("reasoning_tokens"))
    given, made = said.get("prompt_tokens"), said.get("completion_tokens")
    if given is None and made is None:
        given, made = said.get("input_tokens"), said.get("output_tokens")
    output = number(made)
    if reasoning and number(said.get("total_tokens")) == number(given) + output + reasoning:
        output += reasoning
    cached = details.get("cached_tokens") or said.get("prompt_cache_hit_tokens")
    cost = said.get("cost")
    return Counts(
        input=number(given) if given is not None else None,
        output=output if made is not None else None,
        cached=number(cached),
        cache_written=number(said.get("cache_creation_input_tokens")),
        reasoning=reasoning,
        cost_usd=float(cost) if isinstance(cost, int | float) else None,
    )
