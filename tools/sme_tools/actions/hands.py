"""The hands and eyes of a change, over a transport."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sme_tools.actions.plan import MustClear
from sme_tools.actions.ports import Errand, Sight
from sme_tools.checks.check import Check
from sme_tools.checks.conditions import Clear, Condition, FactContext, Failed, Holds, NotApplicable
from sme_tools.checks.references import probes_named
from sme_tools.checks.run import run_checks
from sme_tools.errors import HostError, HostLost
from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.host import Host
from sme_tools.hosts.purpose import Purpose
from sme_tools.hosts.script import Script, Step
from sme_tools.hosts.transport import Closing, Transport
from sme_tools.observe import Observation, observe
from sme_tools.probes.registry import find_probe

SCRIPT_GRACE_S = 15
"""For the round trip, beyond the step's own limit."""
LOOK_TIMEOUT_S = 60.0


@dataclass
class TransportHands(Closing):
    """Runs errands over one connection, which is made anew after it was lost. Close it."""

    host: Host
    open_transport: Callable[[Host], Transport]
    actor: str
    incident: str | None = None
    _transport: Transport | None = field(default=None, init=False)

    def run(self, errand: Errand) -> Evidence:
        """See `Hands.run`."""
        step = Step(
            errand.name,
            errand.command,
            errand.timeout_s,
            needs_root=True,
            record_as=errand.record_as,
        )
        script = Script([step], self.host.sudo, errand.round, self._purpose(errand))
        try:
            for evidence in self.transport.run(script, timeout_s=errand.timeout_s + SCRIPT_GRACE_S):
                if evidence.outcome != "lost":
                    return evidence
        except HostError:
            self.close()
            raise
        raise HostLost(f"{errand.name} left no answer", host=self.host.name)

    @property
    def transport(self) -> Transport:
        """The connection, or a new one."""
        if self._transport is None:
            self._transport = self.open_transport(self.host)
        return self._transport

    def close(self) -> None:
        """End the connection. May be called twice; a later errand connects again."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _purpose(self, errand: Errand) -> Purpose:
        if errand.kind == "own look":
            return Purpose.of_probes(self.actor, errand.why, incident=self.incident)
        return Purpose(
            self.actor,
            errand.why,
            "change",
            "part of an approved change",
            approval=errand.approval,
            incident=self.incident,
            is_undo=errand.kind == "undo",
        )


@dataclass
class HostLook:
    """Observes with the probes that a condition and the checks name, over the same connection."""

    hands: TransportHands
    checks: Sequence[Check]
    """Those whose findings may have to clear."""

    def look(self, when: str | None, must_clear: Sequence[MustClear], round: int) -> Sight:
        """See `Look.look`."""
        asked = {finding.check for finding in must_clear}
        checks = [check for check in self.checks if check.id in asked]
        ids = {id for check in checks for id in probes_named(check.when, check.each)}
        ids |= set(probes_named(when)) if when else set()
        purpose = Purpose.of_probes(
            self.hands.actor, "see whether the change worked", incident=self.hands.incident
        )
        found = observe(
            self.hands.host,
            self.hands.transport,
            [find_probe(id) for id in sorted(ids)],
            timeout_s=LOOK_TIMEOUT_S,
            round=round,
            purpose=purpose,
        )
        if found.lost is not None:
            self.hands.close()
            raise found.lost
        return self._judge(when, must_clear, checks, found)

    def _judge(
        self,
        when: str | None,
        must_clear: Sequence[MustClear],
        checks: Sequence[Check],
        found: Observation,
    ) -> Sight:
        problems: list[tuple[bool | None, str]] = []
        if when:
            problems += _condition(when, FactContext(found.facts))
        limits = self.hands.host.limits
        run = run_checks(checks, found.facts, limits=limits)
        missing = {finding.check for finding in must_clear} - {check.id for check in checks}
        unjudged = (
            run.not_applicable | run.failed | dict.fromkeys(missing, "there is no such check")
        )
        problems += [(None, f"{check}: {why}") for check, why in unjudged.items()]
        titles = {finding.fingerprint: finding.title for finding in run.findings}
        prints = (finding.fingerprint for finding in must_clear)
        problems += [(False, f"still so: {titles[id]}") for id in prints if id in titles]
        return _sight(problems, tuple(found.evidence))


def _condition(when: str, context: FactContext) -> list[tuple[bool | None, str]]:
    match Condition.compile(when).evaluate(context):
        case Holds():
            return []
        case Clear():
            return [(False, f"does not hold: {when}")]
        case NotApplicable(missing):
            return [(None, f"can't be judged, for want of {missing}: {when}")]
        case Failed(error):
            return [(None, f"can't be judged, {error}: {when}")]


def _sight(problems: Iterable[tuple[bool | None, str]], evidence: tuple[Evidence, ...]) -> Sight:
    """What is known to be wrong weighs more than what is not known."""
    problems = list(problems)
    if not problems:
        return Sight(True, "", evidence)
    holds = False if any(holds is False for holds, _ in problems) else None
    return Sight(holds, "; ".join(why for known, why in problems if known is holds), evidence)
