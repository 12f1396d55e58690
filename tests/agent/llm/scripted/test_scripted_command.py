"""The command line, run as its own program."""

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

PROGRAM = [sys.executable, "-m", "sme_agent.llm.scripted"]


@pytest.fixture
def plan(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text("exchanges: [{says: hello}, {says: unheard}]")
    return file


def start(*arguments):
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def post(base):
    body = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()
    with urllib.request.urlopen(f"{base}/v1/chat/completions", body, timeout=30) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_address_and_serves_until_it_is_told_to_end(plan, ended_by):
    with start(plan) as program:
        base = program.stdout.readline().strip()
        assert base.startswith("http://127.0.0.1:")
        assert post(base) == "hello"
        program.send_signal(ended_by)
        out, err = program.communicate(timeout=30)
    assert (program.returncode, out, err) == (0, "", "not played: exchange 2\n")


def test_what_it_had_no_answer_for_is_its_exit_code(plan):
    with start(plan) as program:
        base = program.stdout.readline().strip()
        assert [post(base), post(base)] == ["hello", "unheard"]
        with pytest.raises(urllib.error.HTTPError) as caught:
            post(base)
        caught.value.close()
        program.send_signal(signal.SIGTERM)
        _, err = program.communicate(timeout=30)
    assert program.returncode == 1
    assert err.startswith("unmatched: request 3 (openai, model '', turn 1): no exchange")


def test_a_port_that_is_taken(plan):
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        start(plan, "--port", taken.getsockname()[1]) as program,
    ):
        out, err = program.communicate(timeout=30)
    assert (program.returncode, out) == (2, "")
    assert "in use" in err


def test_a_plan_that_cannot_be_used(plan):
    plan.write_text("exchanges:\n  - sayz: hello\n")
    for file, message in ((plan, f"{plan}:2: "), (plan.with_name("none"), "No such file")):
        ran = subprocess.run([*PROGRAM, file], capture_output=True, text=True, timeout=60)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert message in ran.stderr
