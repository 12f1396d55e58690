"""How changes ended: a screen for each host, and JSON."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sme_cli.render.approvals import LINE_END
from sme_cli.render.sections import Line, Section, print_sections
from sme_tools.actions.outcome import STATE_IN_WORDS, Outcome
from sme_tools.safety.control import written_out

if TYPE_CHECKING:
    from sme_agent.questions import Question
    from sme_memory.incident import Incident
    from sme_tools.actions.journal import Change

_WORDS = {
    Outcome.FIXED: "fixed",
    Outcome.FIXED_AFTER_RETRY: "fixed, though not at the first try",
    Outcome.ROLLED_BACK: "not fixed, and taken back",
    Outcome.KEPT: "not fixed, and one step can't be taken back",
    Outcome.ROLLBACK_FAILED: "not fixed, and an undo failed",
    Outcome.CANNOT_FIX: "not fixed: nothing could be begun",
    Outcome.DECLINED: "not fixed: it was declined",
    Outcome.REFUSED: "not fixed: it was refused",
    Outcome.HOST_LOST: "lost in the middle of the change",
    Outcome.INTERRUPTED: "stopped in the middle of the change",
    Outcome.NEEDS_HUMAN: "needs you: another change took the host over",
}
_STYLES = {
    "new": ("✓", "bold green"),
    "former": ("✗", "bold yellow"),
    "unchanged": ("✗", "bold yellow"),
    "between": ("!", "bold red"),
    "unknown": ("!", "bold red"),
}


def print_outcome(change: Change, incident: Incident) -> None:
    """One change that is over or stands still: the state of the host, and what to do next."""
    assert change.outcome is not None
    state = change.outcome.host_state
    mark, style = _STYLES[state]
    head = f"{mark} {change.plan.host}: {_WORDS[change.outcome]}"
    facts = f"{STATE_IN_WORDS[state]} · change {change.id}"
    print_sections(head, facts, style, _sections(change, incident))


def print_waiting(change: Change, question: Question | None, digest: str, incident: str) -> None:
    """One change that waits for an approval, and every way to give it."""
    done = sum(action.status == "verified" for action in change.actions)
    begun = f"{done} of {len(change.actions)} steps are done, and the host stays locked"
    facts = begun if change.has_begun or change.epoch else STATE_IN_WORDS["unchanged"]
    sections = []
    if question is not None:
        step = f"step {question.step}: {question.why}"
        command = LINE_END.join(written_out(question.command).split("\n"))
        sections = [
            Section("Waits", [Line(step), Line(command, kind="command")]),
            Section("Why", [Line(question.reason)]),
        ]
    sections.append(Section("Approve all", [Line(approve_all(incident, [digest]), kind="command")]))
    if question is not None:
        once = [f"sme policy approve {question.request}", f"sme fix {incident} --resume"]
        sections.append(Section("Or this one", [Line(text, kind="command") for text in once]))
    print_sections(f"? {change.plan.host}: waits for approval", facts, "bold yellow", sections)


def print_left(incident: Incident) -> None:
    """After something was mended: the causes that are not, and how to go on with them."""
    from sme_agent.mended import left

    causes = list(left(incident))
    if not causes or all(one.outcome.host_state != "new" for one in incident.repairs):
        return
    lines = [Line(f"{host}: {one.text}", one.known_issue or "by hand") for host, one in causes]
    if any(claim.known_issue for _, claim in causes):
        lines.append(Line(f"sme fix {incident.id}", kind="command"))
    sys.stdout.write("\n")
    count = f"{len(causes)} cause{'' if len(causes) == 1 else 's'}"
    print_sections("Not mended yet", count, "bold", [Section("Left", lines)])


def approve_all(incident: str, digests: list[str]) -> str:
    """The command that goes on with whatever waits, these plans approved."""
    named = [word for digest in digests for word in ("--approve", digest)]
    return shlex.join(["sme", "fix", incident, "--resume", *named])


def change_document(change: Change) -> dict[str, Any]:
    """A change for programs."""
    outcome = change.outcome
    return {
        "id": change.id,
        "host": change.plan.host,
        "issue": change.plan.issue,
        "outcome": outcome.value if outcome else None,
        "host_state": outcome.host_state if outcome else None,
        "reason": change.reason,
        "is_over": change.phase == "ended",
        "not_taken_back": [number + 1 for number in _left(change)],
        "steps": [
            {
                "number": number,
                "title": action.title,
                "status": record.status,
                "approval": record.approval,
                "exit_code": record.run.exit_code if record.run else None,
                "verification": record.verification,
                "differs": record.differs,
            }
            for number, (action, record) in enumerate(
                zip(change.plan.actions, change.actions, strict=True), 1
            )
        ],
        "started_at": change.started_at.isoformat(),
        "ended_at": change.ended_at.isoformat() if change.ended_at else None,
    }


def _sections(change: Change, incident: Incident) -> Iterator[Section]:
    if change.reason and (change.outcome is None or change.outcome.host_state != "new"):
        yield Section("Why", [Line(change.reason)])
    yield Section("Not undone", list(_not_undone(change)))
    yield Section("Differs", list(_differing(change)))
    yield Section("Next", list(_next(change, incident)))


def _left(change: Change) -> list[int]:
    """What a change that was turned back has left on the host."""
    if change.outcome is None or change.outcome.host_state not in ("between", "unknown"):
        return []
    return change.not_taken_back


def _not_undone(change: Change) -> Iterator[Line]:
    for number in _left(change):
        action = change.plan.actions[number]
        yield Line(f"step {number + 1}: {action.title}", change.actions[number].status)
        if action.undo is not None:
            command = LINE_END.join(written_out(action.undo).split("\n"))
            yield Line(command, kind="command")


def _differing(change: Change) -> Iterator[Line]:
    for number, record in enumerate(change.actions, 1):
        for what in record.differs:
            yield Line(f"after step {number} was undone: {what}")


def _next(change: Change, incident: Incident) -> Iterator[Line]:
    assert change.outcome is not None
    resume = f"sme fix {incident.id} --resume"
    if change.phase != "ended":
        yield Line("Go on with it, or take it back:")
        yield Line(resume, kind="command")
        yield Line(f"{resume} --undo", kind="command")
    elif change.outcome is Outcome.ROLLBACK_FAILED:
        yield Line("Put right what keeps the undo from working, then try it again:")
        yield Line(f"{resume} --undo", kind="command")
    elif change.outcome.host_state != "new":
        yield Line("See what else is known:")
        yield Line(f"sme incidents show {incident.id}", kind="command")
