"""A command line as a syntax tree, by shfmt (https://github.com/mvdan/sh), as bash reads it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import unicodedata
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from sme_tools.errors import SmeError

MAX_BYTES = 16 * 1024
MAX_BRACKETS = 300
"""Open at once; each costs a level of the parser's tree."""
MAX_NESTING = 60
"""Levels of the tree's own objects; a pipeline in a substitution in quotes has about ten."""
PARSER_LIMIT_S = 5.0

Node = dict[str, Any]
"""One object of shfmt's JSON, as `shfmt --to-json` documents it."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class NotJudgeable(SmeError):
    """The text can't be judged, so it can't run; the message says why."""


def parse(text: str) -> Node:
    """The syntax tree of a command line.

    Raises:
        NotJudgeable: too long, nested too deeply, no valid shell, it holds characters that don't
            show, or the parser is missing.
    """
    _only_what_shows(text)
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > MAX_BYTES:
        raise NotJudgeable(f"longer than {MAX_BYTES // 1024} KiB")
    brackets = accumulate((char in "([{") - (char in ")]}") for char in text)
    if max(brackets, default=0) > MAX_BRACKETS:
        raise NotJudgeable("nested too deeply")
    try:
        ran = subprocess.run(
            [_parser(), "-ln=bash", "--to-json"],
            input=data,
            capture_output=True,
            timeout=PARSER_LIMIT_S,
            check=False,
        )
        if ran.returncode != 0:
            problem = ran.stderr.decode("utf-8", "replace").strip().split("\n")[0]
            raise NotJudgeable(
                "not valid shell syntax: " + problem.removeprefix("<standard input>:")
            )
        tree: Node = json.loads(ran.stdout)
    except OSError as error:
        raise NotJudgeable(f"the shell parser can't be started: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise NotJudgeable("it took too long to parse") from error
    except RecursionError as error:
        raise NotJudgeable("nested too deeply") from error
    return tree


def _only_what_shows(text: str) -> None:
    """Raise NotJudgeable for characters that a reader of an approval would not see as they are."""
    if found := _CONTROL.search(text):
        raise NotJudgeable(f"it holds a control character (U+{ord(found[0]):04X})")
    for char in text:
        if char.isascii():
            continue
        kind = unicodedata.category(char)
        if kind in ("Cf", "Cc", "Co", "Cs", "Cn") or kind.startswith("Z"):
            name = unicodedata.name(char, "unnamed")
            raise NotJudgeable(f"it holds a character that does not show: U+{ord(char):04X} {name}")


@cache
def _parser() -> str:
    """The path of shfmt: the one installed with this program, never one from elsewhere first."""
    beside = Path(sys.executable).with_name("shfmt")
    if beside.exists():
        return str(beside)
    import sysconfig

    scripts = Path(sysconfig.get_path("scripts")) / "shfmt"
    found = str(scripts) if scripts.exists() else shutil.which("shfmt")
    if found is None:
        raise NotJudgeable(
            "the shell parser shfmt is missing", remedy="Install it: pip install shfmt-py"
        )
    return found
