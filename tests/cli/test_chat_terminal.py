"""The conversation as a person sees it, in a real terminal, with a scripted model or with rules."""

import os
import re
import shutil
import signal
import subprocess

import pytest

import apart
from chatting import PROMPT, answers, begin, is_ready, last_said, say, use_model
from fixing import ISSUE, Service
from models import scripted
from terminal import Terminal
from typed_commands import eventually

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="apt-get install tmux")

LINES = [f"line {number:03}" for number in range(90)]
LONG = (
    "# Report\n\nAll is **well**, 日本語も, and this is a sentence that goes on and on until it "
    "has to be wrapped somewhere.\n\n1. one\n2. two\n\n```\n"
    + "\n".join(LINES)
    + "\n```\n\nThe end."
)


@pytest.fixture
def terminal(tmp_path, own_folders):
    """Open a terminal of this size."""
    opened = []

    def open_terminal(width=80, height=30):
        program = apart.program(tmp_path / "locks")
        opened.append(Terminal(tmp_path, width, height, program=program))
        opened[-1].tmux("set-option", "history-limit", "5000")
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()


@pytest.fixture
def model(own_folders):
    """A scripted model, which says what its plan says."""
    opened = []

    def play(*exchanges, **more):
        context = scripted(exchanges, may_miss=True, default={"says": "Heard."}, **more)
        server = context.__enter__()
        opened.append(context)
        use_model(own_folders, server)
        return server

    yield play
    for context in opened:
        context.__exit__(None, None, None)


def test_sme_alone_begins_a_conversation_and_the_rules_answer(terminal, full_host):
    at = terminal()
    assert "/help lists the commands" in begin(at, "sme")
    at.press("C-d")
    assert "Come back" not in at.answer(), "nothing was said"
    begin(at, f"sme chat {full_host}")
    screen = say(at, "why is it full?")
    assert re.search(r"^  1 web1: \d+ probes, \d+ findings?, \d+\.\d s$", screen, re.M)
    assert "✗ web1: / is 100 % full" in screen
    assert re.search(r"^ web1 · rules · \d+ finding", screen, re.M)
    at.press("C-d")
    left = at.answer()
    assert at.code == 0
    assert re.search(r"^Come back: sme chat --resume \d{8}-\d{6}-\w{4}$", left, re.M)
    assert not re.search(r"[⠀-⣿]", left), "nothing that was drawn stays"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_an_answer_is_streamed_without_a_trace(terminal, model, sound_host, width):
    model({"says": LONG, "chunks": "awkward", "gap_s": 0.001})
    at = terminal(width, 20)
    begin(at, f"sme chat {sound_host}")
    screen = say(at, "report")
    lines = [line.rstrip() for line in answers(screen).splitlines()]
    code = [line.strip() for line in lines if line.startswith("    line ")]
    assert code == LINES, "each line once, in order, though they are more than the screen has"
    assert lines.count("Report") == 1
    assert sum("日本語も" in line for line in lines) == 1
    assert lines.count("The end.") == 1
    assert re.search(r" openai/scripted · .* read, .* written · \$", " ".join(screen.split()))
    assert not re.search(r"[⠀-⣿]", screen)


def test_a_window_that_changes_its_size_does_no_harm(terminal, model, sound_host):
    model({"says": LONG, "chunks": "words", "gap_s": 0.02})
    at = terminal(100, 20)
    begin(at, f"sme chat {sound_host}")
    at.type("report")
    at.press("Enter")
    for seen, width in (("line 010", 60), ("line 030", 120), ("line 050", 70)):
        eventually(lambda seen=seen: seen in at.screen())
        at.tmux("resize-window", "-x", str(width), "-y", "20")
    eventually(lambda: is_ready(at, 2), 60)
    code = re.findall(r"^    (line \d+)$", at.screen(), re.M)
    assert code == LINES
    assert at.screen().count("The end.") == 1


