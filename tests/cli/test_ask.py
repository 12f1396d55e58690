"""`sme ask`: one question, with what comes by a pipe."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from chatting import use_model
from models import scripted
from sme_cli.chat.documents import kinds
from terminal import Terminal
from typed_commands import Answer

LOG = "".join(
    f"Nov 20 10:00:{n % 60:02} web1 nginx[7]: [emerg] bind() to 0.0.0.0:80 failed "
    "(98: Address already in use)\n"
    for n in range(120)
)


@pytest.fixture
def ask():
    """Run `sme ask ARGUMENTS…` with this on standard input."""

    def run(*arguments, stdin=""):
        ran = subprocess.run(
            [sys.executable, "-m", "sme_cli", "ask", *map(str, arguments)],
            input=stdin,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        return Answer(ran.returncode, ran.stdout, ran.stderr)

    return run


def test_with_rules_alone_it_says_what_is_known(ask):
    answer = ask("nginx does not start: address already in use")
    assert answer.code == 0
    assert "Known issue `port-already-in-use`" in answer.out
    assert "no host was looked at" in answer.out
    assert "\x1b" not in answer.out


def test_with_rules_alone_a_log_is_read(ask):
    answer = ask("why does it restart?", stdin=LOG)
    assert answer.code == 0
    assert "**stdin.1** (120 lines, evidence `you/stdin.1#0`)" in answer.out
    assert "120 times" in answer.out
    assert "port-already-in-use" in answer.out, "found by the log, not by the question"


def test_a_question_that_nothing_is_near_to_is_answered_so(ask):
    answer = ask("qwertzuiop")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("No known issue is near")


def test_hosts_are_looked_at_as_far_as_they_are_named(ask, full_host):
    answer = ask("why is it full?", "--on", full_host)
    assert answer.code == 0
    assert answer.out.startswith("✗ web1: / is 100 % full")
    assert re.search(r"web1: \d+ probes", answer.err)
    assert "probes" not in answer.out


def test_a_host_that_is_not_reached_is_exit_code_3(ask, own_folders):
    (own_folders / ".ssh").mkdir(mode=0o700)
    (own_folders / ".ssh/config").write_text("Host gone\n  HostName 127.0.0.1\n  Port 1\n")
    answer = ask("what is it?", "--on", "gone")
    assert answer.code == 3


def test_the_model_gets_question_and_log_and_its_answer_alone_is_on_stdout(ask, own_folders):
    with scripted([{"thinks": "hm", "says": "The **port** is taken.\n"}]) as server:
        use_model(own_folders, server)
        answer = ask("why does it restart?", stdin=LOG)
    assert (answer.code, answer.out) == (0, "The **port** is taken.\n")
    assert re.search(r"openai/scripted · .* read, .* written · \$", answer.err)
    told = str([request.body for request in server.requests])
    assert "why does it restart?" in told
    assert "Address already in use" in told


def test_no_host_is_touched_that_is_not_named(ask, own_folders, tmp_path):
    arguments = {"host": "localhost", "command": f"cat {tmp_path}/x", "why": "to see"}
    plan = [{"calls": [{"name": "run", "arguments": arguments}]}, {"says": "I can not look."}]
    with scripted(plan, may_miss=True, default={"says": "I can not look."}) as server:
        use_model(own_folders, server)
        answer = ask("what is in it?")
    assert answer.out == "I can not look.\n"
    assert "$ cat" not in answer.err


def test_nobody_is_there_to_approve(ask, own_folders, tmp_path):
    arguments = {"host": "localhost", "command": f"touch {tmp_path}/x", "why": "to see"}
    plan = [{"calls": [{"name": "run", "arguments": arguments}]}, {"says": "Then not."}]
    with scripted(plan) as server:
        use_model(own_folders, server)
        answer = ask("make it", "--on", "localhost")
    assert (answer.code, answer.out) == (0, "Then not.\n")
    assert not (tmp_path / "x").exists()


def test_where_no_model_answers_the_rules_do(ask, own_folders):
    with scripted([{"error": "wrong-key", "times": "forever"}]) as server:
        use_model(own_folders, server)
        answer = ask("address already in use")
    assert answer.code == 0
    assert "port-already-in-use" in answer.out
    said = [line for line in answer.err.splitlines() if "!" in line]
    assert said[0].startswith("  ! openai/scripted: ")
    assert said[1:] == ["  ! no model answers; the rules go on"], "nothing is said twice"


def test_a_tool_that_there_is_not_is_named(ask, own_folders):
    with scripted([{"calls": [{"name": "nosuch", "arguments": {}}]}, {"says": "Sorry."}]) as server:
        use_model(own_folders, server)
        answer = ask("what is it?")
    assert re.search(r"^  1 nosuch  failed · ", answer.err, re.MULTILINE)


def test_a_question_that_is_no_utf_8_is_read_as_far_as_it_goes(ask):
    answer = ask(os.fsdecode(b"\xff address already in use"))
    assert answer.code == 0
    assert "port-already-in-use" in answer.out


def test_json_is_as_documented(ask):
    fields = {name: {"event", *fields} for name, _, fields in kinds()}
    lines = [json.loads(line) for line in ask("port in use", "--json").out.splitlines()]
    assert [line["event"] for line in lines][:: len(lines) - 1] == ["opened", "turn-done"]
    assert all(set(line) == fields[line["event"]] for line in lines)
    (known,) = [line for line in lines if line["event"] == "answer"]
    assert "port-already-in-use" in known["text"]


def test_mistakes_are_usage_errors(ask):
    assert ask("").code == 2
    assert ask("x", "--on", "nosuch").code == 2
    assert ask("x", "--model", "nosuch").code == 2


@pytest.mark.skipif(not shutil.which("tmux"), reason="apt-get install tmux")
def test_on_a_terminal_markdown_is_rendered_and_nothing_else_stays(tmp_path, own_folders):
    with scripted([{"says": "# Cause\n\nThe **port**.", "chunks": "awkward"}]) as server:
        use_model(own_folders, server)
        at = Terminal(tmp_path, 80, 30)
        try:
            left = at.run("sme ask 'what is it?' 2> /dev/null")
        finally:
            at.close()
    assert at_lines(left) == ["Cause", "", "The port."]


def at_lines(screen):
    """What is on a screen, without empty lines at its ends."""
    return [line.rstrip() for line in screen.strip().splitlines()]
