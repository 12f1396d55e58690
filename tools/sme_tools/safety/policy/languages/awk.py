"""awk programs: read-only unless they redirect, pipe, or call what runs or loads code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sme_tools.safety.policy.verdict import READS, Ruling, change
from sme_tools.safety.policy.words import Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

_TOKEN = re.compile(
    r"""(?P<space>\s+|\\\n|\#[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)
      | (?P<word>[A-Za-z_]\w*(?:::\w+)?)
      | (?P<op>\|\||&&|>>|\|&|\*\*=?|[-+*/%^=!<>]=|\+\+|--|!~|[-+*/%^!<>|?:,~$=;(){}\[\]@])
    """,
    re.X | re.S,
)
_REGEX = re.compile(r"/(?:[^/\\\n\[]|\\.|\[\^?\]?(?:[^\]\\\n]|\\.|\[:\w+:\])*\])+/")
_VALUE_ENDS = re.compile(r"[\w)\]$\"]$|\+\+$|--$")
_RUNS = {"system", "getline", "close", "fflush", "extension"}
_STATEMENT = {"print", "printf"}


def awk(tree: Tree, name: str, script: Word) -> Ruling:
    """What an awk program can do. What is not understood is a change."""
    if not script.known:
        return change("an awk program that can't be known before may write or run anything")
    before, depth, printing = "", 0, False
    text, at = script.text, 0
    while at < len(text):
        if text[at] == "/" and not _VALUE_ENDS.search(before):
            regex = _REGEX.match(text, at)
            if regex is None:
                return change("the awk program is not understood")
            before, at = '"', regex.end()
            continue
        token = _TOKEN.match(text, at)
        if token is None:
            return change("the awk program is not understood")
        at = token.end()
        if token["space"]:
            printing = printing and not ("\n" in token[0] and depth == 0)
            continue
        if reason := _harm(token[0], printing=printing, depth=depth):
            return change(reason)
        depth, printing = _state(token[0], depth, printing)
        before = (
            "keyword" if token["word"] in ("return", "print", "printf", "in", "case") else token[0]
        )
        before = "" if before == "keyword" else before
    return READS


def _state(token: str, depth: int, printing: bool) -> tuple[int, bool]:
    if token in _STATEMENT:
        return 0, True
    if token in "([":
        return depth + 1, printing
    if token in ")]":
        return max(depth - 1, 0), printing
    if token in ";}" or token == "{":
        return 0, False
    return depth, printing


def _harm(token: str, *, printing: bool, depth: int) -> str | None:
    """Why this token, where it stands, makes the program more than a reader."""
    if token in _RUNS and token not in ("close", "fflush"):
        return f"awk {token} can run a command or read any file"
    if token in ("|", "|&"):
        return "awk pipes into or from a command"
    if token == "@":
        return "awk @ loads code or calls by name"
    if token == ">>":
        return "awk writes a file"
    if token == ">" and printing and depth == 0:
        return "awk print > writes a file"
    if token in ("ARGV", "ARGC", "ENVIRON", "PROCINFO"):
        return None if token in ("ENVIRON", "PROCINFO") else f"awk {token} changes what is read"
    return None
