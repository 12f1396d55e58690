"""The approval prompt as a person sees and answers it, in a real terminal."""

import json
import re
import shutil

import pytest

import apart
from fixing import HEAD, ISSUE, START, TAIL, WRITE, Service
from terminal import Terminal
from typed_commands import eventually

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="apt-get install tmux")

BEFORE = ["template"]
AFTER = ["settings", "started", "template"]
FIX = f"sme fix --issue {ISSUE}"
ASKS = re.compile(r"^Run it\?.* > *$", re.MULTILINE)


@pytest.fixture
def service(tmp_path, own_folders):
    return Service(tmp_path / "service", own_folders / ".config/sme/issues")


@pytest.fixture
def at(tmp_path, own_folders, service):
    """A terminal of a user who has diagnosed this machine."""
    opened = Terminal(tmp_path, 80, 50, program=apart.program(tmp_path / "locks"))
    opened.run("sme diagnose localhost > /dev/null")
    yield opened
    opened.run("sme fix --resume --undo < /dev/null")
    opened.close()


def asked(at, times=1):
    """What is on the screen once it has asked so often."""
    eventually(lambda: len(re.findall(r"^Run it\?", at.screen(), re.MULTILINE)) == times)
    return at.screen()


def answer(at, text):
    at.type(text)
    at.press("Enter")


def test_everything_is_shown_and_each_step_asked_for(at, service):
    at.start(FIX)
    screen = asked(at)
    assert re.search(r"^Step 1 of 2 on localhost, as \w+ in /$", screen, re.MULTILINE)
    question = screen[screen.index("Step 1 of 2") :]
    unwrapped = question.replace("\n  ↳ ", "")
    assert f"  + cp {service.folder}/template {service.folder}/settings\n" in unwrapped
    assert f"  - rm -f {service.folder}/settings\n" in unwrapped
    assert "  why: cp" in question
    answer(at, "y")
    asked(at, 2)
    assert service.files == ["settings", "template"]
    answer(at, "y")
    left = at.answer()
    assert at.code == 0
    assert "✓ localhost: fixed" in left
    assert not re.search(r"[⠀-⣿]", left), "the live line is gone"
    assert service.files == AFTER


def test_nothing_but_a_clear_answer_counts_and_help_is_there(at, service):
    at.start(FIX)
    asked(at)
    for times, said in enumerate(("", "Y", "yy", "ja", "?"), 2):
        answer(at, said)
        asked(at, times)
    screen = at.screen()
    assert screen.count("That is no answer.") == 4
    assert "a runs it and all steps that are left" in screen
    assert service.files == BEFORE
    answer(at, "a")
    at.answer()
    assert (at.code, service.files) == (0, AFTER)


def test_a_no_with_its_reason_takes_back_what_was_done(at, service):
    at.start(FIX)
    asked(at)
    answer(at, "y")
    asked(at, 2)
    answer(at, "n")
    eventually(lambda: "Why not?" in at.screen())
    answer(at, "not today")
    left = at.answer()
    assert at.code == 1
    assert "not today" in left
    assert "the host is as it was before" in " ".join(left.split())
    assert service.files == BEFORE


def test_always_is_for_the_words_that_it_shows_and_is_asked_twice(at, service):
    at.start(FIX)
    asked(at)
    answer(at, "A")
    eventually(lambda: "Are you sure?" in at.screen())
    shown = at.screen().replace("\n  ↳ ", "")
    assert f"  + cp {service.folder}/template {service.folder}/settings …" in shown
    answer(at, "")
    asked(at, 2)
    assert service.files == BEFORE
    answer(at, "always")
    eventually(lambda: at.screen().count("Are you sure?") == 2)
    answer(at, "y")
    asked(at, 3)
    answer(at, "n")
    eventually(lambda: "Why not?" in at.screen())
    answer(at, "")
    at.answer()
    at.start(FIX)
    assert "Step 2 of 2" in asked(at), "the first is not asked for again"
    answer(at, "a")
    at.answer()
    assert (at.code, service.files) == (0, AFTER)


