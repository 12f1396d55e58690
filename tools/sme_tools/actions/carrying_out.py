"""Carrying one action out: its former state is recorded, its command run, its effect looked at.

Each begins where the record says that the action is, so it may be called again after a kill. Where
one fails, the change is from then on taken back.
"""

from __future__ import annotations

from collections.abc import Iterator

from sme_tools.actions import kept_files
from sme_tools.actions.events import (
    Event,
    Held,
    PreStateTaken,
    Ran,
    Running,
    TurnedBack,
    Verified,
    Verifying,
)
from sme_tools.actions.outcome import Outcome
from sme_tools.actions.ports import Sight
from sme_tools.actions.verification import Verification
from sme_tools.actions.workbench import Workbench, begin_back, describe, ending_of
from sme_tools.errors import CannotKeep


def prepare(at: Workbench, number: int) -> Iterator[Event]:
    """Record the former state. Raises HostError."""
    action, record = at.change.plan.actions[number], at.change.actions[number]
    record.status = "preparing"
    at.save()
    try:
        files = [
            kept_files.keep(
                path,
                name=f"fix.{number}.keep",
                approval=at.approval(number),
                hands=at,
                clock=at.clock,
            )
            for path in action.keep_files
        ]
        record.before, evidence = at.pre_state(number, "before", "change")
        for output in record.before:
            if output.how != "completed":
                raise CannotKeep(f"{output.command}: {describe(output)}", remedy="")
    except CannotKeep as error:
        record.status = "pending"
        yield from _fail(at, f"the state before can't be recorded: {error.message}. {error.remedy}")
        return
    at.journal.keep(at.change.id, number, files)
    record.files = [file.state for file in files]
    record.status = "prepared"
    at.save(evidence)
    yield PreStateTaken(number, len(record.before), len(files))


def apply(at: Workbench, number: int) -> Iterator[Event]:
    """Run the command, or find out what became of it. Raises HostError."""
    action, record = at.change.plan.actions[number], at.change.actions[number]
    if record.status != "running":
        record.status, record.epoch = "running", at.change.epoch
        at.save()
    yield Running(number, action.run)
    ending = at.follow(number, f"run.{number}", action.run, "begin", "change")
    if ending.begun is False:
        record.status = "prepared"
        yield from _fail(at, f"{action.title}: it could not be begun: {ending.why}")
        return
    record.run = ending_of(action.run, ending)
    record.status = "ran"
    evidence = [ending.evidence] if ending.evidence else []
    failed = record.run.how == "completed" and not record.run.succeeded
    if failed:
        begin_back(at.change, f"{action.title}: {describe(record.run)}")
    at.save(evidence)
    yield Ran(number, record.run)
    if failed:
        yield TurnedBack(at.change.reason)


def verify(at: Workbench, number: int) -> Iterator[Event]:
    """Look whether it worked, and for its time whether it goes on to. Raises HostError."""
    action, record = at.change.plan.actions[number], at.change.actions[number]
    verification = _verification(at, number)
    record.status = "verifying"
    at.save()
    for looked in verification.settled():
        yield Verifying(number, looked.sight.holds, looked.sight.why)
    record.verification = looked.sight.why
    if looked.sight.holds is not True:
        yield from _fail(at, f"{action.title}: {looked.sight.why}", looked.sight)
        return
    record.status = "holding"
    at.save(looked.sight.evidence)
    for looked in verification.held():
        if looked.sight.holds is True:
            yield Held(number, looked.held_s, action.hold_s)
        else:
            yield Verifying(number, looked.sight.holds, looked.sight.why)
    record.verification = looked.sight.why
    if looked.sight.holds is not True:
        why = f"{action.title}: it did not last: {looked.sight.why}"
        yield from _fail(at, why, looked.sight)
        return
    record.status, record.verification = "verified", f"held for {action.hold_s} s"
    assert record.run is not None
    at.change.retried |= record.run.how != "completed"
    if number == len(at.change.actions) - 1:
        at.change.phase = "ending"
        at.change.outcome = Outcome.FIXED_AFTER_RETRY if at.change.retried else Outcome.FIXED
    at.save(looked.sight.evidence)
    yield Verified(number)


def _verification(at: Workbench, number: int) -> Verification:
    plan = at.change.plan
    is_last = number == len(plan.actions) - 1
    return Verification(
        plan.actions[number],
        plan.must_clear if is_last else (),
        f"fix.{number}.verify",
        at.approval(number),
        at,
        at.look,
        at.clock,
    )


def _fail(at: Workbench, reason: str, sight: Sight | None = None) -> Iterator[Event]:
    """Nothing more is done; what was done is taken back."""
    begin_back(at.change, reason)
    at.save(sight.evidence if sight else ())
    yield TurnedBack(reason)
