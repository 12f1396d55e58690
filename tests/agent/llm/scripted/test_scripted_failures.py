"""Everything that a provider can do wrong, as the server does it."""

import http.client
import json
import socket
import threading
import time

import pytest

from models import PATHS, ask, connect, heard, request, scripted
from sme_agent.llm.scripted.named_errors import named_error, named_errors

EVERY = [(name, family) for name, forms in named_errors().items() for family in forms]
APIS = ("openai", "anthropic", "ollama")
API_OF = {"anthropic": "anthropic", "ollama": "ollama"}
ISSUE = {
    "wrong-key", "missing-key", "no-permission", "unknown-model", "rate-limit", "quota-402",
    "quota-429", "context-too-long", "overloaded-503", "overloaded-529", "overloaded-500",
    "timeout-504", "html-502", "not-json-200", "content-refused", "tool-use-failed",
    "unsupported-parameter",
}  # fmt: skip


def test_there_is_a_name_for_each_class_of_errors():
    assert set(named_errors()) >= ISSUE


@pytest.mark.parametrize(("name", "family"), EVERY)
@pytest.mark.parametrize("stream", [False, True])
def test_a_named_error_arrives_as_it_is_written(name, family, stream):
    form = named_errors()[name][family]
    with scripted([{"error": f"{family}/{name}"}]) as server:
        got = ask(server, API_OF.get(family, "openai"), model="gone", stream=stream)
    assert got.status == form.status
    assert got.headers.items() >= form.headers.items()
    if isinstance(form.body, str):
        assert got.raw.decode() == form.body
    else:
        assert got.headers["content-type"] == "application/json"
        assert got.json == json.loads(json.dumps(form.body).replace("{{model}}", "gone"))


@pytest.mark.parametrize("api", APIS)
def test_a_name_alone_has_the_form_of_the_api(api):
    with scripted([{"error": "wrong-key"}]) as server:
        assert ask(server, api).json == named_errors()["wrong-key"][api].body


def test_a_name_that_an_api_lacks_has_the_form_of_another():
    assert named_error("tool-use-failed") is named_errors()["tool-use-failed"]["groq"]


def test_a_named_error_can_be_altered():
    changed = {"named": "rate-limit", "status": 503, "headers": {"retry-after": "0"}}
    own = {"status": 418, "headers": {"content-type": "text/plain"}, "body": "short and stout"}
    with scripted([{"error": changed}, {"error": own}]) as server:
        first, second = ask(server), ask(server)
    assert (first.status, first.headers["retry-after"]) == (503, "0")
    assert "x-ratelimit-remaining-requests" in first.headers
    assert first.json["error"]["code"] == "rate_limit_exceeded"
    assert (second.status, second.raw) == (418, b"short and stout")


@pytest.mark.parametrize("stream", [False, True])
def test_cut_before_the_headers(stream):
    with scripted([{"says": "x", "breaks": "before-headers"}]) as server:
        with pytest.raises(http.client.RemoteDisconnected):
            ask(server, stream=stream)
        assert server.requests[0].exchange == "1"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("breaks", "size"), [("after-headers", 0), ({"after": 70}, 70)])
def test_cut_within_the_answer(stream, breaks, size):
    says = ["word "] * 100
    plan = [{"says": says, "breaks": breaks}]
    with scripted(plan) as server, pytest.raises(http.client.IncompleteRead) as caught:
        ask(server, stream=stream)
    assert len(caught.value.partial) == size


def test_a_cut_beyond_the_end_leaves_a_stream_without_its_end():
    plan = [{"says": "x", "breaks": {"after": 10**6}}]
    with scripted(plan) as server, pytest.raises(http.client.IncompleteRead) as caught:
        ask(server, stream=True)
    assert caught.value.partial.endswith(b"[DONE]\n\n")


def begin(server, timeout_s, **more):
    connection = connect(server, timeout_s)
    body = {"model": "m", "messages": [], "stream": True} | more
    connection.request("POST", PATHS["openai"], json.dumps(body))
    return connection


def test_silence_from_the_start():
    with scripted([{"says": "x", "breaks": "hang"}]) as server:
        connection = begin(server, 0.2)
        with pytest.raises(TimeoutError):
            connection.getresponse()
        connection.close()


