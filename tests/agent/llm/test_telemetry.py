"""What is recorded of model and tool calls: in a real file, and by a real OTLP receiver."""

import json
import os
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sme_agent.llm.events import Answered
from sme_agent.llm.messages import AssistantMessage, Tool, ToolCall, ToolMessage, Usage, UserMessage
from sme_agent.llm.model import Model, Prompt, Traits
from sme_agent.llm.telemetry import Recorder, ToolWatch
from sme_tools.errors import SettingsInvalid, StateError
from sme_tools.model_settings import ModelOptions, Telemetry
from sme_tools.safety.anonymise import Anonymiser

MODEL = Model(
    "deepseek/deepseek-chat",
    ModelOptions(temperature=0.2),
    Traits("deepseek", 64_000, 4096, "native", False, False, None, None, "test"),
)
CALL = ToolCall(id="c1", name="probe", arguments={"probe": "storage.filesystems"})
PROMPT = Prompt(
    system="You look after machines.",
    messages=(
        UserMessage(text="Why is db7.lan slow?"),
        AssistantMessage(text="I look.", reasoning="the disk?", calls=(CALL,)),
        ToolMessage(call="c1", name="probe", text="/ is 100% full"),
    ),
    tools=(Tool(name="probe", description="Looks.", parameters={"type": "object"}),),
)
ANSWER = Answered(
    AssistantMessage(text="The disk of db7.lan is full."),
    Usage(input_tokens=900, output_tokens=70, cached_tokens=500, reasoning_tokens=20, cost_usd=0.1),
    "deepseek/deepseek-chat",
    first_token_s=0.25,
    duration_s=1.5,
    ended="calls",
)


class Failed(StateError):
    pass


def record(recorder):
    with recorder.model_call(MODEL, PROMPT) as call:
        call.answered(ANSWER)
    with recorder.tool_call("probe", id="c1", arguments=CALL.arguments, host="db7.lan") as call:
        call.brought("/ is 100% full on db7.lan")
    with pytest.raises(Failed), recorder.model_call(MODEL, PROMPT) as call:
        call.used(Usage(input_tokens=5))
        raise Failed("db7.lan has spoken")
    recorder.close()


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_log_says_how_long_and_how_much_and_not_what(tmp_path):
    path = tmp_path / "calls.jsonl"
    record(Recorder(Telemetry(log=str(path)), session="s1"))
    answered, tool, failed = lines(path)
    assert answered["event"] == "model_call"
    assert answered["session"] == "s1"
    assert answered["model"] == "deepseek/deepseek-chat"
    assert (answered["input_tokens"], answered["cached_tokens"]) == (900, 500)
    assert (answered["cost_usd"], answered["ended"]) == (0.1, "calls")
    assert answered["duration_s"] >= 0 and answered["timestamp"].endswith("Z")
    assert (tool["event"], tool["tool"], tool["host"]) == ("tool_call", "probe", "db7.lan")
    assert tool["result_characters"] == len("/ is 100% full on db7.lan")
    assert (failed["error"], failed["input_tokens"]) == ("Failed", 5)
    for said in ("slow", "the disk?", "full", "spoken", "look after", "storage.filesystems"):
        assert said not in path.read_text()


def test_content_is_logged_if_asked_and_then_hidden_as_from_the_model(tmp_path):
    path = tmp_path / "calls.jsonl"
    record(Recorder(Telemetry(log=str(path), content=True), hide=Anonymiser().hide))
    answered, tool, failed = lines(path)
    assert "You look after machines." in answered["system_instructions"]
    assert "is <host:1> slow?" in answered["input.messages"]
    assert answered["answer"] == "The disk of <host:1> is full."
    assert "storage.filesystems" in tool["arguments"]
    assert tool["result"] == "/ is 100% full on <host:1>"
    assert failed["message"] == "<host:1> has spoken"
    assert "db7" not in path.read_text()


def test_a_conversation_tells_its_tool_calls(tmp_path):
    path = tmp_path / "calls.jsonl"
    recorder = Recorder(Telemetry(log=str(path)))
    watch = ToolWatch(recorder)
    other = CALL.model_copy(update={"id": "c2"})
    for message in (
        ToolMessage(call="c0", name="probe", text="of a program that was killed"),
        AssistantMessage(calls=(CALL, other)),
        ToolMessage(call="c2", name="probe", text="no", failed=True),
        ToolMessage(call="c1", name="probe", text="12345"),
    ):
        watch.hear(message)
    recorder.close()
    told = [(line["call"], line["result_characters"], line["failed"]) for line in lines(path)]
    assert told == [("c2", 2, True), ("c1", 5, False)]


def test_the_file_is_for_its_owner_alone_and_grows(tmp_path):
    path = tmp_path / "calls.jsonl"
    path.write_text("{}\n")
    path.chmod(0o644)
    for _ in range(2):
        record(Recorder(Telemetry(log=str(path))))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(lines(path)) == 7


def test_threads_write_whole_lines(tmp_path):
    path = tmp_path / "calls.jsonl"
    recorder = Recorder(Telemetry(log=str(path)))

    def use(number):
        for _ in range(50):
            with recorder.tool_call("probe", id=str(number), arguments={}) as call:
                call.brought("x" * 1000)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(path)) == 400


@pytest.mark.parametrize("place", ["/nowhere/at/all.jsonl", "/"])
def test_a_file_that_cannot_be_opened_is_said_at_once(place):
    with pytest.raises(StateError, match="can't be logged to") as raised:
        Recorder(Telemetry(log=place))
    assert "[telemetry]" in raised.value.remedy


