"""The documents keep up with the code: made pages are current, the README's examples work."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", README, re.S)
    for line in block.splitlines()
]
PAGES = runpy.run_path(str(ROOT / "docs/generate.py"))["PAGES"]


@pytest.mark.parametrize("name", PAGES)
def test_a_made_page_is_current(name):
    made = (ROOT / "docs" / name).read_text("utf-8")
    assert made == PAGES[name](), "run: python3 run.py docs"


def test_every_example_of_sme_in_the_readme_works_in_its_order(own_folders):
    """0 and 1 are both answers: what this machine has is not for the README to say."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for command in COMMANDS:
        if not re.search(r"(^|; |\| )sme ", command):
            continue
        result = subprocess.run(
            ["sh", "-c", command], cwd=own_folders, env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert result.returncode in (0, 1), f"{command}: {result.stderr}"
        assert result.stdout or result.stderr or ">" in command


def test_the_other_examples_name_what_there_is():
    others = [command for command in COMMANDS if not re.search(r"(^|; |\| )sme ", command)]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    script = (ROOT / "run.py").read_text("utf-8")
    for command in others:
        program, *rest = command.split()
        if program == "make":
            assert f" {rest[0]} " in makefile
        else:
            assert (program, rest[0]) == ("python3", "run.py")
            assert f'"{rest[1]}"' in script


def test_links_in_the_readme_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_exit_codes_of_the_readme_are_those_of_the_code():
    from sme_cli import exit_codes

    documented = {int(code) for code in re.findall(r"^\| (\d+) \| ", README, re.M)}
    assert documented == {v for k, v in vars(exit_codes).items() if isinstance(v, int)}


def test_the_readme_tells_of_every_failure_of_a_model():
    from sme_tools import errors

    there_are = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type)
        and issubclass(kind, errors.ModelError)
        and kind is not errors.ModelError
    }
    rows = re.findall(r"^\| [^|]+ \| ((?:`\w+`(?:, )?)+) \| [^|]+ \|$", README, re.M)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert told == there_are