def test_silence_after_the_first_bytes():
    with scripted([{"says": "x" * 200, "breaks": {"hang_after": 150}}]) as server:
        connection = begin(server, 0.2)
        answer = connection.getresponse()
        assert len(answer.read(150)) == 150
        with pytest.raises(TimeoutError):
            answer.read(1)
        connection.close()


@pytest.mark.parametrize("stays", [True, False])
def test_closing_ends_what_hangs(stays):
    """Whether the client is still there or has gone; and an idle connection is ended too."""
    before = set(threading.enumerate())
    with scripted([{"breaks": "hang", "times": 2}, {"says": "x"}]) as server:
        hanging = [begin(server, 30) for _ in range(2)]
        while len(server.requests) < 2 or server.unplayed == ["1", "2"]:
            time.sleep(0.001)
        idle = begin(server, 30)
        assert idle.getresponse().read()
        if not stays:
            hanging[0].close()
    assert set(threading.enumerate()) <= before
    for connection in hanging if stays else hanging[1:]:
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()
    for connection in (*hanging, idle):
        connection.close()
    address = server.base.removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address[0], int(address[1])))


def test_closing_ends_a_long_pause():
    with scripted([{"says": ["a", "b"], "gap_s": 3600}]) as server:
        connection = begin(server, 30)
        answer = connection.getresponse()
        assert answer.read(20)
    with pytest.raises(http.client.IncompleteRead):
        answer.read()
    connection.close()


def test_a_client_that_goes_in_mid_answer_is_no_trouble(capfd):
    plan = [{"says": ["x" * 10000] * 500}, {"says": "still here"}]
    with scripted(plan) as server:
        connection = begin(server, 30)
        connection.getresponse().read(10)
        connection.close()
        assert ask(server).status == 200
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("api", APIS)
def test_an_error_within_the_stream(api):
    exchange = {"says": "so far", "breaks": {"in_stream_error": "rate-limit"}}
    with scripted([exchange]) as server:
        got = ask(server, api, stream=True)
    said = heard(api, got.raw)
    assert (got.status, said.text) == (200, "so far")
    body = named_error("rate-limit", api).body
    assert said.errors == [json.loads(json.dumps(body["error"]).replace("{{model}}", "m"))]
    assert said.ended == ("error" if api == "openai" else None)


def test_openrouter_has_its_errors_within_a_chunk():
    breaks = {"in_stream_error": "openrouter/server-error-500"}
    with scripted([{"says": "so far", "breaks": breaks}]) as server:
        last = ask(server, stream=True).raw.decode().split("\n\n")[-3]
    document = json.loads(last.removeprefix("data: "))
    assert document["error"]["code"] == 502
    assert document["choices"][0]["finish_reason"] == "error"
    assert document["object"] == "chat.completion.chunk"


@pytest.mark.parametrize("api", APIS)
def test_without_a_stream_the_error_is_the_body_of_a_200(api):
    with scripted([{"breaks": {"in_stream_error": "rate-limit"}}]) as server:
        got = ask(server, api)
    assert got.status == 200
    assert "error" in got.json


def test_an_in_stream_error_of_ones_own():
    own = {"status": 200, "body": {"error": {"code": 400, "message": "Token limit reached"}}}
    with scripted([{"breaks": {"in_stream_error": own}}]) as server:
        said = heard("openai", ask(server, stream=True).raw)
    assert said.errors == [{"code": 400, "message": "Token limit reached"}]


@pytest.mark.parametrize("stream", [False, True])
def test_pauses_are_kept(stream):
    exchange = {"says": ["a", "b"], "first_token_s": 0.1, "gap_s": 0.05}
    with scripted([exchange]) as server:
        start = time.monotonic()
        ask(server, stream=stream)
        # A stream of two pieces has an opening and an ending besides: four gaps.
        assert time.monotonic() - start >= (0.1 + 4 * 0.05 if stream else 0.1)


def test_requests_are_kept_also_when_they_fail():
    with scripted([{"error": "html-502"}]) as server:
        ask(server)
        assert request(server, "/requests").json[0]["exchange"] == "1"