def test_a_link_is_not_followed(tmp_path):
    target = tmp_path / "target"
    target.write_text("kept")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(StateError):
        Recorder(Telemetry(log=str(tmp_path / "link")))
    assert target.read_text() == "kept"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_full_disk_is_a_problem_and_no_failure(tmp_path):
    recorder = Recorder(Telemetry(log=str(tmp_path / "calls.jsonl")))
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, recorder._log._sink._descriptor)
    os.close(full)
    record(recorder)
    assert "No space left" in recorder.problem


def test_standard_error_takes_lines_as_well(capsys):
    record(Recorder(Telemetry(log="stderr"), session="s1"))
    assert [json.loads(line)["session"] for line in capsys.readouterr().err.splitlines()] == [
        "s1"
    ] * 3


def test_off_records_nothing_and_loads_nothing(capsys, tmp_path):
    record(Recorder(Telemetry()))
    assert capsys.readouterr() == ("", "")
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from sme_agent.llm.telemetry import Recorder\n"
            "from sme_tools.model_settings import Telemetry\n"
            "Recorder(Telemetry()).close()\n"
            "print({'structlog', 'opentelemetry', 'requests'} & set(sys.modules))",
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert loaded.stdout == "set()\n"


@pytest.fixture
def collector(monkeypatch):
    """An OTLP receiver on loopback; gives the requests it got, path and body."""
    got = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield got
    server.shutdown()
    thread.join()
    server.server_close()


def spans(got):
    """What was received, by the name of the span: resource, span, attributes."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    found = []
    for path, body in got:
        assert path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                found += [(span, plain(span.attributes), names) for span in scope.spans]
    return found


def plain(attributes):
    values = {}
    for attribute in attributes:
        kind = attribute.value.WhichOneof("value")
        value = getattr(attribute.value, kind)
        if kind == "array_value":
            value = [item.string_value for item in value.values]
        values[attribute.key] = value
    return values


def test_spans_follow_the_conventions_for_generative_ai(collector):
    from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

    record(Recorder(Telemetry(traces=True), session="s1"))
    got = spans(collector)
    by_name = {span.name: (span, attributes) for span, attributes, _ in got}
    assert [resource["service.name"] for *_, resource in got] == ["sme"] * 4
    whole, _ = by_name["invoke_agent sme"]
    chats = [span for span, *_ in got if span.name == "chat deepseek-chat"]
    tool, tool_attributes = by_name["execute_tool probe"]
    assert {span.parent_span_id for span in (*chats, tool)} == {whole.span_id}
    assert {span.trace_id for span, *_ in got} == {whole.trace_id}
    assert tool_attributes == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "probe",
        "gen_ai.tool.call.id": "c1",
        "gen_ai.tool.type": "function",
        "gen_ai.conversation.id": "s1",
    }
    answered = next(plain(s.attributes) for s in chats if s.status.code == 0)
    assert answered == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "deepseek-chat",
        "gen_ai.conversation.id": "s1",
        "gen_ai.provider.name": "deepseek",
        "gen_ai.request.max_tokens": 4096,
        "gen_ai.request.stream": True,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.usage.input_tokens": 900,
        "gen_ai.usage.output_tokens": 70,
        "gen_ai.usage.cache_read.input_tokens": 500,
        "gen_ai.usage.reasoning.output_tokens": 20,
        "gen_ai.response.finish_reasons": ["tool_calls"],
        "gen_ai.response.time_to_first_chunk": 0.25,
    }
    known = {name for name in vars(gen_ai_attributes).values() if isinstance(name, str)}
    assert set(answered) | set(tool_attributes) <= known
    failed = next(s for s in chats if s.status.code == 2)
    assert plain(failed.attributes)["error.type"] == "Failed"
    assert b"full" not in b"".join(body for _, body in collector)


def test_spans_hold_content_if_asked(collector):
    record(Recorder(Telemetry(traces=True, content=True), hide=Anonymiser().hide))
    attributes = {
        key: value
        for span, found, _ in spans(collector)
        if span.status.code == 0
        for key, value in found.items()
    }
    messages = json.loads(attributes["gen_ai.input.messages"])
    assert messages[0] == {
        "role": "user",
        "parts": [{"type": "text", "content": "Why is <host:1> slow?"}],
    }
    assert [part["type"] for part in messages[1]["parts"]] == ["reasoning", "text", "tool_call"]
    assert messages[2]["parts"][0]["type"] == "tool_call_response"
    said = json.loads(attributes["gen_ai.output.messages"])
    assert said[0]["parts"] == [{"type": "text", "content": "The disk of <host:1> is full."}]
    assert "storage.filesystems" in attributes["gen_ai.tool.call.arguments"]
    assert attributes["gen_ai.tool.call.result"] == "/ is 100% full on <host:1>"
    assert b"db7" not in b"".join(body for _, body in collector)


def test_the_variables_of_opentelemetry_are_heeded(collector, monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "sme-of-the-lab")
    record(Recorder(Telemetry(traces=True)))
    assert {resource["service.name"] for *_, resource in spans(collector)} == {"sme-of-the-lab"}


def test_a_collector_that_is_gone_is_a_problem_and_delays_little(monkeypatch, capfd):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("sme_agent.llm.spans.CLOSING_S", 0.5)
    recorder = Recorder(Telemetry(traces=True))
    record(recorder)
    assert "spans are not delivered" in recorder.problem
    assert capfd.readouterr().err == ""


def test_missing_packages_are_named_with_the_way_to_get_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsInvalid, match="not installed") as raised:
        Recorder(Telemetry(traces=True))
    assert "debug-sme[opentelemetry]" in raised.value.remedy
