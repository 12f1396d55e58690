"""awk programs: read-only unless they redirect, pipe, or call what runs or loads code."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sme_tools.safety.policy.verdict import READS, Ruling, change, refuse
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
_GOES_ON = {",", "{", "&&", "||", "?", ":"}
"""After these a new line does not end a statement."""
_BEFORE_REGEX = {"return", "print", "printf", "in", "case"}
_DIVIDE_OR_NOT = {")", "else", "do", "exit", "length", "next", "default", "delete", "BEGIN", "END"}
_ENDLESS = re.compile(r"\bwhile\s*\(\s*[1-9]\d*\s*\)|\bfor\s*\(\s*[^;]*;\s*;")
_MAX_PLACES = 20_000
_NOT_UNDERSTOOD = "the awk program is not understood"


@dataclass(frozen=True)
class _Place:
    """How far one reading of a program has come."""

    at: int = 0
    before: str = ""
    """The token before, or nothing where a regular expression may follow."""
    depth: int = 0
    """Of parentheses."""
    printing: bool = False
    """Whether it is within a print statement, where > writes a file."""


def awk(tree: Tree, name: str, script: Word) -> Ruling:
    """What an awk program can do. What is not understood is a change."""
    if not script.known:
        return change("an awk program that can't be known before may write or run anything")
    text = script.text
    if _ENDLESS.search(text) and not re.search(r"\b(?:exit|break|next|return)\b", text):
        return refuse("the awk program does not end")
    readings, seen = [_Place()], set[_Place]()
    while readings:
        place = readings.pop()
        while place.at < len(text) and place not in seen:
            seen.add(place)
            if text[place.at] == "/" and not _VALUE_ENDS.search(place.before):
                regex = _REGEX.match(text, place.at)
                if regex is None:
                    return change(_NOT_UNDERSTOOD)
                place = replace(place, before='"', at=regex.end())
                continue
            either = text[place.at] == "/" and place.before in _DIVIDE_OR_NOT
            if either and (regex := _REGEX.match(text, place.at)):
                # `(x) / 2` or `if (x) /regex/`: it has to be harmless either way.
                readings.append(replace(place, before='"', at=regex.end()))
            token = _TOKEN.match(text, place.at)
            if token is None or len(seen) > _MAX_PLACES:
                return change(_NOT_UNDERSTOOD)
            if reason := _harm(token[0], printing=place.printing, depth=place.depth):
                return change(reason)
            place = _after(place, token)
    return READS


def _after(place: _Place, token: re.Match[str]) -> _Place:
    """The place behind a token."""
    text = token[0]
    if token["space"]:
        ends = text.isspace() and "\n" in text and place.before not in _GOES_ON
        printing = place.printing and not (ends and place.depth == 0)
        return replace(place, at=token.end(), printing=printing)
    depth, printing = _state(text, place.depth, place.printing)
    before = "" if text in _BEFORE_REGEX else text
    return _Place(token.end(), before, depth, printing)


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
    token = token.rpartition("::")[2]
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