def test_what_a_model_says_can_not_control_the_terminal(terminal, model, sound_host):
    evil = "before \x1b[2J\x1b]0;owned\x07\x1b[31m after\x9b5A\n\n```\n\x1b[2Jcode\r\n```\n"
    model({"raw": evil, "thinks": "\x1b[2Jhidden", "chunks": "awkward"})
    at = terminal()
    begin(at, f"sme chat {sound_host}")
    said_before = len(at.raw.read_bytes())
    screen = say(at, "go")
    assert "before" in screen
    assert "after" in screen
    assert "code" in screen
    raw = at.raw.read_bytes()[said_before:]
    assert b"\x1b[2J" not in raw
    assert b"owned\x07" not in raw
    assert b"\x1b[31m after" not in raw


def test_tool_calls_are_quiet_lines_that_can_be_opened(terminal, model):
    model(ask_for("seq 1 200"), {"thinks": "What a thought.", "says": "Two hundred."})
    at = terminal(100, 30)
    begin(at, "sme chat localhost")
    screen = say(at, "count")
    ran = re.search(r"^ +(\d+) localhost \$ seq 1 200  exit 0 · \d+\.\d s$", screen, re.M)
    thought = re.search(r"^ +(\d+) thought for \d+ s$", screen, re.M)
    assert int(thought[1]) == int(ran[1]) + 1
    assert "What a thought." not in screen
    assert "\n200\n" not in screen
    assert "What a thought." in say(at, f"/show {thought[1]}", 3)
    at.type(f"/show {ran[1]}")
    at.press("Enter")
    eventually(lambda: re.search(r"^\$ seq 1 200$", at.screen(), re.M))
    at.press("G")
    eventually(lambda: re.search(r"^200$", at.screen(), re.M))
    at.press("q")
    eventually(lambda: is_ready(at, 4))
    assert "no line 99" in say(at, "/show 99", 5)


def test_reasoning_is_shown_on_request(terminal, model, sound_host):
    model({"thinks": "First this.\nThen that.", "says": "So.", "chunks": "words", "times": 2})
    at = terminal()
    begin(at, f"sme chat {sound_host}")
    assert "First this." not in say(at, "one")
    say(at, "/reasoning on", 3)
    screen = say(at, "two", 4)
    assert screen.count("First this.") == 1
    assert screen.count("Then that.") == 1


def test_what_is_withdrawn_is_taken_back(terminal, model, sound_host):
    model(
        {
            "says": "It is surely the moon.\n\nAnd so",
            "breaks": {"in_stream_error": "overloaded-503"},
        },
        {"says": "It is the disk."},
    )
    at = terminal()
    begin(at, f"sme chat {sound_host}")
    screen = say(at, "what is it?")
    assert "taken back, from “It is surely the moon" in " ".join(screen.split())
    assert screen.count("And so") == 0
    assert screen.count("It is the disk.") == 1


def ask_for(command):
    arguments = {"host": "localhost", "command": command, "why": "to see whether it helps"}
    return {"calls": [{"name": "run", "arguments": arguments}]}


def asked(at, times=1):
    eventually(lambda: len(re.findall(r"^Run it\?", at.screen(), re.M)) >= times)
    return at.screen()


def answer(at, text):
    at.type(text)
    at.press("Enter")


def test_a_change_is_asked_for_and_may_be_edited(terminal, model, tmp_path):
    model(ask_for(f"touch {tmp_path}/one"))
    at = terminal(100, 40)
    begin(at, "sme chat localhost")
    answer(at, "do it")
    screen = asked(at)
    assert "On localhost, as " in screen
    assert "y yes · A always · e edit · n no" in screen
    answer(at, "e")
    eventually(
        lambda: re.search(rf"^  \+ touch {tmp_path}/one *$", at.screen().split("> e")[-1], re.M)
    )
    at.type("two")
    at.press("Enter")
    screen = eventually(lambda: is_ready(at, 2) and at.screen())
    assert (tmp_path / "onetwo").exists()
    assert not (tmp_path / "one").exists()
    assert re.search(r"^  \d localhost \$ touch .*  exit 0 · \d", screen, re.M), screen


def test_a_no_and_its_reason_reach_the_model(terminal, model, tmp_path):
    server = model(ask_for(f"touch {tmp_path}/one"))
    at = terminal(100, 40)
    begin(at, "sme chat localhost")
    answer(at, "do it")
    asked(at)
    answer(at, "n")
    eventually(lambda: "Why not?" in at.screen())
    answer(at, "the moon is wrong")
    eventually(lambda: is_ready(at, 2))
    assert not (tmp_path / "one").exists()
    assert "the moon is wrong" in last_said(server)
    assert "did not run touch" in at.screen()


