"""sed scripts: read-only unless they write a file or run a command (GNU sed's w, W, e, r)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sme_tools.safety.policy import paths
from sme_tools.safety.policy.verdict import READS, Ruling, change, refuse
from sme_tools.safety.policy.words import Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

_ADDRESS = re.compile(
    r"\s*(?:(?:\d+(?:~\d+)?|\$)|/(?:[^/\\\n]|\\.)*/[IM]*|\\([^\n\\])(?:(?!\1)[^\\\n]|\\.)*\1[IM]*)"
    r"(?:\s*,\s*(?:[+~]?\d+|\$|/(?:[^/\\\n]|\\.)*/[IM]*))?\s*!?\s*"
)
_LABEL = re.compile(r"[btT:]\s*[\w.-]*\s*(?:;|\n|$|(?=\}))")
_PLAIN = re.compile(r"[dDgGhHlnNpPxzF=]\s*\d*\s*|[qQ]\s*\d*\s*")
_TEXT = re.compile(r"[aic](?:\\\n?|\s)?(?:[^\n\\]|\\.|\\\n)*(?:\n|$)")
_FLAGS = re.compile(r"[gpiIMm0-9]*")


def sed(tree: Tree, name: str, script: Word) -> Ruling:
    """What a sed script can do. What is not understood is a change."""
    if not script.known:
        return change("a sed script that can't be known before may write or run anything")
    text = script.text
    if re.match(r"\s*:\s*(\w+)\s*[;\n]\s*b\s*\1\b", text):
        return refuse("the sed script does not end")
    at = 0
    while at < len(text):
        if text[at] in " \t\n;}":
            at += 1
            continue
        if address := _ADDRESS.match(text, at):
            at = address.end()
            if at >= len(text):
                return change("the sed script is not understood")
        if text[at] == "{" or text[at] == "#":
            at = text.find("\n", at) if text[at] == "#" else at + 1
            if at < 0:
                break
            continue
        end = _command(text, at)
        if isinstance(end, Ruling):
            return end
        at = end
    return READS


def _command(text: str, at: int) -> int | Ruling:
    """Where the command that begins here ends, or why it does not only read."""
    letter = text[at]
    if letter in "eE":
        return change("sed e runs a command")
    if letter in "wW":
        return _file_written(text, at + 1)
    if letter in "rR":
        target = Word(text[at + 1 :].split("\n", 1)[0].strip())
        ruling = paths.reads(target)
        return ruling.worse(change("sed r reads a file that is named in the script"))
    if letter == "s":
        return _substitution(text, at)
    if letter == "y":
        end = _delimited(text, at)
        return change("the sed script is not understood") if end is None else end
    for form in (_LABEL, _PLAIN, _TEXT):
        if found := form.match(text, at):
            follows = text[found.end() : found.end() + 1]
            if form is _PLAIN and follows and follows not in ";}\n#":
                break
            return found.end()
    return change("the sed script is not understood")


def _delimited(text: str, at: int) -> int | None:
    """The end of `s/…/…/` or `y/…/…/`, before the flags."""
    delimiter = text[at + 1 : at + 2]
    if not delimiter or delimiter in "\\\n":
        return None
    at += 2
    for _ in range(2):
        in_class = False
        while at < len(text) and (text[at] != delimiter or in_class):
            if text[at] == "\\":
                at += 1
            at += 1
        if at >= len(text):
            return None
        at += 1
    return at


def _substitution(text: str, at: int) -> int | Ruling:
    end = _delimited(text, at)
    if end is None:
        return change("the sed script is not understood")
    flags = _FLAGS.match(text, end)
    end = flags.end() if flags else end
    follows = text[end : end + 1]
    if follows == "e":
        return change("sed s///e runs what it makes as a command")
    if follows == "w":
        return _file_written(text, end + 1)
    if follows and follows not in " \t;}\n#":
        return change("the sed script is not understood")
    return end


def _file_written(text: str, at: int) -> int | Ruling:
    target = text[at:].split("\n", 1)[0].strip()
    if target in ("/dev/stdout", "/dev/stderr", "/dev/null"):
        return at + len(text[at:].split("\n", 1)[0])
    return change(f"sed w writes to {target}")
