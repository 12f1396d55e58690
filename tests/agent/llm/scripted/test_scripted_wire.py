"""Each wire format, asked with nothing but http.client."""

import json

import pytest

from models import ask, connect, heard, request, scripted

ANSWER = {
    "says": ["The disk ", "is full."],
    "thinks": "df says so",
    "signature": "c2ln",
    "calls": [
        {"name": "look", "arguments": {"probe": "storage.filesystems"}},
        {"name": "read", "arguments": '{"path": '},
    ],
    "usage": {"input": 100, "output": 20, "cached": 60, "cache_written": 10, "reasoning": 7},
    "times": "forever",
}
APIS = ("openai", "anthropic", "ollama")
ENDS = {"openai": "tool_calls", "anthropic": "tool_use", "ollama": "stop"}
USAGE = {
    "openai": {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 7},
    },
    "anthropic": {
        "input_tokens": 30,
        "cache_creation_input_tokens": 10,
        "cache_read_input_tokens": 60,
        "output_tokens": 20,
    },
    "ollama": {"prompt_eval_count": 100, "eval_count": 20},
}


@pytest.mark.parametrize("api", APIS)
def test_a_stream_brings_all_of_the_answer(api):
    with scripted([ANSWER]) as server:
        got = ask(server, api, stream=True, stream_options={"include_usage": True})
    said = heard(api, got.raw)
    assert got.status == 200
    assert got.headers["transfer-encoding"] == "chunked"
    assert (said.text, said.reasoning) == ("The disk is full.", "df says so")
    assert said.calls == [["look", '{"probe": "storage.filesystems"}'], ["read", '{"path": ']]
    assert said.ended == ENDS[api]
    assert said.usage == USAGE[api]
    assert said.signature == ("c2ln" if api == "anthropic" else "")


def test_openai_in_one_piece():
    with scripted([ANSWER]) as server:
        document = ask(server, "openai").json
    message = document["choices"][0]["message"]
    assert message["content"] == "The disk is full."
    assert message["reasoning_content"] == "df says so"
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["look", "read"]
    assert message["tool_calls"][1]["function"]["arguments"] == '{"path": '
    assert len({call["id"] for call in message["tool_calls"]}) == 2
    assert document["choices"][0]["finish_reason"] == "tool_calls"
    assert document["usage"] == USAGE["openai"]


def test_anthropic_in_one_piece():
    with scripted([ANSWER]) as server:
        document = ask(server, "anthropic").json
    thinking, text, look, read = document["content"]
    assert thinking == {"type": "thinking", "thinking": "df says so", "signature": "c2ln"}
    assert text == {"type": "text", "text": "The disk is full."}
    assert (look["type"], look["input"]) == ("tool_use", {"probe": "storage.filesystems"})
    assert read["input"] == '{"path": '
    assert document["stop_reason"] == "tool_use"
    assert document["usage"] == USAGE["anthropic"]


def test_ollama_in_one_piece():
    with scripted([ANSWER]) as server:
        document = ask(server, "ollama").json
    message = document["message"]
    assert (message["content"], message["thinking"]) == ("The disk is full.", "df says so")
    assert message["tool_calls"][0]["function"]["arguments"] == {"probe": "storage.filesystems"}
    assert (document["done"], document["done_reason"]) == (True, "stop")
    assert document["prompt_eval_count"] == 100


def test_ollama_streams_unless_told_not_to():
    with scripted([{"says": "hello"}]) as server:
        body = {"model": "m", "messages": []}
        assert request(server, "/api/chat", body).headers["transfer-encoding"] == "chunked"


def test_reasoning_under_its_other_name():
    with scripted([{"thinks": "hm", "thinks_as": "reasoning", "times": 2}]) as server:
        assert ask(server).json["choices"][0]["message"]["reasoning"] == "hm"
        assert b'"reasoning": "hm"' in ask(server, stream=True).raw


def test_openai_tells_usage_in_a_stream_only_if_asked():
    with scripted([ANSWER]) as server:
        assert heard("openai", ask(server, stream=True).raw).usage == {}


@pytest.mark.parametrize("api", APIS)
def test_usage_may_be_kept_back(api):
    with scripted([{"says": "x", "usage": "none", "times": "forever"}]) as server:
        whole = ask(server, api).json
        streamed = heard(api, ask(server, api, stream=True).raw)
    assert "usage" not in whole
    assert "eval_count" not in whole
    # Anthropic's stream always has the field.
    assert api == "anthropic" or streamed.usage == {}


@pytest.mark.parametrize(
    ("ends", "openai", "anthropic", "ollama"),
    [
        ("stop", "stop", "end_turn", "stop"),
        ("length", "length", "max_tokens", "length"),
        ("content_filter", "content_filter", "refusal", "stop"),
        ("tool_calls", "tool_calls", "tool_use", "stop"),
    ],
)
def test_why_it_ends(ends, openai, anthropic, ollama):
    with scripted([{"says": "x", "ends": ends, "times": "forever"}]) as server:
        for api, expected in (("openai", openai), ("anthropic", anthropic), ("ollama", ollama)):
            assert heard(api, ask(server, api, stream=True).raw).ended == expected


@pytest.mark.parametrize("api", APIS)
def test_an_empty_answer(api):
    with scripted([{"times": "forever"}]) as server:
        said = heard(api, ask(server, api, stream=True).raw)
        assert (said.text, said.calls, bool(said.ended)) == ("", [], True)
        assert ask(server, api).status == 200