def test_always_holds_for_these_words_on_this_host(terminal, model, tmp_path):
    model(ask_for(f"touch {tmp_path}/one"), {"says": "Done."}, ask_for(f"touch {tmp_path}/one"))
    at = terminal(100, 40)
    begin(at, "sme chat localhost")
    answer(at, "do it")
    asked(at)
    answer(at, "A")
    eventually(lambda: "Are you sure?" in at.screen())
    answer(at, "y")
    eventually(lambda: is_ready(at, 2))
    (tmp_path / "one").unlink()
    say(at, "again", 3)
    assert (tmp_path / "one").exists()
    assert len(re.findall(r"^Run it\?", at.screen(), re.M)) == 1


def test_what_was_typed_ahead_is_no_approval(terminal, model, tmp_path):
    model({**ask_for(f"touch {tmp_path}/one"), "first_token_s": 2})
    at = terminal(100, 40)
    begin(at, "sme chat localhost")
    answer(at, "do it")
    eventually(lambda: "openai/scripted reads" in at.screen())
    answer(at, "y")
    answer(at, "y")
    asked(at)
    assert not (tmp_path / "one").exists()
    answer(at, "n")
    eventually(lambda: "Why not?" in at.screen())
    answer(at, "")
    eventually(lambda: is_ready(at, 2))
    assert not (tmp_path / "one").exists()


def test_ctrl_c_stops_the_turn_and_then_leaves(terminal, model, sound_host):
    model({"says": "x", "first_token_s": 60})
    at = terminal()
    begin(at, f"sme chat {sound_host}")
    answer(at, "go")
    eventually(lambda: "openai/scripted reads" in at.screen())
    at.press("C-c")
    eventually(lambda: is_ready(at, 2))
    assert "stopped; what was found until then is kept" in at.screen()
    assert "Heard." in say(at, "and now?", 3)
    at.press("C-c")
    eventually(lambda: "Ctrl-C again leaves" in at.screen())
    at.press("C-c")
    left = at.answer()
    assert at.code == 0
    assert "Come back: sme chat --resume" in left


def test_a_turn_that_was_killed_goes_on(terminal, model, sound_host):
    model({"says": "Once."}, {"says": "x", "first_token_s": 60}, {"says": "It is over now."})
    at = terminal()
    begin(at, f"sme chat {sound_host}")
    answer(at, "tell me")
    eventually(lambda: is_ready(at) and "Once." in at.screen())
    answer(at, "go on with it")
    eventually(lambda: "openai/scripted reads" in at.screen())
    (shell,) = at.tmux("list-panes", "-F", "#{pane_pid}").split()
    table = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", shell], capture_output=True, text=True, check=True
    )
    os.kill(int(table.stdout), signal.SIGKILL)
    at.answer()
    assert at.code == 137
    at.run("stty sane")
    at.start("sme chat --continue")
    eventually(lambda: "The last turn did not end." in at.screen())
    since = at.screen().rpartition("sme chat --continue")[2]
    assert "› go on with it" in since
    assert "Once." not in since, "that answered something else"
    answer(at, "y")
    eventually(lambda: is_ready(at) and "It is over now." in at.screen())


def test_one_comes_back_to_a_conversation_of_the_list(terminal, model, sound_host):
    model({"says": "The first answer."}, {"says": "The second answer."})
    at = terminal()
    begin(at, f"sme chat {sound_host}")
    say(at, "first question")
    at.press("C-d")
    at.answer()
    at.start("sme chat --resume")
    eventually(lambda: re.search(r"^  1 .* db1: first question$", at.screen(), re.M))
    answer(at, "7")
    eventually(lambda: "There are 1 to 1." in at.screen())
    answer(at, "1")
    eventually(lambda: is_ready(at))
    screen = at.screen()
    assert "› first question" in screen
    assert "The first answer." in screen
    assert "The second answer." in say(at, "second question", 3)


