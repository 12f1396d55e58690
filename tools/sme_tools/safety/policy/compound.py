"""Compound commands: conditions, loops, functions, declarations, arithmetic."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from sme_tools.safety.policy.expand import Expander
from sme_tools.safety.policy.syntax import Node
from sme_tools.safety.policy.variables import harmful_to_assign
from sme_tools.safety.policy.verdict import READS, Ruling, change, refuse, worst
from sme_tools.safety.policy.words import UNKNOWN, Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

MAX_ROUNDS = 16
"""A loop over more known words than this is judged once, with an unknown one."""


def block(tree: Tree, node: Node) -> Ruling:
    """`{ …; }`."""
    return tree.statements(node.get("Stmts", []))


def subshell(tree: Tree, node: Node) -> Ruling:
    """`( … )`."""
    with tree.own_values():
        return tree.statements(node.get("Stmts", []))


def timed(tree: Tree, node: Node) -> Ruling:
    """`time …`."""
    return tree.statement(node["Stmt"]) if "Stmt" in node else READS


def coproc(tree: Tree, node: Node) -> Ruling:
    """`coproc …`, in which shfmt takes operands such as `if=x` for assignments."""
    call = node["Stmt"].get("Cmd", {})
    if call.get("Type") != "CallExpr" or not call.get("Assigns"):
        return tree.statement(node["Stmt"])
    operands = [
        {"Parts": [{"Type": "Lit", "Value": f"{a['Name']['Value']}="}, *_parts_of(a)]}
        for a in call["Assigns"]
    ]
    words = {**call, "Assigns": [], "Args": [*call.get("Args", []), *operands]}
    either = tree.statement({**node["Stmt"], "Cmd": words})
    return tree.statement(node["Stmt"]).worse(either)


def _parts_of(assignment: Node) -> list[Node]:
    parts: list[Node] = (assignment.get("Value") or {}).get("Parts", [])
    return parts


def let(tree: Tree, node: Node) -> Ruling:
    """`let X`, the other form of `(( X ))`."""
    return worst(arithmetic(tree, {"X": expression}) for expression in node.get("Exprs", []))


def if_clause(tree: Tree, node: Node) -> Ruling:
    """`if …; then …; fi`."""
    ruling = tree.statements(node.get("Cond", []))
    with tree.own_values():
        ruling = ruling.worse(tree.statements(node.get("Then", [])))
    if node.get("Else"):
        with tree.own_values():
            ruling = ruling.worse(if_clause(tree, node["Else"]))
    return ruling


def while_clause(tree: Tree, node: Node) -> Ruling:
    """`while …` and `until …`."""
    with tree.own_values():
        ruling = tree.statements(node.get("Cond", []))
        ruling = ruling.worse(tree.statements(node.get("Do", [])))
    always = "false" if node.get("Until") else "true"
    if _is_call(tree, node.get("Cond", []), always, ":" if always == "true" else "false"):
        return ruling.worse(_endless_loop(node))
    return ruling


def _is_call(tree: Tree, statements: list[Node], *names: str) -> bool:
    command = statements[0].get("Cmd", {}) if len(statements) == 1 else {}
    words = [word.text for word in tree.words_of(command)]
    return len(words) == 1 and words[0] in names


def for_clause(tree: Tree, node: Node) -> Ruling:
    """`for x in …`, `for ((…))`, `select`: the body, for each word that is known."""
    loop, body = node["Loop"], node.get("Do", [])
    expander = Expander(tree)
    if node.get("Select"):
        return refuse("select waits for a person").worse(tree.statements(body))
    if loop["Type"] == "CStyleLoop":
        for key in ("Init", "Cond", "Post"):
            if loop.get(key):
                expander.arithmetic(loop[key])
        endless = READS if loop.get("Cond") else _endless_loop(node)
        with tree.own_values():
            return tree.statements(body).worse(expander.ruling).worse(endless)
    items = expander.words(loop.get("Items") or [])
    name = loop["Name"]["Value"]
    known = bool(items) and len(items) <= MAX_ROUNDS and tree.loops < 3
    if not known or any(word.splits for word in items):
        items = [Word(UNKNOWN, untrusted=any(word.untrusted for word in items))]
    ruling = change(f"it sets {name}") if harmful_to_assign(name) else READS
    tree.loops += 1
    for item in items:
        with tree.own_values():
            if tree.variables.is_constant(name):
                tree.values[name] = item
            ruling = ruling.worse(tree.statements(body))
    tree.loops -= 1
    return ruling.worse(expander.ruling)


def case_clause(tree: Tree, node: Node) -> Ruling:
    """`case … esac`."""
    expander = Expander(tree)
    expander.one(node["Word"])
    ruling = READS
    for item in node.get("Items", []):
        for pattern in item.get("Patterns", []):
            expander.one(pattern)
        with tree.own_values():
            ruling = ruling.worse(tree.statements(item.get("Stmts", [])))
    return ruling.worse(expander.ruling)


def function(tree: Tree, node: Node) -> Ruling:
    """Judge the body where it is declared, knowing nothing of what it is called with."""
    name = (node.get("Name") or {}).get("Value", "")  # `(){ …; }` has none
    tree.functions[name] = node["Body"]
    values, tree.values = tree.values, {}
    positional, tree.positional = tree.positional, None
    ruling = tree.statement(node["Body"])
    tree.values, tree.positional = values, positional
    body = str(node["Body"])
    if f"'Value': '{name}'" in body and ("'Background': True" in body or "'Op': '|" in body):
        return refuse("a fork bomb: a function that starts itself again and again")
    return ruling


def test_command(tree: Tree, node: Node) -> Ruling:
    """`[[ … ]]`."""
    return test_clause(tree, node["X"])


def test_clause(tree: Tree, node: Node) -> Ruling:
    """`[[ … ]]`, which evaluates arithmetic, and which a shell without it reads otherwise."""
    expander = Expander(tree)
    ruling = READS
    if node.get("Op") in ("<", ">"):
        # dash has no [[, and takes these for redirections.
        ruling = change("[[ … > … ]] writes a file where the shell is not bash")
    for key in ("X", "Y"):
        inner = node.get(key)
        if not isinstance(inner, dict):
            continue
        if inner.get("Type") == "Word" or "Parts" in inner:
            if node.get("Op") in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge"):
                expander.arithmetic(inner)
            if node.get("Op") in ("-v", "-R"):
                ruling = ruling.worse(change("[[ -v … ]] evaluates its operand"))
            expander.one(inner)
        else:
            ruling = ruling.worse(test_clause(tree, inner))
    return ruling.worse(expander.ruling)


def declaration(tree: Tree, node: Node) -> Ruling:
    """`export`, `declare`, `local`, `readonly`."""
    variant = node["Variant"]["Value"]
    expander = Expander(tree)
    ruling = READS
    exports, arrays = variant == "export", False
    for argument in node.get("Args", []):
        if argument.get("Name") is None:
            option = expander.one(argument.get("Value", {}))
            if not re.fullmatch(r"[-+][xrpaAg]+", option.text):
                ruling = ruling.worse(change(f"{variant} {option.shown} is not judged"))
            exports |= "x" in option.text
            arrays |= bool({"a", "A"} & {*option.text})
            continue
        if arrays and argument.get("Value"):
            ruling = ruling.worse(change(f"{variant} -a evaluates the text it is given"))
        if expander.splits(argument.get("Value") or {}):
            ruling = ruling.worse(change(f"{variant} takes more words where sh is not bash"))
        ruling = ruling.worse(tree.assign(argument, expander, in_environment=exports))
    return ruling.worse(expander.ruling)


def arithmetic(tree: Tree, node: Node) -> Ruling:
    """`(( X ))`."""
    node = node["X"]
    expander = Expander(tree)
    expander.arithmetic(node)
    if node.get("Op") in (">", ">>"):
        # ((a > b)) is two subshells and a redirection where the shell is not bash.
        expander.ruling = expander.ruling.worse(
            change("((… > …)) writes a file where the shell is not bash")
        )
    return expander.ruling


def _endless_loop(node: Node) -> Ruling:
    if "'break'" in str(node) or "'exit'" in str(node) or "'return'" in str(node):
        return READS
    ruling = refuse("the loop does not end", "for i in 1 2 3; do …; done")
    return replace(ruling, endless=True)


KINDS: dict[str, Callable[[Tree, Node], Ruling]] = {
    "ArithmCmd": arithmetic,
    "Block": block,
    "CaseClause": case_clause,
    "CoprocClause": coproc,
    "DeclClause": declaration,
    "ForClause": for_clause,
    "FuncDecl": function,
    "IfClause": if_clause,
    "LetClause": let,
    "Subshell": subshell,
    "TestClause": test_command,
    "TimeClause": timed,
    "WhileClause": while_clause,
}
"""The judge of each kind of node, by its name in shfmt's JSON."""
