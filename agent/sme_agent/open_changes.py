"""The changes of one incident: their records, the transactions that carry them out, what came of
them."""

from __future__ import annotations

from collections.abc import Sequence

from sme_agent.mended import is_resolved, unrecorded
from sme_agent.workspace import Workspace
from sme_memory.incident import Repair, TimelineEntry
from sme_tools.actions.hands import HostLook, TransportHands
from sme_tools.actions.journal import Change
from sme_tools.actions.outcome import Outcome
from sme_tools.actions.transaction import Transaction


class OpenChanges:
    """Each change once, with its own connection to its host. Close it."""

    def __init__(self, workspace: Workspace) -> None:
        self._at = workspace
        self._open: dict[str, tuple[Transaction, TransportHands]] = {}

    def of(self, ids: Sequence[str]) -> list[Change]:
        """The changes of these ids, in their order. Raises StateError."""
        return [
            self._open[id][0].change if id in self._open else self._at.changes.load(id)
            for id in ids
        ]

    def waiting(self, *, back: bool = False) -> list[Change]:
        """The changes of the incident that are not over, the oldest first.

        With `back` also those of which an undo failed, which may be tried again.
        """
        return self._at.changes.to_resume(self._at.case.incident.id, back=back)

    def catch_up(self) -> list[Change]:
        """Put on the incident what it does not know of changes that are over; gives them."""
        incident = self._at.case.incident
        changes = self._at.changes.of_incident(incident.id)
        over = unrecorded(incident, list(reversed(changes)))
        for change in over:
            self.record(change)
        return over

    def go_on(self, change: Change) -> None:
        """Let a change that stood still go on."""
        change = self.transaction(change).change
        if change.outcome is not None and not change.outcome.is_final:
            change.outcome = None

    def turn_back(self, change: Change, reason: str) -> None:
        """Have a change taken back; one that never began, and may lack any approval, is dropped."""
        transaction = self.transaction(change)
        if change.phase == "open" and not change.has_begun and change.epoch is None:
            transaction.decline(reason)
        elif change.phase in ("open", "ended"):
            transaction.turn_back(reason)
        else:
            self.go_on(change)

    def current(self, ids: Sequence[str]) -> Transaction:
        """The transaction of the first that is not over. Raises StopIteration if all are."""
        return self.transaction(next(c for c in self.of(ids) if c.phase != "ended"))

    def transaction(self, change: Change) -> Transaction:
        """What carries a change out; the same one each time."""
        if change.id not in self._open:
            host = self._at.case.hosts[change.plan.host]
            incident = self._at.case.incident.id
            hands = TransportHands(host, self._at.reach.open_transport, change.actor, incident)
            transaction = Transaction(
                change,
                journal=self._at.changes,
                hands=hands,
                look=HostLook(hands, self._at.case.checks),
                clock=self._at.clock,
                lock_folders=self._at.lock_folders,
            )
            self._open[change.id] = (transaction, hands)
        return self._open[change.id][0]

    def drop_what_never_began(self) -> None:
        """Plans of an earlier call, of which nothing was done, make room for a new one."""
        for change in self.waiting():
            if change.phase == "open" and not change.has_begun and change.epoch is None:
                change.phase, change.outcome = "ended", Outcome.DECLINED
                change.reason = "replaced by a later plan"
                self._at.changes.save(change)

    def is_recorded(self, change: Change) -> bool:
        """Whether the incident knows the change's latest outcome."""
        repairs = self._at.case.incident.repairs
        return any(r.change == change.id and r.outcome == change.outcome for r in repairs)

    def record(self, change: Change) -> None:
        """Put the outcome on the incident, in the place of an earlier one of the same change."""
        assert change.outcome is not None
        incident = self._at.case.incident
        incident.repairs = [one for one in incident.repairs if one.change != change.id]
        incident.repairs.append(
            Repair(
                change=change.id,
                host=change.plan.host,
                issue=change.plan.issue,
                outcome=change.outcome,
                reason=change.reason,
            )
        )
        others = (one for one in self.waiting() if one.id != change.id)
        done = next(others, None) is None and is_resolved(incident)
        incident.status = "resolved" if done else "diagnosed"
        text = f"{change.plan.host}: {change.outcome.value}"
        self._at.incidents.save_step(incident, [], TimelineEntry(step="verify", text=text))

    def close(self) -> None:
        """End the connections of all changes."""
        for _, hands in self._open.values():
            hands.close()
        self._open.clear()
