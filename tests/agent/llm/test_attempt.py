"""One attempt at one answer, against servers that answer in every way."""

from __future__ import annotations

import json
import threading
import time

import pytest

from models import scripted
from raw_provider import (
    DONE,
    HANG,
    LOOK,
    answered,
    delta,
    events,
    prompt,
    raw_provider,
    sse,
)
from sme_agent.llm.attempt import attempt
from sme_agent.llm.events import Asking, CallBegun, Reasoning, Text, Withdrawn
from sme_agent.llm.messages import AssistantMessage, ToolMessage, UserMessage
from sme_tools.errors import (
    AnswerMalformed,
    AnswerRefused,
    ContextTooLong,
    Interrupted,
    ModelError,
    ModelKeyInvalid,
    ModelOverloaded,
    ModelTimeout,
    ModelUnreachable,
    SecretUnavailable,
    ToolCallUnreadable,
)

PATHS = {
    "openai/m": "/chat/completions",
    "deepseek/deepseek-chat": "/chat/completions",
    "deepseek/deepseek-reasoner": "/chat/completions",
    "openrouter/x/y": "/chat/completions",
    "groq/m": "/chat/completions",
    "mistral/mistral-large-latest": "/v1/chat/completions",
    "hosted_vllm/m": "/chat/completions",
    "cerebras/zai-glm-4.7": "/chat/completions",
    "together_ai/m": "/chat/completions",
    "lm_studio/m": "/chat/completions",
    "anthropic/claude-sonnet-4-5": "/v1/messages",
    "ollama_chat/m": "/api/chat",
    "ollama/m": "/api/chat",
    "gemini/gemini-2.5-flash": "/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
}
CALL = {"index": 0, "id": "c1", "function": {"name": "look", "arguments": '{"where": "/srv"}'}}


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("RAW_PROVIDER_KEY", "secret")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")


@pytest.mark.parametrize("name", PATHS)
def test_every_provider_is_asked_at_its_address_and_heard(name):
    with raw_provider(sse(delta(content="Full.")), sse(delta("stop")), DONE) as provider:
        answer = answered(provider.model(name))
    assert provider.paths == [PATHS[name]]
    assert answer.message.text == "Full."
    assert answer.message.model == answer.model == name
    sent = json.dumps(provider.headers[0])
    assert "secret" in sent
    assert "Why is the disk full?" in json.dumps(provider.bodies[0])
    assert "look" in json.dumps(provider.bodies[0]["tools"])


@pytest.mark.parametrize("name", PATHS)
def test_silence_is_a_timeout_for_every_provider(name):
    with raw_provider(HANG) as provider, pytest.raises(ModelTimeout):
        events(provider.model(name, read_timeout_s=0.2))


@pytest.mark.parametrize("name", PATHS)
def test_silence_in_the_middle_is_a_timeout(name):
    with raw_provider(sse(delta(content="Fu")), HANG) as provider, pytest.raises(ModelTimeout):
        events(provider.model(name, read_timeout_s=0.2))


def test_no_server_is_unreachable():
    with raw_provider() as provider:
        model = provider.model("openai/m")
    with pytest.raises(ModelUnreachable):
        events(model)


@pytest.mark.parametrize("steps", [(HANG,), (sse(delta(content="Fu")), HANG)])
def test_interrupting_ends_at_once_and_closes_the_connection(steps):
    cancelled = threading.Event()
    with raw_provider(*steps) as provider:
        asking = attempt(provider.model("openai/m"), prompt(), cancelled=cancelled)
        next(asking)
        stopper = threading.Thread(target=lambda: provider.hung.wait(60) and cancelled.set())
        stopper.start()
        with pytest.raises(Interrupted):
            list(asking)
        assert provider.gone.wait(30)
        stopper.join()


def test_what_was_interrupted_before_is_not_asked():
    cancelled = threading.Event()
    cancelled.set()
    with raw_provider() as provider, pytest.raises(Interrupted):
        list(attempt(provider.model("openai/m"), prompt(), cancelled=cancelled))
    assert provider.bodies == []


def test_leaving_the_events_closes_the_connection():
    with raw_provider(sse(delta(content="Fu")), HANG) as provider:
        asking = attempt(provider.model("openai/m"), prompt(), cancelled=threading.Event())
        assert [type(next(asking)) for _ in range(2)] == [Asking, Text]
        asking.close()
        assert provider.gone.wait(30)


