"""Taking a change back: the last action first, and after each a look at what still differs."""

from __future__ import annotations

from collections.abc import Iterator

from sme_tools.actions import kept_files
from sme_tools.actions.events import Event, NotUndone, Undoing, Undone
from sme_tools.actions.journal import MAY_HAVE_BEGUN, Output
from sme_tools.actions.outcome import Outcome
from sme_tools.actions.workbench import Workbench, describe, ending_of

MAX_UNKNOWN = 3
"""So often an undo is begun anew whose ending nobody knows (the host restarted)."""


def take_back(at: Workbench) -> Iterator[Event]:
    """Take back whatever may have begun; an undo that fails does not keep the others from it.

    Afterwards the outcome is set, and the change is `ending`.

    Raises:
        HostError: the host stayed away; what was done until then is on record.
    """
    for number in reversed(range(len(at.change.actions))):
        if at.change.actions[number].status in MAY_HAVE_BEGUN:
            yield from _take_back_one(at, number)
    at.change.outcome = _outcome(at)
    at.change.phase = "ending"
    at.save()


def _outcome(at: Workbench) -> Outcome:
    statuses = {action.status for action in at.change.actions}
    if "undo_failed" in statuses:
        return Outcome.ROLLBACK_FAILED
    if "skipped" in statuses:
        return Outcome.KEPT
    return Outcome.ROLLED_BACK if "undone" in statuses else Outcome.CANNOT_FIX


def _take_back_one(at: Workbench, number: int) -> Iterator[Event]:
    action, record = at.change.plan.actions[number], at.change.actions[number]
    yield Undoing(number)
    if record.status == "running" and not _stop(at, number):
        return
    if not action.can_be_undone:
        record.status = "skipped"
        at.save()
        yield NotUndone(number, "there is no undo for it")
        return
    problems = _restore_files(at, number)
    if action.undo is not None:
        record.undo = _run_undo(at, number, action.undo)
        if not record.undo.succeeded:
            problems.append(f"the undo: {describe(record.undo)}")
    problems += _compare(at, number)
    record.status = "undo_failed" if problems else "undone"
    at.save()
    yield (
        NotUndone(number, "; ".join(problems))
        if problems
        else Undone(number, tuple(record.differs))
    )


def _stop(at: Workbench, number: int) -> bool:
    """End a command that may still run. False: it never began, so there is nothing to take back."""
    action, record = at.change.plan.actions[number], at.change.actions[number]
    ending = at.follow(number, f"run.{number}", action.run, "stop", "undo")
    if ending.begun is False:
        record.status = "prepared"
        at.save()
        return False
    record.run = ending_of(action.run, ending)
    record.status = "ran"
    at.save([ending.evidence] if ending.evidence else ())
    return True


def _restore_files(at: Workbench, number: int) -> list[str]:
    """Put the kept files back; what could not be."""
    record = at.change.actions[number]
    again = record.status == "undoing"
    record.status = "undoing"
    if not again:
        record.undo = None
        record.undo_attempts += 1
        record.epoch = at.change.epoch
    at.save()
    if not record.files:
        return []
    files = at.journal.kept(at.change.id, number)
    assert at.change.place
    return kept_files.restore(
        files,
        at.change.place,
        name=f"fix.{number}.restore",
        approval=at.approval(number),
        hands=at,
        clock=at.clock,
    )


def _run_undo(at: Workbench, number: int, command: str) -> Output:
    record = at.change.actions[number]
    for attempt in range(MAX_UNKNOWN):
        if attempt:
            record.undo_attempts += 1
            record.epoch = at.change.epoch
            at.save()
        name = f"undo.{number}.{record.undo_attempts}"
        ending = at.follow(number, name, command, "begin", "undo")
        output = ending_of(command, ending)
        if ending.evidence:
            at.save([ending.evidence])
        if output.how != "unknown":
            return output
    return output


def _compare(at: Workbench, number: int) -> list[str]:
    """Look what differs from before; of the kept files nothing may."""
    record = at.change.actions[number]
    record.after, evidence = at.pre_state(number, "after", "undo")
    record.differs = [
        before.command
        for before, after in zip(record.before, record.after, strict=True)
        if not before.same_as(after)
    ]
    problems = []
    for file in record.files:
        now = kept_files.state_of(
            file.path,
            name=f"fix.{number}.file",
            approval=at.approval(number),
            hands=at,
            clock=at.clock,
        )
        if now != file:
            record.differs.append(file.path)
            problems.append(f"{file.path} is not as before")
    at.save(evidence)
    return problems
