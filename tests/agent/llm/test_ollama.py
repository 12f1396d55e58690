"""What Ollama needs: a context length, and a look at what it read."""

from __future__ import annotations

import json

import pytest

from models import scripted
from raw_provider import LOOK, answered, events, prompt, raw_provider
from sme_agent.llm import ollama
from sme_agent.llm.messages import ToolMessage, UserMessage
from sme_agent.llm.tokens import estimate
from sme_agent.llm.traits import model_of
from sme_tools.errors import ContextTooLong, ModelOverloaded, ModelUnknown
from sme_tools.model_settings import ModelOptions

LONG = UserMessage(text="disk full on web1 again " * 3000)
SOON = {"num_ctx", "keep_alive", "think"}


def lines(*values):
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def said(content="", done=False, **more):
    message = {"role": "assistant", "content": content, **more.pop("message", {})}
    ending = {"done_reason": "stop"} if done else {}
    return {"model": "m", "message": message, "done": done, **ending, **more}


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(ollama, "_given", {})


def at(server, name="ollama_chat/m", **options):
    settings = {"api_base": server.ollama_base, **options}
    return model_of(name, ModelOptions.model_validate(settings), ask_server=True)


def test_a_context_is_always_asked_for_and_the_model_kept_loaded():
    with raw_provider(lines(said("Full.", done=True))) as provider:
        answered(provider.model("ollama_chat/m", api_key=None))
    [body] = provider.bodies
    assert body["options"]["num_ctx"] == ollama.LEAST_CONTEXT
    assert body["options"]["num_predict"] > 0
    assert body["keep_alive"] == ollama.KEEP_ALIVE


def test_the_context_grows_by_doubling_and_never_shrinks():
    with scripted(
        [{"says": "So.", "times": 3}], models=[{"name": "m", "context": 65536}]
    ) as server:
        model = at(server)
        for message in (UserMessage(text="Why?"), LONG, UserMessage(text="Why?")):
            answered(model, prompt(message))
        asked = [r.body["options"]["num_ctx"] for r in server.requests if r.path == "/api/chat"]
    assert asked[0] < asked[1] == asked[2]
    assert asked[1] >= estimate(LONG.text)
    assert all(length & (length - 1) == 0 for length in asked)


def test_the_models_own_limit_is_not_exceeded():
    with scripted([{"says": "So."}], models=[{"name": "m", "context": 12000}]) as server:
        model = at(server)
        answered(model, prompt(UserMessage(text="disk full " * 4000)))
        asked = server.requests[-1].body["options"]["num_ctx"]
    assert model.traits.window == asked == 12000


def test_what_the_settings_say_is_asked_for_at_once():
    with raw_provider(lines(said("Full.", done=True))) as provider:
        answered(provider.model("ollama/m", api_key=None, context_tokens=20_000))
    assert provider.paths == ["/api/chat"]
    assert provider.bodies[0]["options"]["num_ctx"] == 20_000


@pytest.mark.parametrize("counted", [4096, 2048, 5000])
def test_a_prompt_that_was_cut_is_told(counted):
    ended = said("So.", done=True, prompt_eval_count=counted, eval_count=3)
    with (
        raw_provider(lines(ended)) as provider,
        pytest.raises(ContextTooLong, match="cut the rest"),
    ):
        events(provider.model("ollama_chat/m", api_key=None, context_tokens=32_768), prompt(LONG))


@pytest.mark.parametrize("counted", [None, 0, 15_000, 13_000])
def test_a_prompt_that_was_read_is_not_taken_for_cut(counted):
    counts = {} if counted is None else {"prompt_eval_count": counted}
    with raw_provider(lines(said("So.", done=True, **counts))) as provider:
        model = provider.model(f"ollama_chat/read-{counted}", api_key=None, context_tokens=32_768)
        assert answered(model, prompt(LONG)).message.text == "So."


def test_thinking_and_calls_are_read_piece_by_piece():
    call = {"function": {"name": "look", "arguments": {"where": "/"}}}
    stream = lines(
        said(message={"thinking": "Whe"}),
        said(message={"thinking": "re?"}),
        said("I look."),
        said(message={"tool_calls": [call, call]}),
        said(done=True, prompt_eval_count=120, eval_count=30),
    )
    with raw_provider(stream, content_type="application/x-ndjson") as provider:
        model = provider.model("ollama_chat/m", api_key=None)
        answer = answered(model)
        result = ToolMessage(call=answer.message.calls[0].id, name="look", text="97 %")
        answered(model, prompt(UserMessage(text="Why?"), answer.message, result))
    assert (answer.message.reasoning, answer.message.text) == ("Where?", "I look.")
    assert [call.arguments for call in answer.message.calls] == [{"where": "/"}] * 2
    assert len({call.id for call in answer.message.calls}) == 2
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (120, 30)
    assert answer.usage.cost_usd == 0
    again = provider.bodies[1]["messages"][2]
    assert again["thinking"] == "Where?"
    assert again["tool_calls"][0]["function"]["arguments"] == {"where": "/"}


@pytest.mark.parametrize(("effort", "think"), [("low", True), (None, None)])
def test_thinking_is_asked_for_where_the_settings_say(effort, think):
    with raw_provider(lines(said("So.", done=True))) as provider:
        answered(provider.model("ollama_chat/qwen3", api_key=None, reasoning_effort=effort))
    assert provider.bodies[0].get("think") == think
    assert "reasoning_effort" not in provider.bodies[0]["options"]


def test_without_leave_to_call_no_tools_are_offered():
    with raw_provider(lines(said("So.", done=True))) as provider:
        answered(provider.model("ollama_chat/m", api_key=None), prompt(may_call=False))
    assert "tools" not in provider.bodies[0]


def test_a_model_that_is_not_there_is_to_be_pulled():
    body = {"error": 'model "m" not found, try pulling it first'}
    with (
        raw_provider(json.dumps(body).encode(), status=404) as provider,
        pytest.raises(ModelUnknown) as raised,
    ):
        events(provider.model("ollama_chat/qwen3:8b", api_key=None))
    assert "ollama pull qwen3:8b" in raised.value.remedy


def test_an_error_in_the_middle_of_an_answer_is_told():
    stream = lines(said("Fu"), {"error": "an error was encountered while running the model"})
    with raw_provider(stream) as provider, pytest.raises(ModelOverloaded):
        events(provider.model("ollama_chat/m", api_key=None))


def test_the_server_tells_what_its_model_can():
    models = [
        {"name": "able", "context": 40960},
        {"name": "plain", "context": 8192, "tools": False},
    ]
    with scripted([], models=models) as server:
        able, plain = at(server, "ollama_chat/able"), at(server, "ollama_chat/plain")
        gone = at(server, "ollama_chat/gone")
    assert (able.traits.window, able.traits.tools, able.traits.source) == (
        40960,
        "native",
        "server",
    )
    assert (plain.traits.window, plain.traits.tools) == (8192, "text")
    assert (gone.traits.window, gone.traits.source) == (8192, "unknown")


def test_nothing_but_the_configured_server_is_asked():
    """litellm asks the default address for each model's abilities, whatever is configured."""
    with scripted([{"says": "So."}], models=[{"name": "m"}]) as server:
        answered(at(server), prompt(tools=(LOOK,)))
        paths = [request.path for request in server.requests]
    assert paths == ["/api/show", "/api/chat"]