def test_pieces_come_before_the_answer_is_complete():
    with raw_provider(sse(delta(reasoning_content="So"), delta(content="Fu")), HANG) as provider:
        asking = attempt(provider.model("openai/m"), prompt(), cancelled=threading.Event())
        assert next(asking).window == 8192
        assert next(asking) == Reasoning("So")
        assert next(asking) == Text("Fu")
        asking.close()


def test_a_call_is_announced_and_then_whole():
    with raw_provider(sse(delta(tool_calls=[CALL]), delta("tool_calls"))) as provider:
        came = events(provider.model("openai/m"))
    assert came[1] == CallBegun("look")
    assert came[-1].ended == "calls"
    [call] = came[-1].message.calls
    assert (call.id, call.name, call.arguments) == ("c1", "look", {"where": "/srv"})


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_comes_in_any_field(field):
    stream = sse(delta(**{field: "Why?"}), delta(content="So."), delta("stop"))
    with raw_provider(stream) as provider:
        message = answered(provider.model("openai/m")).message
    assert (message.reasoning, message.text) == ("Why?", "So.")


def test_reasoning_in_tags_is_no_text():
    stream = sse(delta(content="<thi"), delta(content="nk>Why?</think>So."), delta("stop"))
    with raw_provider(stream) as provider:
        message = answered(provider.model("openai/m")).message
    assert (message.reasoning, message.text) == ("Why?", "So.")


def test_reasoning_that_comes_apart_and_in_tags_is_there_once():
    said = {"content": "<think>Why?</think>So.", "reasoning_content": "Why?"}
    with raw_provider(sse(delta(**said), delta("stop"))) as provider:
        message = answered(provider.model("openai/m")).message
    assert (message.reasoning, message.text) == ("Why?", "So.")


def test_text_that_turns_out_to_be_reasoning_is_withdrawn_and_said_anew():
    stream = sse(delta(content="Why? "), delta(content="</think>So."), delta("stop"))
    with raw_provider(stream) as provider:
        came = events(provider.model("openai/m"))
    after = came[came.index(next(e for e in came if isinstance(e, Withdrawn))) + 1 :]
    assert [event.text.strip() for event in after[:-1]] == ["Why?", "So."]
    assert came[-1].message.text == "So."
    assert came[-1].message.reasoning.strip() == "Why?"


DSML = '<｜DSML｜tool_calls><｜DSML｜invoke name="look"><｜DSML｜parameter name="where" string="true">/srv</｜DSML｜parameter></｜DSML｜invoke></｜DSML｜tool_calls>'  # noqa: E501


@pytest.mark.parametrize("field", ["content", "reasoning_content"])
def test_a_call_that_comes_as_text_is_a_call(field):
    stream = sse(*(delta(**{field: part}) for part in (DSML[:30], DSML[30:])), delta("stop"))
    with raw_provider(stream) as provider:
        answer = answered(provider.model("deepseek/deepseek-chat"))
    assert answer.ended == "calls"
    assert [(call.name, call.arguments) for call in answer.message.calls] == [
        ("look", {"where": "/srv"})
    ]
    assert answer.message.text == answer.message.reasoning == ""


def test_a_loop_of_opened_calls_is_malformed():
    with (
        raw_provider(sse(delta(content=DSML[:35] * 20), delta("stop"))) as provider,
        pytest.raises(AnswerMalformed),
    ):
        events(provider.model("deepseek/deepseek-chat"))


def test_a_text_with_the_mark_of_the_end_in_it_is_whole():
    with raw_provider(sse(delta(content="a [DONE] b"), delta("stop")), DONE) as provider:
        assert answered(provider.model("deepseek/deepseek-chat")).message.text == "a [DONE] b"


@pytest.mark.parametrize("name", ["openai/m", "deepseek/deepseek-chat", "groq/m"])
def test_a_stream_that_ends_early_is_no_answer(name):
    with (
        raw_provider(sse(delta(content="Full becau"))) as provider,
        pytest.raises(ModelUnreachable, match="before the answer was complete"),
    ):
        events(provider.model(name))


