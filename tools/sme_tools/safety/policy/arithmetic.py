"""Arithmetic, in which a name is evaluated as an expression again, and may so run commands."""

from __future__ import annotations

import re

from sme_tools.safety.policy.expand import NUMERIC_PARAMETERS, Expander, is_plain
from sme_tools.safety.policy.syntax import Node
from sme_tools.safety.policy.variables import (
    ARITHMETIC_ASSIGNMENTS,
    harmful_to_assign,
    prints_integer,
)
from sme_tools.safety.policy.verdict import change


def judge_arithmetic(expander: Expander, node: Node) -> None:
    """Judge an arithmetic expression: a name in it is evaluated as an expression again, which
    may run commands (`a[$(…)]`), so only what surely holds an integer may stand there."""
    for key in ("X", "Y"):
        if isinstance(node.get(key), dict):
            judge_arithmetic(expander, node[key])
    if node.get("Op") in ARITHMETIC_ASSIGNMENTS or node.get("Op") in ("++", "--"):
        name = "".join(p.get("Value", "?") for p in (node.get("X") or {}).get("Parts", []))
        if not re.fullmatch(r"\w+", name) or harmful_to_assign(name):
            expander.rule(change(f"arithmetic assigns {name}"))
    for part in node.get("Parts", []):
        _part(expander, part)


def _part(expander: Expander, part: Node) -> None:
    match part.get("Type"):
        case "Lit":
            _numbers(expander, part["Value"])
        case "ParamExp" if is_plain(part) or part.get("Length"):
            name = part["Param"]["Value"]
            if not part.get("Length") and name not in NUMERIC_PARAMETERS:
                _number(expander, name)
        case "DblQuoted":
            for inner in part.get("Parts", []):
                _part(expander, inner)
        case "ArithmExp":
            judge_arithmetic(expander, part["X"])
        case "CmdSubst":
            expander.judge_part(part)
            if not prints_integer(part):
                expander.rule(change("arithmetic over a command's output may run what it prints"))
        case _:
            expander.judge_part(part)
            expander.rule(change("arithmetic over this expansion may run what its value says"))


def _numbers(expander: Expander, text: str) -> None:
    if re.search(r"[$`\\]", text):
        expander.rule(change("arithmetic over a text may run what it says"))
    for name in re.findall(r"[A-Za-z_]\w*", re.sub(r"\b\d+#?\w*", "", text)):
        _number(expander, name)


def _number(expander: Expander, name: str) -> None:
    if not expander.numbers_only(name):
        expander.rule(change(f"arithmetic over ${name} may run what its value says"))
