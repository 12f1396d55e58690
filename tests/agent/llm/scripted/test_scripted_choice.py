"""Which exchange answers, what is filled in, and a plan that threads share."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from models import ask, heard, request, scripted


def text(got):
    return got.json["choices"][0]["message"]["content"]


def test_in_order_and_each_once():
    with scripted([{"says": "one"}, {"says": "two", "times": 2}, {"says": "three"}]) as server:
        assert [text(ask(server)) for _ in range(3)] == ["one", "two", "two"]
        assert server.unplayed == ["3"]
        assert text(ask(server)) == "three"
        assert server.unplayed == []


def called(tool, id="c1"):
    function = {"name": tool, "arguments": "{}"}
    return {"role": "assistant", "tool_calls": [{"id": id, "function": function}]}


CONVERSATION = [
    {"role": "system", "content": "You are careful."},
    {"role": "user", "content": "why is /srv full?"},
    called("look"),
    {"role": "tool", "tool_call_id": "c1", "content": "E7: 100% /srv"},
]


@pytest.mark.parametrize(
    ("when", "fits"),
    [
        ({}, True),
        ({"last_user": "full\\?$"}, True),
        ({"last_user": "empty"}, False),
        ({"system": "careful"}, True),
        ({"system": "full"}, False),
        ({"anywhere": "E\\d: 100%"}, True),
        ({"anywhere": "E8"}, False),
        ({"has_tool_result": "look"}, True),
        ({"has_tool_result": "read"}, False),
        ({"offers_tool": "fix"}, True),
        ({"offers_tool": "look"}, False),
        ({"model": "m"}, True),
        ({"model": "mm"}, False),
        ({"api": "openai"}, True),
        ({"api": "ollama"}, False),
        ({"turn": 2}, True),
        ({"turn": 1}, False),
        ({"turn": 2, "last_user": "empty"}, False),
    ],
)
def test_what_a_condition_waits_for(when, fits):
    plan = [{"when": when, "says": "chosen"}]
    tools = [{"type": "function", "function": {"name": "fix"}}]
    with scripted(plan, default={"says": "other"}) as server:
        assert text(ask(server, said=CONVERSATION, tools=tools)) == ("chosen" if fits else "other")
        assert server.requests[0].exchange == ("1" if fits else "default")


ANTHROPIC = [
    {"role": "user", "content": [{"type": "text", "text": "why?"}]},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "t1", "name": "look", "input": {}},
            {"type": "tool_use", "id": "t2", "name": "read", "input": {}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "t2", "content": "E2"},
            {
                "type": "tool_result",
                "tool_use_id": "t1",
                "content": [{"type": "text", "text": "E1"}],
            },
        ],
    },
]
OLLAMA = [
    {"role": "user", "content": "why?"},
    {
        "role": "assistant",
        "content": "I look.",
        "tool_calls": [{"function": {"name": n, "arguments": {}}} for n in ("look", "read")],
    },
    {"role": "tool", "content": "E1"},
    {"role": "tool", "content": "E2"},
]
NAMED = [
    *OLLAMA[:2],
    {"role": "tool", "tool_name": "read", "content": "E2"},
    {"role": "tool", "tool_name": "look", "content": "E1"},
]
OPENAI = [
    {"role": "user", "content": "why?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": i, "type": "function", "function": {"name": n, "arguments": "{}"}}
            for i, n in (("c1", "look"), ("c2", "read"))
        ],
    },
    {"role": "tool", "tool_call_id": "c2", "content": "E2"},
    {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "E1"}]},
]


@pytest.mark.parametrize(
    ("api", "said"),
    [("openai", OPENAI), ("anthropic", ANTHROPIC), ("ollama", OLLAMA), ("ollama", NAMED)],
)
def test_tool_results_are_known_by_their_tool(api, said):
    says = "{{result look}} {{result read}} {{user}} {{turn}} {{model}}"
    with scripted([{"says": says, "when": {"has_tool_result": "read"}}]) as server:
        streamed = ask(server, api, said, stream=True)
    assert heard(api, streamed.raw).text == "E1 E2 why? 2 m"


TOLD = [
    {"role": "system", "content": "evidence ids are like E0"},
    {"role": "user", "content": "look at E1a and E2b"},
    {"role": "assistant", "content": "I cite E9z"},
    called("look"),
    {"role": "tool", "tool_call_id": "c1", "content": "E2b: full\nE3c: pid 4711\nE3c again"},
]


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{newest E\\d\\w}}", "E3c"),
        ("{{ newest E\\d\\w }}", "E3c"),
        ("{{oldest E\\d\\w}}", "E1a"),
        ("{{nth 2 E\\d\\w}}", "E2b"),
        ("{{nth 3 E\\d\\w}}", "E3c"),
        ("{{newest pid (\\d+)}}", "4711"),
        ("{{newest [0-9]{4}}}", "4711"),
        ("{{from look E\\d\\w(?=: full)}}", "E2b"),
        ("{{text {{json .State}}}}", "{{json .State}}"),
        ("docker ps --format '{{.Names}}'", "docker ps --format '{{.Names}}'"),
        ("[{{turn}}] {{model}}", "[3] m"),
    ],
)
def test_values_of_the_request(template, value):
    with scripted([{"says": template}]) as server:
        assert text(ask(server, said=TOLD)) == value


def test_values_are_filled_in_everywhere_but_in_raw():
    exchanges = [
        {"thinks": "{{turn}}", "calls": [{"name": "a", "arguments": {"x": ["{{turn}}"], "n": 1}}]},
        {"calls": [{"name": "a", "arguments": '{"n": {{turn}} }'}]},
        {"error": {"status": 400, "body": {"error": {"failed": ["{{turn}}"]}}}},
        {"raw": "<{{turn}}>"},
    ]
    with scripted(exchanges) as server:
        first, second, third, fourth = (ask(server).json for _ in exchanges)
    message = first["choices"][0]["message"]
    assert message["reasoning_content"] == "1"
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"x": ["1"], "n": 1}
    called = second["choices"][0]["message"]["tool_calls"][0]
    assert called["function"]["arguments"] == '{"n": 1 }'
    assert third == {"error": {"failed": ["1"]}}
    assert fourth["choices"][0]["message"]["content"] == "<{{turn}}>"


@pytest.mark.parametrize("api", ["openai", "anthropic", "ollama"])
def test_what_the_plan_has_no_answer_for_is_named(api):
    with scripted([{"when": {"last_user": "disk"}, "says": "x"}], may_miss=True) as server:
        got = ask(server, api, "is the fan loud?")
        assert got.status == 500
        error = got.json["error"]
        message = error if isinstance(error, str) else error["message"]
        assert [message] == server.unmatched
        assert "no exchange of the plan fits" in message
        assert "is the fan loud?" in message
        assert server.unplayed == ["1"]


@pytest.mark.parametrize(
    "template", ["{{newest E\\d}}", "{{result look}}", "{{from look x}}", "{{nth 2 (h)}}"]
)
def test_a_value_that_the_request_lacks_is_named(template):
    with scripted([{"says": template}], may_miss=True) as server:
        got = ask(server)
        assert got.status == 500
        assert server.unmatched[0] == got.json["error"]["message"]
        assert "exchange 1:" in server.unmatched[0]


def test_threads_get_each_exchange_once():
    plan = [{"says": str(number)} for number in range(60)]
    with scripted(plan) as server, ThreadPoolExecutor(12) as pool:
        said = list(pool.map(lambda _: text(ask(server)), range(60)))
        numbers = [one.number for one in server.requests]
    assert sorted(said, key=int) == [str(number) for number in range(60)]
    assert numbers == list(range(1, 61))


def test_one_plan_gives_the_same_bytes_each_time():
    plan = [{"says": "größer " * 20, "chunks": "awkward", "times": "forever"}]

    def play(seed):
        with scripted(plan, seed=seed) as server:
            return [ask(server, api, stream=True).raw for api in ("openai", "anthropic", "ollama")]

    assert play(1) == play(1)
    assert play(1) != play(2)


def test_calls_have_ids_of_their_own_also_at_another_server():
    plan = [{"calls": [{"name": "a"}, {"name": "b"}, {"name": "c", "id": "mine"}], "times": 2}]

    def ids(said):
        with scripted(plan) as server:
            calls = ask(server, said=said).json["choices"][0]["message"]["tool_calls"]
        return [call["id"] for call in calls]

    first = ids("hi")
    second = ids([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}])
    assert first[2] == second[2] == "mine"
    assert len({*first[:2], *second[:2]}) == 4


def test_a_conversation_that_has_no_proper_form_is_answered_all_the_same():
    odd = {"messages": [None, 3, {"role": 1, "content": [None, {"text": 3}]}, {}], "tools": "x"}
    with scripted([{"says": "x", "times": "forever"}]) as server:
        for path in ("/v1/chat/completions", "/v1/messages", "/api/chat"):
            assert request(server, path, odd | {"options": 3, "stream_options": 3}).status == 200
