"""What the steps of a transaction have in common: the record, and ways to the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sme_tools.actions.errands import ask
from sme_tools.actions.journal import (
    MAX_OUTPUT_CHARS,
    Change,
    How,
    Journal,
    Output,
)
from sme_tools.actions.plan import MustClear
from sme_tools.actions.ports import Clock, Errand, Hands, Kind, Look, Sight
from sme_tools.actions.remote_run import Do, Ending, RemoteRun, follow
from sme_tools.hosts.evidence import Evidence


@dataclass(frozen=True)
class Workbench:
    """One change, its journal, and the host it is made on."""

    change: Change
    journal: Journal
    raw_hands: Hands
    raw_look: Look
    clock: Clock

    def save(self, evidence: Sequence[Evidence] = ()) -> None:
        """Write the change down as it is now. Raises StateError."""
        self.journal.save(self.change, evidence)

    def run(self, errand: Errand) -> Evidence:
        """Run an errand, its evidence counted: the workbench serves as `Hands` itself."""
        return self.raw_hands.run(replace(errand, round=self._next_round()))

    def look(self, when: str | None, must_clear: Sequence[MustClear]) -> Sight:
        """Look anew, the evidence counted."""
        return self.raw_look.look(when, must_clear, self._next_round())

    def _next_round(self) -> int:
        self.change.round += 1
        return self.change.round - 1

    def approval(self, number: int) -> str:
        """What allows an action. Raises ValueError if nothing does yet."""
        approval = self.change.actions[number].approval
        if approval is None:
            raise ValueError(f"action {number + 1} of change {self.change.id} is not approved")
        return approval

    def pre_state(
        self, number: int, moment: str, kind: Kind
    ) -> tuple[list[Output], list[Evidence]]:
        """What the commands of an action's pre-state say now. Raises HostError."""
        action = self.change.plan.actions[number]
        outputs, evidence = [], []
        for index, command in enumerate(action.pre_state):
            name = f"fix.{number}.{moment}.{index}"
            why = f"the state {moment}: {action.title}"
            errand = Errand(name, command, why, kind, self.approval(number))
            found = ask(self, errand, self.clock)
            evidence.append(found)
            outputs.append(_output(found))
        return outputs, evidence

    def follow(self, number: int, name: str, command: str, do: Do, kind: Kind) -> Ending:
        """See `remote_run.follow`; under another lock than it began, nobody knows its ending."""
        record = self.change.actions[number]
        if record.epoch != self.change.epoch:
            return Ending(None, why="the host was restarted, or its lock was removed")
        assert self.change.place and self.change.epoch
        limit_s = self.change.plan.actions[number].timeout_s
        run = RemoteRun(self.change.place, self.change.epoch, name, command, limit_s)
        title = self.change.plan.actions[number].title
        why = f"take back: {title}" if kind == "undo" else title
        approval = self.approval(number)
        return follow(run, do, kind, approval, why=why, hands=self, clock=self.clock)


def _output(evidence: Evidence) -> Output:
    hows: dict[str, How] = {"completed": "completed", "timed-out": "timed-out"}
    return Output(
        command=evidence.command,
        how=hows.get(evidence.outcome, "unknown"),
        exit_code=evidence.exit_code,
        text=(evidence.stdout + evidence.stderr)[:MAX_OUTPUT_CHARS],
        evidence=evidence.id,
    )


def ending_of(command: str, ending: Ending) -> Output:
    """The output of a command that was begun, or of which nobody knows whether it was."""
    return ending.output or Output(command=command, how="unknown", text=ending.why)


def describe(output: Output) -> str:
    """How a command ended, in one line."""
    last = output.text.strip().split("\n")[-1][:200]
    said = f": {last}" if last else ""
    match output.how:
        case "completed":
            return f"it gave exit code {output.exit_code}{said}"
        case "timed-out":
            return f"its time was up{said}"
        case "stopped":
            return f"it was stopped{said}"
        case "unknown":
            return f"nobody knows how it ended{said}"


def begin_back(change: Change, reason: str) -> None:
    """From here on the change is taken back. Not saved yet."""
    change.phase = "back"
    change.outcome = None
    change.ended_at = None
    change.reason = reason
