"""The commands of a conversation: one table drives them, and the manual says the same."""

import re
from pathlib import Path

import pytest

from sme_cli.chat.commands.table import COMMANDS, find, is_command
from sme_cli.chat.documents import kinds
from sme_tools.errors import UsageError

MANUAL = (Path(__file__).resolve().parents[2] / "docs/chat.md").read_text("utf-8")


def test_the_manual_lists_every_command_as_the_table_has_it():
    listed = re.findall(r"^\| `/(.+?)` \| (.+) \|$", MANUAL, re.M)
    table = [(f"{one.name} {one.usage}".strip(), one.about) for one in COMMANDS.values()]
    assert [(usage.replace("\\|", "|"), about) for usage, about in listed] == table
    assert COMMANDS["undo"].details in MANUAL


def test_the_manual_lists_every_event_with_its_fields():
    listed = re.findall(r"^\| `([a-z-]+)` \| ((?:`\w+`(?:, )?)+) \| (.+) \|$", MANUAL, re.M)
    found = [(name, tuple(re.findall(r"\w+", fields)), about) for name, fields, about in listed]
    assert found == [(name, fields, about) for name, about, fields in kinds()]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("/help", True),
        ("/hots", True),
        ("/x", True),
        ("/use web1 db1", True),
        ("/issus disk full", True),
        ("/var is full", False),
        ("/etc/fstab is broken", False),
        ("/dev/sda1", False),
        ("/help\nand more", False),
        ("is /srv full?", False),
        ("/", False),
        ("", False),
    ],
)
def test_a_path_is_no_command(text, is_one):
    assert is_command(text) is is_one


def test_a_command_is_found_by_its_beginning_and_by_its_likeness():
    assert find("ev").name == "evidence"
    with pytest.raises(UsageError, match="did you mean /evidence"):
        find("evidnce")
    with pytest.raises(UsageError, match="/hosts or /hypotheses or /help"):
        find("h")