def test_the_service_is_mended_and_undo_says_what_it_can_not_do(terminal, own_folders, tmp_path):
    service = Service(tmp_path / "service", own_folders / ".config/sme/issues")
    at = terminal(100, 60)
    begin(at, "sme chat localhost")
    say(at, "the service does not start")
    screen = say(at, f"/plan {ISSUE}", 3)
    assert "Nothing was done." in screen
    answer(at, f"/fix {ISSUE}")
    asked(at)
    answer(at, "a")
    eventually(lambda: is_ready(at, 4))
    assert service.files == ["settings", "started", "template"]
    assert "✓ localhost: fixed" in at.screen()
    screen = say(at, "/undo", 5)
    assert "is over and holds" in screen
    assert f"rm -f {service.folder}/started" in screen
    assert service.files == ["settings", "started", "template"]


def test_undo_takes_back_a_change_that_stood_still(terminal, own_folders, tmp_path):
    service = Service(tmp_path / "service", own_folders / ".config/sme/issues")
    at = terminal(100, 60)
    begin(at, "sme chat localhost")
    say(at, "the service does not start")
    answer(at, f"/fix {ISSUE}")
    asked(at)
    answer(at, "y")
    asked(at, 2)
    at.press("C-c")
    eventually(lambda: is_ready(at, 3))
    assert service.files == ["settings", "template"]
    assert "A change stands still on localhost: /fix goes on with it, /undo" in at.screen()
    answer(at, "/undo")
    eventually(lambda: re.search(r"^Take it back\?.*> *$", at.screen(), re.M))
    answer(at, "y")
    eventually(lambda: is_ready(at, 4))
    assert service.files == ["template"]
    assert "the host is as it was before" in at.screen()


def test_a_long_paste_becomes_evidence(terminal, sound_host, tmp_path):
    at = terminal(100, 40)
    begin(at, f"sme chat {sound_host}")
    log = tmp_path / "log"
    log.write_text("".join(f"web1 nginx: [error] connection refused {n}\n" for n in range(300)))
    at.tmux("load-buffer", "-b", "log", str(log))
    at.tmux("paste-buffer", "-p", "-b", "log")
    eventually(lambda: f"{PROMPT} [paste.1: 300 lines]" in at.screen())
    assert "connection refused" not in at.screen()
    screen = say(at, " what is this?")
    assert "connection-refused" in screen, "the rules read it"
    screen = say(at, "/evidence", 3)
    assert "you/paste.1#0" in screen


def test_several_lines_make_one_message(terminal, model, sound_host):
    server = model({"says": "I see."})
    at = terminal()
    begin(at, f"sme chat {sound_host}")
    at.type("first \\")
    at.press("Enter")
    at.type("second")
    at.press("M-Enter")
    say(at, "third")
    assert "first \nsecond\nthird" in last_said(server)


def test_what_was_typed_is_found_again_without_its_secrets(
    terminal, model, sound_host, own_folders
):
    model()
    at = terminal()
    begin(at, f"sme chat {sound_host}")
    say(at, "why does curl -u ann:hunter22secret fail?")
    at.press("C-d")
    at.answer()
    file = own_folders / ".local/state/sme/chat_history"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "why does curl -u" in file.read_text()
    assert "hunter22secret" not in file.read_text()
    begin(at, f"sme chat {sound_host}")
    at.press("C-r")
    at.type("why does")
    eventually(lambda: "why does curl -u" in at.screen())
    at.press("C-c")


def test_commands_complete_and_a_mistyped_one_gets_the_nearest(terminal, sound_host):
    at = terminal(100, 40)
    begin(at, f"sme chat {sound_host}")
    at.type("/hypo")
    eventually(lambda: "the theories, and what speaks for and against each" in at.screen())
    at.press("C-c")
    screen = say(at, "/hypotesis", 1)
    eventually(lambda: "did you mean /hypotheses?" in at.screen())
    assert "Traceback" not in screen


def test_no_colour_where_nobody_wants_any(terminal, model, sound_host):
    model({"says": "# A\n\n`code`\n\n```\nx\n```\n"})
    at = terminal()
    begin(at, f"NO_COLOR=1 sme chat {sound_host}")
    say(at, "go")
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3|4|9|10)[0-7]m", at.screen(colours=True))