def test_ctrl_c_at_the_prompt_stops_and_resume_goes_on(at, service):
    at.start(FIX)
    asked(at)
    answer(at, "y")
    asked(at, 2)
    at.press("C-c")
    left = at.answer()
    assert at.code == 130
    assert "stopped in the middle of a change on localhost" in " ".join(left.split())
    assert service.files == ["settings", "template"]
    at.start("sme fix --resume")
    assert "Step 2 of 2" in asked(at)
    answer(at, "y")
    at.answer()
    assert (at.code, service.files) == (0, AFTER)


def test_ctrl_c_before_anything_was_done_changes_nothing(at, service):
    at.start(FIX)
    asked(at)
    at.press("C-c")
    left = at.answer()
    assert (at.code, service.files) == (130, BEFORE)
    assert "stopped before anything was changed" in left


def test_ctrl_c_while_a_command_runs_is_heard_and_a_second_one_ends_at_once(at, service):
    begun, go = service.folder / "begun", service.folder.parent / "go"
    slow = WRITE.replace(
        "run: cp", f"run: touch {begun}; until [ -e {go} ]; do sleep 0.1; done; cp"
    )
    service.teach(slow)
    at.start(FIX)
    asked(at)
    answer(at, "y")
    eventually(begun.exists)
    at.press("C-c")
    eventually(lambda: "stops after this, Ctrl-C again: at once" in at.screen())
    at.press("C-c")
    left = " ".join(at.answer().split())
    assert at.code == 130
    assert "ended at once; a command that was running goes on" in left
    assert "Traceback" not in left
    assert re.search(r"Go on: sme fix --resume [0-9]{8}-", left)
    go.touch()
    assert "localhost: fixed" in at.run("sme fix --resume < /dev/null")


def test_ctrl_d_leaves_it_waiting(at, service):
    at.start(FIX)
    asked(at)
    at.press("C-d")
    left = at.answer()
    assert (at.code, service.files) == (5, BEFORE)
    assert "? localhost: waits for approval" in left


def test_while_it_holds_a_live_line_counts(at, service):
    service.teach(WRITE, hold_s=3)
    at.start(f"{FIX}")
    asked(at)
    answer(at, "y")
    eventually(lambda: re.search(r"[⠀-⣿] localhost: 1\. held [12] of 3 s", at.screen()))
    assert "1. verified, and held for 3 s" in at.answer()


def test_what_was_typed_before_the_question_is_no_answer(at, service):
    slow = WRITE.replace("run: cp", f"run: touch {service.folder}/begun; sleep 1; cp")
    service.teach(slow, START)
    at.start(FIX)
    asked(at)
    answer(at, "y")
    eventually((service.folder / "begun").exists)
    answer(at, "y")
    asked(at, 2)
    assert not (service.folder / "started").exists()
    answer(at, "n")
    eventually(lambda: "Why not?" in at.screen())
    answer(at, "")
    at.answer()
    assert at.code == 1


@pytest.mark.parametrize("width", [40, 80])
def test_a_command_can_not_pass_for_a_question_or_an_answer(at, service, width):
    """Neither by its lines nor where the terminal would break them."""
    fake = "Run it?  y yes  > y"
    run = f"touch {service.folder}/x '{'x' * width}\n{fake}\n{' ' * (width - 4)}{fake}'"
    title = f"T{'z' * 100} {fake}"[:140]
    body = (
        f"  - title: {json.dumps(title)}\n    run: {json.dumps(run)}\n    undo: {json.dumps(run)}\n"
        '    verify: {run: "true"}\n    hold_s: 0\n'
    )
    (service.issues / f"{ISSUE}.md").write_text(HEAD.format(title=fake) + body + TAIL)
    at.tmux("resize-window", "-x", str(width), "-y", "50")
    at.start(FIX)
    screen = asked(at)
    assert screen.count(fake) >= 4, "all of it is to be seen"
    at_the_edge = [line for line in screen.splitlines() if line.startswith(("Run", " y", "y"))]
    assert at_the_edge[0].startswith("Run it?  y yes · a all")
    assert not any(fake in line for line in at_the_edge)
    assert all(len(line) <= width for line in screen.splitlines())
    at.press("C-c")
    at.answer()
    assert service.files == BEFORE