def test_a_server_that_gives_no_reason_but_an_end_has_answered():
    with raw_provider(sse(delta(content="Full.")), DONE) as provider:
        assert answered(provider.model("openai/m")).ended == "stop"


def test_an_error_within_the_stream_is_that_error():
    error = {"error": {"code": 529, "type": "overloaded_error", "message": "Overloaded"}}
    with (
        raw_provider(sse(delta(content="Fu"), error), DONE) as provider,
        pytest.raises(ModelOverloaded),
    ):
        events(provider.model("openrouter/x/y"))


def test_an_error_in_a_choice_is_that_error():
    choice = {"error": {"code": 502, "message": "Provider returned error"}, "message": {}}
    body = json.dumps({"choices": [choice]}).encode()
    with (
        raw_provider(body, content_type="application/json") as provider,
        pytest.raises(ModelOverloaded),
    ):
        events(provider.model("openrouter/x/y"))


def test_a_call_that_the_provider_could_not_read_is_given_with_the_error():
    body = {"error": {"code": "tool_use_failed", "message": "no", "failed_generation": "<look>"}}
    with (
        raw_provider(json.dumps(body).encode(), status=400) as provider,
        pytest.raises(ToolCallUnreadable) as raised,
    ):
        events(provider.model("groq/m"))
    assert raised.value.generation == "<look>"


@pytest.mark.parametrize("name", PATHS)
def test_a_wrong_key_is_told_for_every_provider(name):
    body = {"error": {"type": "authentication_error", "message": "invalid api key"}}
    with (
        raw_provider(json.dumps(body).encode(), status=401) as provider,
        pytest.raises(ModelKeyInvalid),
    ):
        events(provider.model(name))


def test_a_key_that_is_not_where_the_settings_say_is_told(monkeypatch):
    monkeypatch.delenv("RAW_PROVIDER_KEY")
    with raw_provider() as provider, pytest.raises(SecretUnavailable):
        events(provider.model("openai/m"))


def test_a_login_page_is_no_answer():
    page = b"<!doctype html><html><title>Sign in</title></html>"
    with (
        raw_provider(page, content_type="text/html") as provider,
        pytest.raises(ModelUnreachable, match="Sign in"),
    ):
        events(provider.model("openai/m"))


@pytest.mark.parametrize(
    "stream", [sse(delta("stop")), sse(delta(content=" \n"), delta("stop")), DONE]
)
def test_an_empty_answer_is_malformed(stream):
    with raw_provider(stream) as provider, pytest.raises(AnswerMalformed, match="said nothing"):
        events(provider.model("openai/m"))


def test_thinking_without_an_answer_is_malformed():
    with (
        raw_provider(sse(delta(reasoning_content="Why?"), delta("stop"))) as provider,
        pytest.raises(AnswerMalformed, match="only thought"),
    ):
        events(provider.model("openai/m"))


def test_thinking_until_the_room_is_used_up_is_an_answer_that_was_cut():
    with raw_provider(sse(delta(reasoning_content="Why?"), delta("length"))) as provider:
        answer = answered(provider.model("openai/m"))
    assert (answer.ended, answer.message.text, answer.message.reasoning) == ("length", "", "Why?")


@pytest.mark.parametrize(
    "said", [delta("content_filter", content="I"), delta("stop", refusal="I can't.")]
)
def test_a_refusal_is_no_answer(said):
    with raw_provider(sse(said)) as provider, pytest.raises(AnswerRefused):
        events(provider.model("openai/m"))


def test_one_document_in_place_of_a_stream_is_read():
    said = {"role": "assistant", "content": "Full.", "reasoning": "Why?", "tool_calls": [CALL]}
    usage = {"prompt_tokens": 90, "completion_tokens": 9}
    body = {"choices": [{"message": said, "finish_reason": "tool_calls"}], "usage": usage}
    with raw_provider(json.dumps(body).encode(), content_type="application/json") as provider:
        answer = answered(provider.model("openai/m"))
    assert (answer.message.text, answer.message.reasoning) == ("Full.", "Why?")
    assert answer.message.calls[0].arguments == {"where": "/srv"}
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (90, 9)


