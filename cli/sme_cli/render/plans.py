"""Plans as a preview that reads like a diff, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sme_cli.render.gutter import put_command, put_words

if TYPE_CHECKING:
    from rich.console import Console

    from sme_agent.events import Planned, PlannedAction
    from sme_tools.safety.decision import Decision

INDENT = 4
_COLOURS = {"run": "green", "ask": "yellow", "deny": "red"}


def _title(planned: Planned) -> str:
    if planned.issue is not None:
        return planned.issue.title
    if planned.plan.issue is None:
        return "steps that were proposed for this incident"
    return "an issue that is not known any more"


def print_plan(planned: Planned, screen: Console) -> None:
    """What is to be done on one host: commands, how they are taken back and verified, verdicts."""
    put_words(screen, f"Plan for {planned.plan.host}: ", _title(planned), indent=0, style="bold")
    if planned.plan.issue is not None:
        status = f" ({planned.issue.status})" if planned.issue else ""
        put_words(screen, "known issue ", f"{planned.plan.issue}{status}", indent=2, style="dim")
    last = len(planned.actions)
    for number, one in enumerate(planned.actions, 1):
        put_words(screen, f"{number}. ", one.action.title, indent=1, style="bold")
        _put_action(screen, one)
        if number == last and planned.plan.must_clear:
            gone = ", ".join(finding.check for finding in planned.plan.must_clear)
            put_words(screen, "? ", f"the finding is gone: {gone}", indent=INDENT, style="cyan")
        decision = one.decision
        put_words(screen, "= ", happens(decision), indent=INDENT, style=_COLOURS[decision.kind])
    put_words(screen, "digest ", planned.digest, indent=1)


def happens(decision: Decision) -> str:
    """What the policy says will happen with a step, and why."""
    match decision.kind:
        case "run":
            return f"runs without asking: {decision.approval or decision.reason}"
        case "ask":
            return f"will ask: {decision.reason}"
        case "deny":
            return f"is refused: {decision.reason}"


def put_undo(screen: Console, undo: str | None, files: Sequence[str], *, indent: int) -> None:
    """How a step is taken back, if it can be."""
    for path in files:
        put_words(screen, "- ", f"puts back {path}", indent=indent, style="red")
    if undo is not None:
        put_command(screen, "-", undo, indent=indent, style="red")
    elif not files:
        put_words(screen, "! ", "can't be taken back", indent=indent, style="yellow")


def document(planned: Planned) -> dict[str, Any]:
    """A plan for programs."""
    issue = planned.issue
    return {
        "change": planned.change,
        "host": planned.plan.host,
        "issue": planned.plan.issue,
        "title": issue.title if issue else None,
        "status": issue.status if issue else None,
        "digest": planned.digest,
        "must_clear": [finding.check for finding in planned.plan.must_clear],
        "steps": [
            {
                "number": number,
                **one.action.model_dump(mode="json"),
                "verdict": str(one.verdict),
                "decision": one.decision.kind,
                "because": one.decision.approval or one.decision.reason,
            }
            for number, one in enumerate(planned.actions, 1)
        ],
    }


def _put_action(screen: Console, one: PlannedAction) -> None:
    action = one.action
    put_command(screen, "+", action.run, indent=INDENT, style="green")
    put_undo(screen, action.undo, action.keep_files, indent=INDENT)
    if action.verify.run is not None:
        put_command(screen, "?", action.verify.run, indent=INDENT, style="cyan")
        if action.verify.exit_codes != (0,):
            codes = " or ".join(map(str, action.verify.exit_codes))
            put_words(screen, "? ", f"gives exit code {codes}", indent=INDENT, style="cyan")
    else:
        put_command(screen, "?", action.verify.when or "", indent=INDENT, style="cyan")
    keeps = [f"keeps {path}" for path in action.keep_files]
    keeps += [f"keeps the output of: {command}" for command in action.pre_state]
    for text in [*keeps, f"holds {action.hold_s} s"]:
        put_words(screen, "  ", text, indent=INDENT, style="dim")
