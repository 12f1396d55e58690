"""Judgements of command lines, for reading and for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from sme_cli.render.out import console
from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from sme_tools.safety.decision import Decision
    from sme_tools.safety.policy.verdict import Judgement

_COLOURS = {"read-only": "green", "change": "yellow", "refused": "red"}
_MEANS = {"run": "runs", "ask": "has to be approved", "deny": "does not run"}


def print_judgement(judgement: Judgement, decision: Decision | None, *, as_json: bool) -> None:
    """One judgement; as JSON on one line, so that a stream of them can be read as it comes."""
    if as_json:
        document = judgement.document()
        if decision is not None:
            document |= {"decision": decision.kind, "because": decision.reason}
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()
        return
    from rich.text import Text

    screen = console()
    verdict = judgement.verdict.value
    line = Text(f"{verdict:<9} ", style=_COLOURS[verdict]) + Text(one_line(judgement.command))
    screen.print(line)
    screen.print(Text(f"          {one_line(judgement.reason)}", style="dim"))
    if judgement.reaches:
        screen.print(Text(f"          reaches {one_line(', '.join(judgement.reaches))}"))
    if judgement.instead:
        screen.print(Text(f"          instead: {one_line(judgement.instead)}"))
    if decision is not None:
        because = "" if decision.reason == judgement.reason else f": {one_line(decision.reason)}"
        screen.print(Text(f"          there it {_MEANS[decision.kind]}{because}"))
