"""litellm takes the server for the real thing."""

import pytest

from models import scripted

# Its own use of pydantic is deprecated, and no business of ours.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Item .* on TypedDict class:UserWarning"),
]

TEXT = "Die Platte ist voll — ½ 🙂"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "look",
            "description": "Run probes",
            "parameters": {"type": "object", "properties": {"probe": {"type": "string"}}},
        },
    }
]
MODELS = ("openai/any", "anthropic/claude-sonnet-4-5", "ollama_chat/any", "deepseek/deepseek-chat")
CHUNKS = (1, "tokens", "words", "awkward")


@pytest.fixture(scope="module")
def litellm():
    with pytest.MonkeyPatch.context() as patch:
        # Else it asks the network for prices when it is imported.
        patch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        import litellm

        patch.setattr(litellm, "suppress_debug_info", True)
        yield litellm


def base(server, model):
    provider = model.partition("/")[0]
    return {"anthropic": server.anthropic_base, "ollama_chat": server.ollama_base}.get(
        provider, server.openai_base
    )


def complete(litellm, server, model, **more):
    return litellm.completion(
        model,
        messages=[{"role": "user", "content": "why?"}],
        tools=TOOLS,
        api_base=base(server, model),
        api_key="none",
        num_retries=0,
        max_retries=0,
        **more,
    )


def answer(litellm, server, model, stream):
    if not stream:
        return complete(litellm, server, model)
    options = {"include_usage": True}
    pieces = complete(litellm, server, model, stream=True, stream_options=options)
    return litellm.stream_chunk_builder(list(pieces))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_an_answer_with_a_call(litellm, model, stream):
    exchange = {
        "says": TEXT,
        "thinks": "hm, größer",
        "calls": [{"name": "look", "arguments": {"probe": "storage.filesystems"}}],
        "usage": {"input": 100, "output": 20},
    }
    for chunks in CHUNKS:
        with scripted([exchange | {"chunks": chunks}]) as server:
            got = answer(litellm, server, model, stream)
            assert len(server.asked) == 1
        message = got.choices[0].message
        assert message.content == TEXT
        assert message.reasoning_content == "hm, größer"
        (call,) = message.tool_calls
        assert call.function.name == "look"
        assert call.function.arguments.replace(" ", "") == '{"probe":"storage.filesystems"}'
        assert got.choices[0].finish_reason == "tool_calls"
        assert (got.usage.prompt_tokens, got.usage.completion_tokens) == (100, 20)


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_thinking_has_its_signature(litellm, stream):
    with scripted([{"thinks": "hm", "signature": "c2ln", "says": "x"}]) as server:
        got = answer(litellm, server, "anthropic/claude-sonnet-4-5", stream)
    assert got.choices[0].message.thinking_blocks == [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    ]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["openai/any", "anthropic/claude-sonnet-4-5"])
def test_what_came_from_the_cache(litellm, model, stream):
    with scripted([{"says": "x", "usage": {"input": 100, "cached": 60}}]) as server:
        usage = answer(litellm, server, model, stream).usage
    assert usage.prompt_tokens == 100
    assert usage.prompt_tokens_details.cached_tokens == 60


@pytest.mark.parametrize(
    ("model", "name", "error"),
    [
        ("openai/any", "wrong-key", "AuthenticationError"),
        ("openai/any", "rate-limit", "RateLimitError"),
        ("openai/any", "context-too-long", "ContextWindowExceededError"),
        ("openai/any", "unknown-model", "NotFoundError"),
        ("openai/any", "html-502", "BadGatewayError"),
        ("openai/any", "openai/content-refused", "ContentPolicyViolationError"),
        ("openai/any", "groq/tool-use-failed", "BadRequestError"),
        ("deepseek/deepseek-chat", "deepseek/quota-402", "BadRequestError"),
        ("anthropic/claude-sonnet-4-5", "overloaded-529", "InternalServerError"),
        ("anthropic/claude-sonnet-4-5", "overloaded-500", "InternalServerError"),
        ("anthropic/claude-sonnet-4-5", "context-too-long", "ContextWindowExceededError"),
        ("ollama_chat/any", "unknown-model", "NotFoundError"),
    ],
)
def test_errors_reach_it(litellm, model, name, error):
    plan = [{"error": name, "times": "forever"}]
    expected = getattr(litellm, error)
    with scripted(plan) as server, pytest.raises(expected) as caught:
        complete(litellm, server, model)
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("openai/any", "MidStreamFallbackError"),
        ("anthropic/claude-sonnet-4-5", "MidStreamFallbackError"),
        ("deepseek/deepseek-chat", "MidStreamFallbackError"),
        ("ollama_chat/any", "BadRequestError"),
    ],
)
def test_an_error_within_the_stream(litellm, model, error):
    plan = [{"says": ["so ", "far"], "breaks": {"in_stream_error": "server-error-500"}}]
    with scripted(plan) as server:
        stream = complete(litellm, server, model, stream=True)
        with pytest.raises(getattr(litellm.exceptions, error)):
            list(stream)


def test_a_connection_that_is_cut(litellm):
    plan = [{"says": "x" * 500, "breaks": {"after": 400}}, {"breaks": "before-headers"}]
    with scripted(plan) as server:
        with pytest.raises(litellm.exceptions.MidStreamFallbackError):
            list(complete(litellm, server, "openai/any", stream=True))
        with pytest.raises(litellm.InternalServerError, match="Connection error"):
            complete(litellm, server, "openai/any")
