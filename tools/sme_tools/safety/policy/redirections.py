"""Redirections: what they write and read, and the text that they give to standard input."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sme_tools.safety.policy import paths
from sme_tools.safety.policy.addresses import automounted
from sme_tools.safety.policy.expand import Expander
from sme_tools.safety.policy.syntax import Node
from sme_tools.safety.policy.verdict import READS, Ruling, change
from sme_tools.safety.policy.words import SUBSTITUTED, UNKNOWN, Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree


def judge_redirections(tree: Tree, nodes: list[Node]) -> tuple[Ruling, Word | None]:
    """What the redirections do, and the text that they give to standard input."""
    ruling, input = READS, None
    for node in nodes:
        expander = Expander(tree)
        descriptor = node.get("N", {}).get("Value", "")
        if "Hdoc" in node and descriptor not in ("", "0"):
            ruling = ruling.worse(change("it gives a text to another descriptor"))
        if "Hdoc" in node:
            input = expander.one({"Parts": [{"Type": "DblQuoted", **node["Hdoc"]}]})
            if all(part.get("Type") == "Lit" for part in node["Hdoc"].get("Parts", [])):
                input = Word("".join(p["Value"] for p in node["Hdoc"].get("Parts", [])))
            ruling = ruling.worse(expander.ruling)
            continue
        target = (expander.one if node["Op"] == "<<<" else expander.target)(node["Word"])
        if node["Op"] == "<<<":
            input = target if descriptor in ("", "0") else Word(UNKNOWN)
            found = Ruling(READS.verdict, READS.reason, network=target.untrusted)
        else:
            found = _redirection(tree, node["Op"], target)
            if node["Op"] == "<" and target.text == "/dev/null" and descriptor in ("", "0"):
                input = Word("")
            elif node["Op"] in ("<", "<&", "<>") and descriptor in ("", "0"):
                input = Word(UNKNOWN, untrusted=target.untrusted)
        if descriptor.startswith("{"):
            found = found.worse(change("it opens a descriptor under a name"))
        ruling = ruling.worse(found).worse(expander.ruling)
    return ruling, input


def _redirection(tree: Tree, operator: str, target: Word) -> Ruling:
    if operator in (">&", "<&") and re.fullmatch(r"\d+-?|-", target.text):
        return READS
    tree.reach(automounted(target, tree.folder))
    if operator == "<":
        if target.text == SUBSTITUTED:
            return Ruling(READS.verdict, READS.reason, network=target.untrusted)
        return paths.reads(target, tree.folder)
    if operator == "<>":
        return change(f"it opens {target.shown} for writing")
    return paths.writes(target, tree.folder)
