"""What one shell reads otherwise than another: a line is parsed as bash does, but the host's sh may
be dash or busybox, to which `[[`, `((`, `$'…'` and `{a,b}` mean something else.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from sme_tools.safety.policy.program import programs
from sme_tools.safety.policy.syntax import Node
from sme_tools.safety.policy.variables import literal_of, objects
from sme_tools.safety.policy.verdict import READS, Ruling, change, worst
from sme_tools.safety.policy.words import Word

_PLAIN_ESCAPES = re.compile(r"(?:[^\\]|\\[abefnrtvE])*", re.S)
_COUNTER = re.compile(
    r"[A-Za-z]{1,2}|\w*[A-Z_0-9]\w*|(?:\w*(?:count|num|total|sum|index|max|min|pct|percent|fail"
    r"|error|retr|attempt|tries|elapsed|limit|size|used)\w*)|idx|avg|now|end|val|len|cnt|tmp|res"
)
"""Names of variables that no program has."""


def differences(syntax: Node) -> Ruling:
    """What a script may do where the shell that runs it is not bash, or where it gives a program's
    name to a function."""
    flipped = {
        id(found)
        for node in objects(syntax)
        for part in ([node] if node.get("Negated") else []) + _after_or(node)
        for found in objects(part)
        if found.get("Type") == "TestClause"
    }
    return worst(ruling for node in objects(syntax) for ruling in _of(node, id(node) in flipped))


def _after_or(node: Node) -> list[Node]:
    return [node["Y"]] if node.get("Type") == "BinaryCmd" and node.get("Op") == "||" else []


def _of(node: Node, flipped: bool) -> Iterator[Ruling]:
    match node.get("Type"):
        case "SglQuoted" if node.get("Dollar"):
            if not _PLAIN_ESCAPES.fullmatch(node.get("Value", "")):
                yield change("$'…' with such an escape is another text where the shell is not bash")
        case "ArithmExp" if node.get("Bracket"):
            yield change("$[…] is not arithmetic where the shell is not bash")
        case "ArithmCmd":
            for name in _names(node):
                if name in programs() or not _COUNTER.fullmatch(name):
                    yield change(f"((…)) runs {name} where the shell is not bash")
        case "TestClause":
            yield from _test(node["X"], flipped=flipped)
        case "FuncDecl":
            name = (node.get("Name") or {}).get("Value", "")
            if "/" in name or posixpath.basename(name) in programs():
                yield change(f"it gives {name} another meaning")


def _names(node: Node) -> Iterator[str]:
    for found in objects(node):
        if found.get("Type") == "Lit":
            yield from re.findall(r"(?<![\w$])[A-Za-z_]\w*", found["Value"])


def _test(node: Node, *, flipped: bool) -> Iterator[Ruling]:
    """`[[ X || Y ]]`, where dash runs Y as a command of its own."""
    both = [found for found in objects(node) if found.get("Op") in ("&&", "||") and "Y" in found]
    risky = flipped or any(found["Op"] == "||" for found in both)
    for found in both:
        first = found["Y"]
        while isinstance(first.get("X"), dict) and first.get("Type") in (
            "BinaryTest", "ParenTest", "UnaryTest"
        ):  # fmt: skip
            if first["Type"] == "UnaryTest" and first.get("Op") != "!":
                break
            first = first["X"]
        if first.get("Type") == "UnaryTest":
            continue
        text = literal_of(first)
        if (text is None and risky) or (text is not None and not re.fullmatch(r"[\d.]*", text)):
            yield change("[[ … ]] runs what stands after && and || where the shell is not bash")


def braced(nodes: Sequence[Node], argv: Sequence[Word]) -> Ruling:
    """What `{a,b}` among a command's words may do where it stays one word."""
    texts = [
        part["Value"]
        for node in nodes
        for part in node.get("Parts", [])
        if part.get("Type") == "Lit" and re.search(r"(?<!\\)\{.*(?:,|\.\.)", part["Value"], re.S)
    ]
    if any("\\" in text for text in texts):
        return change("{…,…} stays one word where the shell is not bash")
    known = programs()
    for word in argv if texts else ():
        spec = known.get(posixpath.basename(word.text))
        if spec is not None and (spec.language or spec.judged_by == "shell"):
            return change(f"{{…,…}} is a script for {word.shown} where the shell is not bash")
    return READS
