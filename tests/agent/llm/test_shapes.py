"""The forms in which providers write an answer, read from the bytes that they send."""

from __future__ import annotations

import json
from typing import Any

import pytest

from raw_provider import DONE, answered, delta, events, raw_provider, sse
from sme_tools.errors import AnswerMalformed, AnswerRefused, ModelError, ModelOverloaded

CLAUDE = "anthropic/claude-sonnet-4-5"
GEMINI = "gemini/gemini-2.5-flash"


def named(*values: dict[str, Any]) -> bytes:
    return b"".join(
        f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode() for value in values
    )


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": part} for part in deltas),
        {"type": "content_block_stop", "index": index},
    ]


USAGE = {"input_tokens": 10, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 20}
START = {"type": "message_start", "message": {"usage": {**USAGE, "output_tokens": 1}}}


def ended(reason: str) -> list[dict[str, Any]]:
    change = {
        "type": "message_delta",
        "delta": {"stop_reason": reason},
        "usage": {"output_tokens": 9},
    }
    return [change, {"type": "message_stop"}]


def test_claudes_blocks_of_every_kind():
    stream = named(
        START,
        {"type": "ping"},
        *block(0, {"type": "thinking", "thinking": "", "signature": ""},
               {"type": "thinking_delta", "thinking": "Whe"},
               {"type": "thinking_delta", "thinking": "re?"},
               {"type": "signature_delta", "signature": "c2ln"}),
        *block(1, {"type": "redacted_thinking", "data": "aGlk"}),
        *block(2, {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
               {"type": "input_json_delta", "partial_json": '{"query": "x"}'}),
        *block(3, {"type": "text", "text": ""}, {"type": "text_delta", "text": "I look."}),
        *block(4, {"type": "tool_use", "id": "t1", "name": "look", "input": {}},
               {"type": "input_json_delta", "partial_json": ""},
               {"type": "input_json_delta", "partial_json": '{"where": '},
               {"type": "input_json_delta", "partial_json": '"/"}'}),
        *block(5, {"type": "tool_use", "id": "t2", "name": "look", "input": {}}),
        *ended("tool_use"),
    )  # fmt: skip
    with raw_provider(stream) as provider:
        answer = answered(provider.model(CLAUDE, api_key=None))
    message = answer.message
    assert (message.reasoning, message.text, answer.ended) == ("Where?", "I look.", "calls")
    assert [(c.id, c.arguments) for c in message.calls] == [("t1", {"where": "/"}), ("t2", {})]
    assert message.opaque == (
        {"type": "thinking", "thinking": "Where?", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "aGlk"},
    )
    assert (answer.usage.input_tokens, answer.usage.cached_tokens) == (100, 70)
    assert answer.usage.output_tokens == 9


@pytest.mark.parametrize(
    ("reason", "error"), [("refusal", AnswerRefused), ("end_turn", AnswerMalformed)]
)
def test_claude_that_says_nothing(reason, error):
    with raw_provider(named(START, *ended(reason))) as provider, pytest.raises(error):
        events(provider.model(CLAUDE, api_key=None))


def test_claude_that_is_overloaded_in_the_middle():
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    stream = named(START, *block(0, {"type": "text", "text": "Fu"})[:1], error)
    with raw_provider(stream) as provider, pytest.raises(ModelOverloaded):
        events(provider.model(CLAUDE, api_key=None))


def gemini(*parts: dict[str, Any], reason: str | None = "STOP") -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": reason}]}


def test_geminis_answer_as_a_list_of_events():
    body = [gemini({"text": "Fu"}, reason=None), gemini({"text": "ll."})]
    with raw_provider(json.dumps(body, indent=2).encode()) as provider:
        assert answered(provider.model(GEMINI, api_key=None)).message.text == "Full."


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (gemini(reason="SAFETY"), AnswerRefused),
        (gemini(reason="MALFORMED_FUNCTION_CALL"), AnswerMalformed),
        ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, AnswerRefused),
    ],
)
def test_gemini_that_does_not_answer(event, error):
    with raw_provider(sse(event)) as provider, pytest.raises(error):
        events(provider.model(GEMINI, api_key=None))


def test_mistrals_thinking_is_part_of_the_content():
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Where?"}]}
    stream = sse(delta(content=[thought]), delta("stop", content=[{"type": "text", "text": "So."}]))
    with raw_provider(stream, DONE) as provider:
        message = answered(provider.model("mistral/magistral-small", api_key=None)).message
    assert (message.reasoning, message.text) == ("Where?", "So.")


def test_details_alone_are_reasoning():
    details = [{"type": "reasoning.summary", "summary": "Where?"}]
    stream = sse(delta(reasoning_details=details), delta("stop", content="So."))
    with raw_provider(stream) as provider:
        message = answered(provider.model("openrouter/x/y", api_key=None)).message
    assert message.reasoning == "Where?"


def test_the_old_form_of_a_call():
    call = {"name": "look", "arguments": '{"where": "/"}'}
    with raw_provider(sse(delta(function_call=call), delta("function_call"))) as provider:
        message = answered(provider.model("openai/m", api_key=None)).message
    assert message.calls[0].arguments == {"where": "/"}


def test_a_whole_answer_needs_no_reason_for_its_end():
    body = {"choices": [{"message": {"role": "assistant", "content": "Full."}}]}
    with raw_provider(json.dumps(body).encode(), content_type="application/json") as provider:
        assert answered(provider.model("openai/m", api_key=None)).message.text == "Full."


@pytest.mark.parametrize("value", [None, 7, "x", [], {}, [None], [7], ["x"], [[]], [{}]])
@pytest.mark.parametrize("key", ["choices", "candidates", "content", "usage", "message"])
def test_nonsense_in_any_place_is_a_model_error(key, value):
    event = {"type": "message", "choices": [], "done": False, key: value}
    for name in ("openai/m", CLAUDE):
        with raw_provider(sse(event), DONE) as provider, pytest.raises(ModelError):
            events(provider.model(name, api_key=None))


@pytest.mark.parametrize("value", [None, 7, "x", [], {}, [7], [{"function": 7}], {"function": []}])
@pytest.mark.parametrize("key", ["content", "tool_calls", "reasoning_details", "reasoning"])
def test_nonsense_within_a_message_is_left_alone(key, value):
    stream = sse(delta(**{key: value}), delta("stop", content="So."))
    with raw_provider(stream) as provider:
        assert answered(provider.model("openai/m", api_key=None)).message.text.endswith("So.")
