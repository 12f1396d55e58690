"""A conversation in the form in which each provider wants it."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw_provider import LOOK, answered, delta, prompt, raw_provider, sse
from sme_agent.llm.messages import (
    AssistantMessage,
    Message,
    Tool,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from sme_agent.llm.model import Model
from sme_agent.llm.traits import model_of
from sme_agent.llm.wire import wire_messages
from sme_prompts.load import Prompts
from sme_tools.model_settings import ModelOptions

ASKED = UserMessage(text="Why is it full?")
RESULT = ToolMessage(call="call:1", name="look", text="97 %")
SIGNED = {"type": "thinking", "thinking": "Where?", "signature": "c2ln"}
DETAIL = {"type": "reasoning.text", "text": "Where?", "signature": "c2ln", "index": 0}


def called(model: str = "m", **more: Any) -> AssistantMessage:
    call = ToolCall(id="call:1", name="look", arguments={"where": "/srv"})
    return AssistantMessage(**{"calls": (call,), "model": model, "reasoning": "Where?", **more})


def entry(name: str, **options: Any) -> Model:
    return model_of(name, ModelOptions.model_validate(options))


def written(name: str, *messages: Message, without: tuple[str, ...] = (), **options: Any):
    model = entry(name, **options)
    return wire_messages(model, prompt(*messages), Prompts(), without=without)


def sent(name: str, *messages: Message, **options: Any) -> dict[str, Any]:
    """The body that goes out, after litellm."""
    tools = options.pop("tools_sent", (LOOK,))
    more = {key: options.pop(key) for key in ("must_call", "max_output") if key in options}
    with raw_provider(sse(delta("stop", content="So."))) as provider:
        answered(
            provider.model(name, api_key=None, **options), prompt(*messages, tools=tools, **more)
        )
    return provider.bodies[0]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    for name in ("OPENAI", "ANTHROPIC", "DEEPSEEK", "MISTRAL", "GROQ", "GEMINI", "GOOGLE"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)


def test_an_answer_of_calls_alone_has_null_for_its_text_where_that_is_demanded():
    body = sent("deepseek/deepseek-chat", ASKED, called(), RESULT)
    assert body["messages"][2]["content"] is None


@pytest.mark.parametrize("name", ["hosted_vllm/m", "openai/m", "mistral/mistral-large-latest"])
def test_an_answer_of_calls_alone_has_an_empty_text_elsewhere(name):
    assert sent(name, ASKED, called(), RESULT)["messages"][2]["content"] == ""


def test_deepseek_gets_reasoning_back_in_turns_with_calls_alone():
    name = "deepseek/deepseek-reasoner"
    before = AssistantMessage(text="Because.", reasoning="Hm.", model=name)
    last = AssistantMessage(text="Full.", reasoning="So.", model=name)
    after = UserMessage(text="And now?")
    messages = written(name, ASKED, before, ASKED, called(name), RESULT, last, after)
    assert [m.get("reasoning_content") for m in messages if m["role"] == "assistant"] == [
        None, "Where?", "So."
    ]  # fmt: skip


def test_reasoning_that_is_missing_is_there_as_nothing():
    messages = written("deepseek/deepseek-reasoner", ASKED, called(reasoning=""), RESULT)
    assert messages[2]["reasoning_content"] == ""
    messages = written("deepseek/deepseek-chat", ASKED, called(reasoning=""), RESULT)
    assert "reasoning_content" not in messages[2]


def test_reasoning_that_was_refused_does_not_go_back():
    messages = written(
        "deepseek/deepseek-reasoner", ASKED, called(), RESULT, without=("reasoning_content",)
    )
    assert "reasoning_content" not in messages[2]


@pytest.mark.parametrize("name", ["cerebras/zai-glm-4.7", "groq/openai/gpt-oss-120b"])
def test_reasoning_goes_back_in_tags_where_there_is_no_field(name):
    messages = written(name, ASKED, called(text="I look."), RESULT)
    assert messages[2]["content"] == "<think>\nWhere?\n</think>\n\nI look."


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_a_server_of_openais_form_gets_reasoning_back_as_it_came(field):
    opaque = ({"type": "reasoning", "field": field},)
    name, base = "openai/m", "http://127.0.0.1:1/v1"
    [_, _, message, _] = written(name, ASKED, called(name, opaque=opaque), RESULT, api_base=base)
    assert message[field] == "Where?"
    [_, _, message, _] = written(name, ASKED, called("other", opaque=opaque), RESULT, api_base=base)
    assert field not in message


@pytest.mark.parametrize("name", ["openai/gpt-4o", "mistral/mistral-large-latest", "xai/grok-4"])
def test_reasoning_is_dropped_elsewhere(name):
    assert "Where?" not in json.dumps(written(name, ASKED, called(name), RESULT))


def test_thinking_goes_back_to_the_claude_that_thought_it():
    name = "anthropic/claude-sonnet-4-5"
    body = sent(name, ASKED, called(name, opaque=(SIGNED,)), RESULT)
    assert body["messages"][1]["content"][0] == SIGNED
    body = sent(name, ASKED, called("anthropic/claude-haiku-4-5", opaque=(SIGNED,)), RESULT)
    assert "thinking" not in json.dumps(body)


def test_claude_does_not_think_where_it_may_not():
    name = "anthropic/claude-sonnet-4-5"
    thinking = sent(name, ASKED, reasoning_effort="low", temperature=0.3, max_output=500)
    assert thinking["thinking"]["type"] == "enabled"
    assert thinking["max_tokens"] > thinking["thinking"]["budget_tokens"]
    assert "temperature" not in thinking
    forced = sent(name, ASKED, reasoning_effort="low", must_call="look")
    assert "thinking" not in forced
    assert forced["tool_choice"] == {"type": "tool", "name": "look"}
    begun_without = sent(name, ASKED, called("other"), RESULT, reasoning_effort="low")
    assert "thinking" not in begun_without
    own = called(name, opaque=(SIGNED,))
    assert "thinking" in sent(name, ASKED, own, RESULT, reasoning_effort="low")


def test_openrouter_gets_the_details_of_its_reasoning_back():
    name = "openrouter/anthropic/claude-sonnet-4"
    opaque = ({"type": "reasoning_detail", "detail": DETAIL},)
    body = sent(name, ASKED, called(name, opaque=opaque), RESULT)
    assert body["messages"][2]["reasoning_details"] == [DETAIL]


def test_details_in_pieces_become_one_again():
    first = {**DETAIL, "text": "Whe", "signature": None}
    second = {**DETAIL, "text": "re?"}
    stream = sse(
        delta(reasoning="Whe", reasoning_details=[first]),
        delta(reasoning="re?", reasoning_details=[second]),
        delta("stop", content="So."),
    )
    with raw_provider(stream) as provider:
        message = answered(provider.model("openrouter/x/y", api_key=None)).message
    assert message.reasoning == "Where?"
    assert {"type": "reasoning_detail", "detail": DETAIL} in message.opaque


def test_gemini_gets_its_signatures_back():
    name = "gemini/gemini-3-pro-preview"
    parts = [
        {"text": "Where?", "thought": True},
        {"functionCall": {"name": "look", "args": {"where": "/"}}, "thoughtSignature": "c2ln"},
    ]
    answer = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}],
              "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3,
                                "thoughtsTokenCount": 4}}  # fmt: skip
    with raw_provider(sse(answer)) as provider:
        model = provider.model(name, api_key=None)
        first = answered(model, prompt(ASKED))
        result = ToolMessage(call=first.message.calls[0].id, name="look", text="97 %")
        answered(model, prompt(ASKED, first.message, result))
    assert (first.message.reasoning, first.ended) == ("Where?", "calls")
    assert (first.usage.input_tokens, first.usage.output_tokens) == (9, 7)
    called_again = provider.bodies[1]["contents"][1]["parts"][0]
    assert called_again["thoughtSignature"] == "c2ln"


def test_ids_are_what_each_provider_takes_and_fit_together():
    body = sent("mistral/mistral-large-latest", ASKED, called(), RESULT)
    [call] = body["messages"][2]["tool_calls"]
    assert re.fullmatch("[a-zA-Z0-9]{9}", call["id"])
    assert body["messages"][3]["tool_call_id"] == call["id"]
    body = sent("anthropic/claude-haiku-4-5", ASKED, called(), RESULT)
    use, result = body["messages"][1]["content"][0], body["messages"][2]["content"][0]
    assert re.fullmatch("[a-zA-Z0-9_-]+", use["id"])
    assert result["tool_use_id"] == use["id"]


def test_ids_that_will_do_stay_as_they_are():
    call = ToolCall(id="toolu_01-x", name="look", arguments={})
    messages = written("openai/m", ASKED, AssistantMessage(calls=(call,)))
    assert messages[2]["tool_calls"][0]["id"] == messages[3]["tool_call_id"] == "toolu_01-x"


def test_names_that_a_model_made_up_are_made_valid():
    call = ToolCall(id="c1", name="functions.look at", arguments={}, unreadable='{"where')
    [_, _, message, _] = written("openai/m", ASKED, AssistantMessage(calls=(call,)))
    function = message["tool_calls"][0]["function"]
    assert function["name"] == "functions_look_at"
    assert json.loads(function["arguments"]) == {"unreadable": '{"where'}


def test_between_a_result_and_a_question_mistral_has_an_answer():
    roles = [m["role"] for m in written("mistral/m", ASKED, called(), RESULT, ASKED)]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]
    roles = [m["role"] for m in written("openai/m", ASKED, called(), RESULT, ASKED)]
    assert roles == ["system", "user", "assistant", "tool", "user"]


def test_what_one_side_says_twice_is_said_once():
    messages = written("openai/m", ASKED, UserMessage(text="Please."))
    assert [m["content"] for m in messages[1:]] == ["Why is it full?\n\nPlease."]


def test_an_answer_that_holds_nothing_does_not_go_out():
    messages = written("openai/gpt-4o", ASKED, AssistantMessage(reasoning="Hm."), ASKED)
    assert [m["role"] for m in messages].count("assistant") == 0


def marks(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(marks, value))
    if not isinstance(value, dict):
        return 0
    return ("cache_control" in value) + sum(map(marks, value.values()))


@pytest.mark.parametrize(
    "name", ["anthropic/claude-sonnet-4-5", "openrouter/anthropic/claude-sonnet-4"]
)
def test_what_stays_is_marked_for_claudes_cache(name):
    tools = (LOOK, Tool(name="run", description="", parameters={"type": "object"}))
    body = sent(name, ASKED, called(), RESULT, ASKED, tools_sent=tools)
    assert marks(body) == 4
    assert marks(body["tools"][:-1]) == 0
    assert marks(body["tools"][-1]) == 1
    assert marks(body["messages"][-1]) >= 1


@pytest.mark.parametrize("name", ["deepseek/deepseek-chat", "openai/m", "openrouter/openai/gpt-4o"])
def test_others_get_no_marks(name):
    assert marks(sent(name, ASKED, called(), RESULT)) == 0


@pytest.mark.parametrize("name", ["openai/gpt-5", "openai/o3-mini", "openai/gpt-5-mini"])
def test_openais_reasoning_models_take_no_temperature_and_another_limit(name):
    body = sent(name, ASKED, temperature=0.3)
    assert "temperature" not in body
    assert "max_tokens" not in body
    assert body["max_completion_tokens"] > 0


@pytest.mark.parametrize("name", ["deepseek/deepseek-reasoner", "groq/openai/gpt-oss-20b"])
def test_reasoning_models_lose_the_temperature_and_keep_the_tools(name):
    body = sent(name, ASKED, temperature=0.3, must_call="look")
    assert "temperature" not in body
    assert body["tools"][0]["function"]["name"] == "look"
    assert body["tool_choice"]["function"]["name"] == "look"


def test_others_take_a_temperature():
    assert sent("deepseek/deepseek-chat", ASKED, temperature=0.3)["temperature"] == 0.3


def test_more_parameters_go_out_as_they_are():
    assert sent("openai/m", ASKED, extra={"top_p": 0.5})["top_p"] == 0.5


calls = st.lists(st.sampled_from("abc"), max_size=3, unique=True)
conversations = st.lists(
    st.one_of(
        st.just(ASKED),
        calls.map(
            lambda ids: AssistantMessage(
                text="" if ids else "So.",
                calls=tuple(ToolCall(id=i, name="look", arguments={}) for i in ids),
            )
        ),
        st.sampled_from("abc").map(lambda i: ToolMessage(call=i, name="look", text="97 %")),
    ),
    max_size=9,
)


@given(conversations)
def test_each_call_has_its_one_result_right_after_it(messages):
    wires = written("openai/m", *messages, tools="native")
    waiting: list[str] = []
    for wire in wires:
        if wire["role"] == "tool":
            assert wire["tool_call_id"] == waiting.pop(0)
            continue
        assert not waiting
        waiting = [call["id"] for call in wire.get("tool_calls", ())]
    assert not waiting


@given(conversations)
def test_users_and_models_take_turns_without_tools(messages):
    wires = written("openai/m", *messages, tools="text")
    roles = [wire["role"] for wire in wires[1:]]
    assert "tool" not in roles
    assert not any("tool_calls" in wire for wire in wires)
    pairs = Counter(itertools.pairwise(roles))
    assert pairs["user", "user"] == pairs["assistant", "assistant"] == 0