def test_without_stream_the_whole_is_asked_for_at_once():
    body = {"choices": [{"message": {"content": "Full."}, "finish_reason": "stop"}]}
    with raw_provider(json.dumps(body).encode(), content_type="application/json") as provider:
        answer = answered(provider.model("openai/m"), without=frozenset({"stream"}))
    assert not provider.bodies[0].get("stream")
    assert answer.message.text == "Full."


def test_the_providers_own_counts_are_taken():
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 127,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 7},
        "cost": 0.25,
    }
    stream = sse(delta(content="Full."), delta("stop"), {"choices": [], "usage": usage})
    with raw_provider(stream, DONE) as provider:
        taken = answered(provider.model("openrouter/x/y")).usage
    assert (taken.input_tokens, taken.cached_tokens, taken.cost_usd) == (100, 60, 0.25)
    # The total tells that these count reasoning apart.
    assert (taken.output_tokens, taken.reasoning_tokens, taken.estimated) == (27, 7, False)


def test_counts_are_estimated_where_the_server_says_nothing():
    with raw_provider(sse(delta(content="Full. " * 50), delta("stop"))) as provider:
        taken = answered(provider.model("openai/m", input_cost=1.0, output_cost=2.0)).usage
    assert taken.estimated
    assert taken.input_tokens > 20
    assert taken.output_tokens > 50
    cost = (taken.input_tokens + 2 * taken.output_tokens) / 1_000_000
    assert taken.cost_usd == pytest.approx(cost)


def test_no_tool_is_called_where_none_may_be():
    stream = sse(delta(content="So.", tool_calls=[CALL]), delta("tool_calls"))
    with raw_provider(stream) as provider:
        answer = answered(provider.model("openai/m"), prompt(may_call=False))
    assert provider.bodies[0]["tool_choice"] == "none"
    assert (answer.message.calls, answer.ended) == ((), "stop")


def test_what_was_refused_before_is_left_out():
    stream = sse(delta(content="So."), delta("stop"))
    without = frozenset({"temperature", "stream_options", "tool_choice", "strict", "max_tokens"})
    with raw_provider(stream) as provider:
        model = provider.model("openai/m", temperature=0.2, strict_tools=True)
        answered(model, prompt(must_call="look"), without)
    [body] = provider.bodies
    assert not {"temperature", "stream_options", "tool_choice", "max_tokens"} & set(body)
    assert "strict" not in body["tools"][0]["function"]
    assert body["max_completion_tokens"] > 0


def test_strict_schemas_take_the_nulls_of_what_is_optional_back():
    call = {**CALL, "function": {"name": "look", "arguments": '{"where": "/", "depth": null}'}}
    with raw_provider(sse(delta(tool_calls=[call]), delta("tool_calls"))) as provider:
        answer = answered(provider.model("openai/m", strict_tools=True))
    schema = provider.bodies[0]["tools"][0]["function"]["parameters"]
    assert schema["required"] == ["where", "depth"]
    assert schema["additionalProperties"] is False
    assert answer.message.calls[0].arguments == {"where": "/"}


def test_a_model_without_tools_is_told_of_them_and_calls_them_in_its_text():
    said = 'I look.\n```tool_call\n{"name": "look", "arguments": {"where": "/srv"}}\n```'
    with raw_provider(sse(delta(content=said), delta("stop"))) as provider:
        model = provider.model("openai/m", tools="text")
        first = answered(model).message
        asked = UserMessage(text="Why?")
        result = ToolMessage(call=first.calls[0].id, name="look", text="97 %")
        answered(model, prompt(asked, first, result))
    assert first.calls[0].arguments == {"where": "/srv"}
    assert first.text.strip() == "I look."
    first_body, second_body = provider.bodies
    assert "tools" not in first_body
    assert "tool_call" in first_body["messages"][0]["content"]
    assert [m["role"] for m in second_body["messages"]] == ["system", "user", "assistant", "user"]
    assert '"where": "/srv"' in second_body["messages"][2]["content"]
    assert "97 %" in second_body["messages"][3]["content"]


def test_two_attempts_use_one_connection():
    with scripted([{"says": "One."}, {"says": "Two."}]) as server:
        model = provider_model(server.openai_base)
        texts = [answered(model).message.text for _ in range(2)]
    assert texts == ["One.", "Two."]


def provider_model(base: str, name: str = "openai/m", **options):
    from sme_agent.llm.traits import model_of
    from sme_tools.model_settings import ModelOptions

    return model_of(name, ModelOptions.model_validate({"api_base": base, **options}))