def test_any_beginning_of_the_address_will_do():
    with scripted([{"says": "x", "times": "forever"}]) as server:
        for path in (
            "/chat/completions",
            "/api/v1/chat/completions",
            "/openai/v1/chat/completions",
        ):
            assert request(server, path, {"messages": []}).status == 200


def test_lists_of_models():
    models = [
        {"name": "big", "context": 131072, "thinks": True, "num_ctx": 16384},
        {"name": "small", "context": 2048, "tools": False},
    ]
    with scripted([], models=models) as server:
        listed = request(server, "/v1/models").json["data"]
        assert [(m["id"], m["max_model_len"]) for m in listed] == [("big", 131072), ("small", 2048)]
        theirs = request(server, "/v1/models", headers={"anthropic-version": "2023-06-01"}).json
        assert [model["type"] for model in theirs["data"]] == ["model", "model"]
        assert (theirs["first_id"], theirs["has_more"]) == ("big", False)
        assert request(server, "/v1/models/small").json["id"] == "small"
        assert request(server, "/v1/models/none").status == 404
        tags = request(server, "/api/tags").json["models"]
        assert [model["name"] for model in tags] == ["big", "small"]
        running = request(server, "/api/ps").json["models"]
        assert [model["context_length"] for model in running] == [16384, 4096]


def test_what_ollama_says_of_a_model():
    models = [{"name": "big", "context": 131072, "thinks": True, "num_ctx": 16384}]
    with scripted([], models=models) as server:
        shown = request(server, "/api/show", {"model": "big"}).json
        architecture = shown["model_info"]["general.architecture"]
        assert shown["model_info"][f"{architecture}.context_length"] == 131072
        assert shown["capabilities"] == ["completion", "tools", "thinking"]
        assert shown["parameters"].split() == ["num_ctx", "16384"]
        other = request(server, "/api/show", {"model": "other"})
        assert (other.status, other.json) == (404, {"error": "model 'other' not found"})


def test_without_a_list_any_model_exists():
    with scripted([]) as server:
        assert request(server, "/api/show", {"model": "any"}).json["capabilities"]
        assert request(server, "/v1/models").json["data"][0]["id"] == "scripted"


def test_anthropic_counts_tokens():
    with scripted([]) as server:
        body = {"messages": [{"role": "user", "content": "x" * 400}]}
        assert request(server, "/v1/messages/count_tokens", body).json == {"input_tokens": 100}


LONG = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "oldest E1 " + "x" * 4000},
    {"role": "assistant", "content": "I see"},
    {"role": "user", "content": "newest E2"},
]


def test_ollama_drops_what_its_context_cannot_hold():
    exchange = {"says": "{{oldest E[0-9]}}", "usage": {"input": 1002}, "times": "forever"}
    with scripted([exchange], truncates=True) as server:
        short = ask(server, "ollama", LONG, options={"num_ctx": 200}).json
        long = ask(server, "ollama", LONG, options={"num_ctx": 2000}).json
    assert (short["message"]["content"], short["prompt_eval_count"]) == ("E2", 200)
    assert (long["message"]["content"], long["prompt_eval_count"]) == ("E1", 1002)


@pytest.mark.parametrize(("own", "count"), [(300, 300), (None, 4096)])
def test_num_ctx_that_nobody_asked_for(own, count):
    exchange = {"says": "x", "usage": {"input": 9999}}
    models = [{"name": "m", "num_ctx": own}]
    with scripted([exchange], truncates=True, models=models) as server:
        assert ask(server, "ollama").json["prompt_eval_count"] == count


def test_only_ollama_truncates():
    with scripted([{"says": "x", "usage": {"input": 9999}}], truncates=True) as server:
        assert ask(server, "openai").json["usage"]["prompt_tokens"] == 9999


def test_the_record_has_what_was_sent_but_no_key():
    headers = {"Authorization": "Bearer sk-1", "x-api-key": "sk-2", "X-Other": "kept"}
    with scripted([{"says": "x"}]) as server:
        request(server, "/v1/chat/completions?key=sk-3", {"model": "m", "messages": []}, headers)
        request(server, "/api/tags")
        shown = request(server, "/requests")
        kept = list(server.requests)
        assert server.asked == kept[:1]
    assert b"sk-" not in shown.raw
    assert shown.json == [vars(one) for one in kept]
    assert [(one.method, one.path, one.exchange) for one in kept] == [
        ("POST", "/v1/chat/completions", "1"),
        ("GET", "/api/tags", None),
    ]
    assert kept[0].headers["authorization"] == kept[0].headers["x-api-key"] == "(hidden)"
    assert kept[0].headers["x-other"] == "kept"
    assert kept[0].body == {"model": "m", "messages": []}


def test_several_requests_on_one_connection():
    with scripted([{"says": "x", "times": "forever"}]) as server:
        connection = connect(server)
        for _ in range(3):
            connection.request("POST", "/api/chat", json.dumps({"messages": []}))
            assert connection.getresponse().read()
        connection.close()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat"])
def test_a_body_that_is_no_json_object(path):
    with scripted([]) as server:
        got = request(server, path, ["not", "an", "object"])
        assert got.status == 400
        assert "error" in got.json
        assert request(server, "/v1/other", {}).status == 404
        assert request(server, "/other").status == 404
