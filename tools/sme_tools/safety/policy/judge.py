"""The door of the policy: one command line in, one judgement out."""

from __future__ import annotations

from functools import lru_cache

from sme_tools.safety.policy.simple import grave
from sme_tools.safety.policy.syntax import Node, NotJudgeable, parse
from sme_tools.safety.policy.tree import HOME_OF_SCRIPTS, Tree
from sme_tools.safety.policy.verdict import Judgement, Verdict

__all__ = ["HOME_OF_SCRIPTS", "judge"]

ORDINARY_FOLDER = "/srv/somewhere"
"""Stands for the folder where nobody says in which a line would run."""


@lru_cache(maxsize=4096)
def judge(command: str, folder: str = HOME_OF_SCRIPTS) -> Judgement:
    """Judge a command line that is to run in this folder.

    Never raises: what can't be judged is refused, and the reason says why.
    """
    try:
        syntax = parse(command)
        tree = Tree(command, syntax, folder)
        ruling = tree.judge()
        if ruling.verdict is Verdict.CHANGE:
            ruling = ruling.worse(grave(Tree(command, syntax, folder, trusting=True).judge()))
    except NotJudgeable as error:
        return Judgement(command, Verdict.REFUSED, error.message, error.remedy or None)
    except RecursionError:
        return Judgement(command, Verdict.REFUSED, "nested too deeply")
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        # A form of shfmt's tree that nobody thought of: what is not understood does not run.
        return Judgement(command, Verdict.REFUSED, f"its syntax is not understood: {error!r}")
    return Judgement(
        command,
        ruling.verdict,
        ruling.reason,
        ruling.instead,
        tuple(tree.commands),
        _only_command(syntax, tree),
        tuple(tree.reaches),
    )


def _only_command(syntax: Node, tree: Tree) -> tuple[str, ...] | None:
    """The words of the line's only command, if it is a plain one whose every word is known."""
    statements = syntax.get("Stmts", [])
    if len(statements) != 1 or {"Redirs", "Background", "Negated"} & {*statements[0]}:
        return None
    command = statements[0].get("Cmd", {})
    if command.get("Type") != "CallExpr" or command.get("Assigns") or not tree.commands:
        return None
    outermost = tree.commands[-1]
    return outermost.argv if outermost.known else None
