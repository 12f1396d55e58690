"""Circles are found, and ordinary investigations are left in peace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_cases import FENCE, evidence
from sme_agent.llm.messages import AssistantMessage, ToolCall, ToolMessage
from sme_agent.model.loops import LoopDetector, is_degenerate
from sme_agent.model.presenting import Presenter
from sme_prompts.load import Prompts

PRESENT = Presenter(Prompts(), FENCE)


class Session:
    """A model's steps, each with what it brings, shown as results are."""

    def __init__(self):
        self.loops = LoopDetector()
        self.number = 0

    def step(self, *calls, text=""):
        """`calls` are (name, arguments, output); None for one that failed."""
        made, results = [], []
        for name, arguments, output in calls:
            self.number += 1
            call = ToolCall(id=f"c{self.number}", name=name, arguments=arguments)
            item = evidence(f"box/command.1#{self.number}", output or "", command="x")
            item = item.model_copy(update={"duration_s": self.number / 7})
            shown = PRESENT.evidence([item], 900) if output is not None else "not run"
            made.append(call)
            results.append(ToolMessage(call=call.id, name=name, text=shown, failed=output is None))
        answer = AssistantMessage(text=text, calls=tuple(made))
        return self.loops.watch(answer, results)

    def run(self, command, output, why="to see"):
        arguments = {"host": "box", "command": command, "why": why}
        return self.step(("run", arguments, output))


@pytest.fixture
def session():
    return Session()


def test_the_same_look_with_the_same_result_is_a_repeat_however_it_is_reasoned(session):
    said = [session.run("df -h", "71% /", why=f"reason {n}") for n in range(3)]
    assert said == [None, None, "repeat"]
    assert session.loops.strikes == 1
    assert [session.run("df -h", "71% /") for _ in range(3)] == [None, None, "repeat"]
    assert session.loops.strikes == 2


def test_polling_may_go_on_for_a_while_but_not_for_ever(session):
    states = ["activating", "activating", "active"]
    assert [session.run("systemctl is-active nginx", state) for state in states] == [None] * 3
    said = [session.run("systemctl status nginx", f"up {n} s") for n in range(6)]
    assert said == [None] * 5 + ["repeat"]


def test_the_same_look_after_a_change_is_no_repeat(session):
    for number in range(4):
        assert session.run("df -h", "100% /") is None
        assert session.run("df -h", "100% /") is None
        assert session.step(("propose_fix", {"host": "box", "n": number}, "it held")) is None


def test_a_change_that_was_refused_changes_nothing(session):
    session.run("df -h", "100% /")
    session.run("df -h", "100% /")
    session.step(("propose_fix", {"host": "box"}, None))
    assert session.run("df -h", "100% /") == "repeat"


def test_going_back_and_forth_is_ping_pong(session):
    said = [
        session.run(command, f"{number} lines")
        for number in range(3)
        for command in ("ls /a", "ls /b")
    ]
    assert said == [None] * 5 + ["ping-pong"]


def test_paging_and_looking_at_one_thing_after_another_is_work(session):
    for page in range(30):
        line = {"id": "box/x#1", "first_line": 60 * page + 1}
        assert session.step(("evidence", line, f"lines from {page}")) is None
    for host in ("web1", "web2", "web3", "web4", "web5"):
        for command in ("df -h", "free -m"):
            call = ("run", {"host": host, "command": command}, "fine")
            assert session.step(call) is None


def test_the_same_two_looks_on_many_hosts_side_by_side_are_work(session):
    for number in range(8):
        calls = [("run", {"host": h, "command": f"ls /{number}"}, "") for h in ("a", "b", "c")]
        assert session.step(*calls) is None


def test_errors_in_a_row_are_a_circle_and_single_ones_not(session):
    assert [session.run(f"rm {n}", None) for n in range(3)] == [None, None, "errors"]
    for number in range(4):
        assert session.run(f"rm -f {number}", None) is None
        assert session.run(f"ls {number}", "there") is None
    wrong = [("run", {"host": "wbe1", "command": f"ls {n}"}, None) for n in range(6)]
    assert session.step(*wrong) is None, "one mistake, made side by side, is one"


PHRASE = "The disk is full and the service can't write to it any more. "


@pytest.mark.parametrize(
    "text",
    [
        PHRASE * 9,
        "Let me look. " * 60,
        "磁盘已满，服务无法写入。" * 60,
        "I see:\n" + "na" * 300,
        "x" * 500,
        "I will check the log. " + "0" * 900,
        "Then:\n" + "- check the disk\n" * 40,
        PHRASE + ("Wait, actually, let me check the status of the service once more first.\n" * 8),
    ],
)
def test_degenerate_text_is_found(text):
    assert is_degenerate(text)


ROWS = "\n".join(f"| web{n} | ok | ok | ok | ok | ok | ok | ok |" for n in range(40))
SAME_ROWS = "\n".join("| ok | ok | ok | ok | ok | ok | ok | ok |" for _ in range(40))


@pytest.mark.parametrize(
    "text",
    [
        "",
        PHRASE * 3,
        ROWS,
        SAME_ROWS,
        "```\n" + "GET /health 200\n" * 200 + "```\nThat is all.",
        "\n".join(f"- web{n}: the disk is {n} % full, nothing to do" for n in range(40)),
        "\n".join(f"{n}. Run `systemctl restart app@{n}.service`, then look." for n in range(60)),
        "\n".join(f"第{n}步：检查 web{n} 的磁盘空间，然后重启服务。" for n in range(40)),
        "# Title\n" + "-" * 400 + "\nDone.",
        "-" * 400,
        "The unit app.service failed. " * 2 + "It was restarted, and app.service failed again.",
        "IPs: " + ", ".join(f"10.0.{a}.{b}" for a in range(8) for b in range(30)),
    ],
)
def test_lists_tables_and_logs_are_no_degenerate_text(text):
    assert not is_degenerate(text)


def test_degenerate_text_is_a_circle_at_once(session):
    assert session.step(text=PHRASE * 20) == "degenerate"
    assert session.loops.strikes == 1


@given(st.text(max_size=900))
def test_no_text_breaks_it(text):
    is_degenerate(text)


def test_the_manual_of_this_project_is_no_degenerate_text():
    from pathlib import Path

    for path in (Path(__file__).parents[3] / "docs").rglob("*.md"):
        assert not is_degenerate(path.read_text("utf-8")), path
