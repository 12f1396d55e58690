"""The conversation without a terminal: lines in, plain text or JSON objects out."""

import json
import os
import re
import subprocess
import sys

import pytest

from chatting import last_said, use_model
from models import scripted
from sme_cli.chat.conversation import Chat
from sme_cli.chat.documents import kinds
from sme_cli.chat.running import plain_face
from typed_commands import Answer, record

FIELDS = {name: {"event", *fields} for name, _, fields in kinds()}


@pytest.fixture
def chat():
    """Run `sme chat ARGUMENTS…` with these lines on standard input."""

    def run(*arguments, lines=()):
        ran = subprocess.run(
            [sys.executable, "-m", "sme_cli", "chat", *map(str, arguments)],
            input="".join(f"{line}\n" for line in lines),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        return Answer(ran.returncode, ran.stdout, ran.stderr)

    return run


def events(answer):
    """The lines of a JSON answer, each checked against what is documented."""
    lines = [json.loads(line) for line in answer.out.splitlines()]
    for line in lines:
        assert set(line) == FIELDS[line["event"]], line["event"]
    return lines


def test_each_line_is_a_message_and_the_rules_answer(chat, full_host):
    answer = chat(full_host, lines=["why is it full?", "/hosts"])
    assert answer.code == 0
    assert answer.out.startswith("✗ web1: / is 100 % full")
    assert answer.out.rstrip().endswith("web1: 1 finding") or "  web1: " in answer.out
    assert re.search(r"^  1 web1: \d+ probes, ", answer.err, re.M)
    assert "\x1b" not in answer.out + answer.err
    assert not re.search(r"[⠀-⣿]", answer.err)


def test_the_model_answers_in_plain_text(chat, sound_host, own_folders):
    plan = [
        {"says": "**It** was\n\nthe moon.", "breaks": {"in_stream_error": "overloaded-503"}},
        {"says": "**It** is the disk.", "thinks": "hm", "chunks": "awkward"},
    ]
    with scripted(plan) as server:
        use_model(own_folders, server)
        answer = chat(sound_host, lines=["what is \\", "it?"])
    assert answer.out == "**It** is the disk.\n", "what was withdrawn was never printed"
    assert "thought for" in answer.err
    assert "what is \nit?" in last_said(server)


def test_what_needs_approval_is_denied_where_nobody_is(chat, own_folders, tmp_path):
    arguments = {"host": "localhost", "command": f"touch {tmp_path}/x", "why": "to see"}
    plan = [{"calls": [{"name": "run", "arguments": arguments}]}, {"says": "Then not."}]
    with scripted(plan) as server:
        use_model(own_folders, server)
        answer = chat("localhost", lines=["do it"])
    assert answer.out == "Then not.\n"
    assert not (tmp_path / "x").exists()
    assert "did not run touch" in answer.err


def test_json_is_one_documented_object_on_a_line(chat, full_host):
    answer = chat("--json", full_host, lines=["why is it full?", "/hosts", "/nonsense"])
    found = events(answer)
    names = [line["event"] for line in found]
    assert names[0] == "opened"
    assert found[0]["hosts"] == ["web1"]
    assert names.count("turn-done") == 3
    assert names.index("concluded") < names.index("turn-done")
    (concluded,) = [line for line in found if line["event"] == "concluded"]
    assert concluded["incident"]["diagnosis"]["verdict"] == "cause-found"
    assert concluded["incident"]["id"] == found[0]["incident"]
    (error,) = [line for line in found if line["event"] == "error"]
    assert "/nonsense" in error["message"]
    assert answer.err == ""


def test_a_model_speaks_json_too(chat, sound_host, own_folders):
    with scripted([{"thinks": "hm", "says": "It is \x1b[31mred.", "chunks": "words"}]) as server:
        use_model(own_folders, server)
        found = events(chat("--json", sound_host, lines=["what?"]))
    (answered,) = [line for line in found if line["event"] == "answered"]
    assert answered["model"] == "openai/scripted"
    assert answered["usage"]["output_tokens"] > 0
    assert "".join(line["text"] for line in found if line["event"] == "text") == answered["text"]


def test_a_later_turn_knows_what_an_earlier_one_said(chat, sound_host, own_folders):
    with scripted([{"says": "A."}, {"says": "B."}]) as server:
        use_model(own_folders, server)
        first = events(chat("--json", sound_host, lines=["remember the word mango"]))
        id = first[0]["incident"]
        answer = chat("--resume", id, lines=["which word?"])
        assert chat("--continue", lines=["/cost"]).code == 0
    assert answer.out == "B.\n"
    assert "mango" in str(server.requests[-1].body)


def test_an_unknown_host_is_said_at_once(chat):
    answer = chat("nosuch", lines=["x"])
    assert answer.code == 2
    assert "there is no host 'nosuch'" in answer.err


def test_what_does_not_go_together_is_said(chat, full_host):
    assert "needs the id" in chat("--resume").err
    assert chat("--continue", lines=["x"]).code == 2
    assert "there is no conversation to come back to" in chat("--continue").err
    assert "goes on with the hosts that it had" in chat("--continue", full_host).err
    assert "needs a model, and none is configured" in chat("--model", "x", lines=["y"]).err


def test_a_conversation_is_held_by_one_process_at_a_time(chat, full_host, own_folders):
    id = events(chat("--json", full_host, lines=["why is it full?"]))[0]["incident"]
    holder = subprocess.Popen(
        [sys.executable, "-m", "sme_cli", "chat", "--json", "--resume", id],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with holder:
        assert json.loads(holder.stdout.readline())["event"] == "opened"
        answer = chat("--resume", id, lines=["x"])
        assert answer.code == 2
        assert f"another sme works on incident {id}" in answer.err
        holder.stdin.close()
        holder.wait(30)


def test_without_a_terminal_and_a_command_there_is_help():
    ran = subprocess.run(
        [sys.executable, "-m", "sme_cli"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "Usage: " in ran.stderr


def test_a_number_chooses_what_the_model_offered(own_folders, sound_host):
    call = {"name": "ask_user", "arguments": {"question": "Which?", "choices": ["web", "mail"]}}
    with scripted([{"calls": [call]}, {"says": "Mail it is."}]) as server:
        use_model(own_folders, server)
        # Somebody has to be there, or nothing is asked.
        chat = Chat(plain_face, targets=[str(sound_host)], asks=True)
        assert chat.handle("which service?")
        assert chat.handle("2")
        chat.leave()
    assert last_said(server) == "mail"


def test_two_hosts_are_told_apart(chat, full_host, sound_host, tmp_path):
    answer = chat(full_host, sound_host, lines=["is anything full?"])
    assert re.search(r"web1: \d+ probes", answer.err)
    assert re.search(r"db1: \d+ probes", answer.err)


def test_a_host_is_added_and_looked_at_next(chat, sound_host, tmp_path):
    full = record(tmp_path / "w.smesnap", "web9", {"storage.filesystems": DF_FULL})
    answer = chat(sound_host, lines=["is it well?", f"/use {full}", "and now?"])
    assert "web9: / is 100 % full" in answer.out


DF_FULL = """Filesystem     1K-blocks     Used Available Use% Mounted on
/dev/vda1       41152736 41152708        28 100% /

"""
