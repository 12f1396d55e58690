"""The whole story in a real terminal: a fault on a host behind SSH, talked about until it is gone.

A model that follows a script finds a full tmpfs, and asks; the program is killed in the middle of
the question, comes back, is allowed, fixes, verifies, concludes and learns: not a second issue
about what is known already, but another symptom of it, by which it is found from then on.
"""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

import lab
from chatting import begin, is_ready, use_model
from models import scripted
from sme_knowledge.known_issue import KnownIssue
from terminal import Terminal
from typed_commands import eventually

pytestmark = [
    pytest.mark.skipif(not shutil.which("tmux"), reason="apt-get install tmux"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a lab host needs root"),
]

STORY = [
    {
        "when": {"last_user": "reports cannot be written"},
        "thinks": "Which mount is it, and what fills it?",
        "says": "A mount is full; I look at what is in it.\n",
        "chunks": "awkward",
        "calls": [
            {
                "name": "hypothesis",
                "arguments": {"theory": "one file fills /mnt/data", "test": "list what is there"},
            },
            {
                "name": "run",
                "arguments": {"host": "lab", "command": "ls -la /mnt/data", "why": "what fills it"},
            },
        ],
    },
    {
        "when": {"has_tool_result": "run"},
        "says": "`fill` is all there is.\n",
        "calls": [
            {
                "name": "propose_fix",
                "arguments": {
                    "host": "lab",
                    "why": "it fills the mount",
                    "finding": "{{oldest (F[0-9a-f]+) critical lab}}",
                    "steps": [
                        {
                            "title": "Remove the file that fills it",
                            "run": "rm /mnt/data/fill",
                            "verify": "test ! -e /mnt/data/fill",
                        }
                    ],
                },
            }
        ],
    },
    {
        "when": {"has_tool_result": "propose_fix"},
        "calls": [
            {
                "name": "conclude",
                "arguments": {
                    "summary": "one file had filled /mnt/data",
                    "verdict": "cause-found",
                    "confidence": "high",
                    "next_steps": [{"text": "see who writes it"}],
                    "causes": [
                        {
                            "host": "lab",
                            "text": "the file fill took all of /mnt/data",
                            "evidence": ["{{from run lab/command.1#[0-9]+}}"],
                            "quotes": ["fill"],
                            "finding": "{{from propose_fix (F[0-9a-f]+) /mnt/data}}",
                        }
                    ],
                },
            }
        ],
    },
    {
        "when": {"last_user": "save_lesson"},
        "calls": [
            {
                "name": "save_lesson",
                "arguments": {
                    "kind": "new",
                    "reason": "seems new",
                    "issue": "fill-file-on-tmpfs",
                    "title": "A job fills a tmpfs with one file",
                    "symptoms": ["reports cannot be written"],
                    "root_cause": "A job writes until no byte is left.",
                },
            }
        ],
    },
    {
        "when": {"has_tool_result": "save_lesson"},
        "calls": [
            {
                "name": "save_lesson",
                "arguments": {
                    "kind": "update",
                    "reason": "another way in which it shows",
                    "issue": "tmpfs-full",
                    "symptoms": ["reports cannot be written"],
                },
            }
        ],
    },
]


@pytest.fixture
def full_lab(own_folders):
    """A host with a full tmpfs, known to ssh as lab."""
    with lab.lab_host(own_folders, lab.full_tmpfs) as host:
        yield host


def kill(at):
    """End the program in the terminal at once, as the kernel would."""
    (shell,) = at.tmux("list-panes", "-F", "#{pane_pid}").split()
    table = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", shell], capture_output=True, text=True, check=True
    )
    os.kill(int(table.stdout), signal.SIGKILL)
    at.answer()
    at.run("stty sane")


@pytest.mark.timeout(400)
def test_a_fault_is_found_mended_and_learned_though_the_program_is_killed(
    full_lab, own_folders, tmp_path
):
    with scripted(STORY) as server:
        use_model(own_folders, server)
        at = Terminal(tmp_path, 100, 40)
        try:
            begin(at, "sme chat lab")
            at.type("reports cannot be written, please mend it")
            at.press("Enter")
            eventually(lambda: "Run it?" in at.screen(), 60)
            screen = at.screen()
            assert "lab $ ls -la /mnt/data" in screen
            assert "+ rm /mnt/data/fill" in screen
            kill(at)
            assert full_lab.run("ls /mnt/data").split() == ["fill"]

            at.start("sme chat --continue")
            eventually(lambda: "The last turn did not end." in at.screen(), 60)
            at.type("y")
            at.press("Enter")
            eventually(lambda: "Run it?" in at.screen(), 60)
            at.type("y")
            at.press("Enter")
            eventually(lambda: is_ready(at) and "learned: tmpfs-full" in at.screen(), 150)
            screen = at.screen()
            assert "verified, and held for 10 s" in screen
            assert "one file had filled /mnt/data" in screen
            at.press("C-d")
            at.answer()
        finally:
            at.close()
        asked = len(server.asked)
    assert asked == len(STORY), "what the model had said was not asked for again"
    assert full_lab.run("ls /mnt/data") == ""
    learned = KnownIssue.read(own_folders / ".config/sme/issues/tmpfs-full.md")
    assert "reports cannot be written" in learned.symptoms
    assert learned.provenance.incidents

    search = ["issues", "search", "reports can not be written", "--json"]
    found = subprocess.run(
        [sys.executable, "-m", "sme_cli", *search],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert json.loads(found.stdout)["matches"][0]["id"] == "tmpfs-full"