def test_anthropics_thinking_goes_back_with_its_signature():
    plan = [
        {"thinks": "Where?", "signature": "c2ln", "says": "I look.",
         "calls": [{"name": "look", "arguments": {"where": "/"}}], "chunks": "awkward"},
        {"says": "Full."},
    ]  # fmt: skip
    with scripted(plan) as server:
        model = provider_model(
            server.anthropic_base, "anthropic/claude-sonnet-4-5", api_key="env:RAW_PROVIDER_KEY"
        )
        asked = UserMessage(text="Why?")
        first = answered(model, prompt(asked)).message
        result = ToolMessage(call=first.calls[0].id, name="look", text="97 %")
        last = answered(model, prompt(asked, first, result))
        sent = server.requests[-1].body["messages"][1]["content"]
    assert (first.reasoning, first.text) == ("Where?", "I look.")
    assert sent[0] == {"type": "thinking", "thinking": "Where?", "signature": "c2ln"}
    assert [block["type"] for block in sent] == ["thinking", "text", "tool_use"]
    assert last.message.text == "Full."


@pytest.mark.filterwarnings("ignore::UserWarning")  # litellm's own
def test_what_litellm_alone_can_read_is_read_by_it():
    """The events of OpenAI's responses, to which litellm turns for some models."""
    text = {"type": "output_text", "text": "Full.", "annotations": []}
    item = {"id": "m1", "type": "message", "role": "assistant", "status": "completed"}
    body = {
        "id": "r1", "object": "response", "created_at": 1, "model": "m", "status": "completed",
        "output": [{**item, "content": [text]}],
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "usage": {"input_tokens": 50, "output_tokens": 5, "total_tokens": 55},
    }  # fmt: skip
    stream = sse(
        {"type": "response.created", "response": {**body, "status": "in_progress", "output": []}},
        {"type": "response.output_text.delta", "item_id": "m1", "output_index": 0,
         "content_index": 0, "delta": "Full."},
        {"type": "response.completed", "response": body},
    )  # fmt: skip
    with raw_provider(stream) as provider:
        answer = answered(provider.model("openai/responses/gpt-4o"), prompt(tools=()))
    assert provider.paths == ["/responses"]
    assert answer.message.text == "Full."


def test_the_length_of_the_prompt_is_told_and_learned():
    usage = {"prompt_tokens": 4000, "completion_tokens": 2}
    stream = sse(delta(content="So."), delta("stop"), {"choices": [], "usage": usage})
    long = prompt(UserMessage(text="disk full " * 1500))
    with raw_provider(stream) as provider:
        model = provider.model("openai/learned", context_tokens=50_000)
        before = events(model, long)[0].tokens
        after = events(model, long)[0].tokens
    assert before > 3000
    assert abs(after - 4000) < abs(before - 4000) or before == after == 4000


def test_failures_are_model_errors_with_the_models_name():
    with raw_provider(b"no", status=418) as provider, pytest.raises(ModelError) as raised:
        events(provider.model("openai/m"))
    assert raised.value.model == "openai/m"


def test_a_prompt_that_is_too_long_is_told():
    body = {"error": {"code": "context_length_exceeded", "message": "maximum context length"}}
    with (
        raw_provider(json.dumps(body).encode(), status=400) as provider,
        pytest.raises(ContextTooLong),
    ):
        events(provider.model("openai/m"))


def test_earlier_answers_of_other_models_go_out_as_plain_calls():
    other = AssistantMessage(
        text="", reasoning="Hm.", model="other", opaque=({"type": "thinking"},)
    )
    with raw_provider(sse(delta(content="So."), delta("stop"))) as provider:
        answered(
            provider.model("anthropic/claude-sonnet-4-5"), prompt(UserMessage(text="a"), other)
        )
    assert "Hm." not in json.dumps(provider.bodies[0])


def test_time_to_the_first_piece_is_measured():
    with raw_provider(sse(delta(content="So."), delta("stop"))) as provider:
        began = time.monotonic()
        answer = answered(provider.model("openai/m"), prompt(tools=(LOOK,)))
        took = time.monotonic() - began
    assert 0 <= answer.first_token_s <= answer.duration_s <= took
