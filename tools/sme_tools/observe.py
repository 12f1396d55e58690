"""Observation: one script of probes on one host, read into facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sme_tools.errors import HostLost, ProbeError
from sme_tools.facts import Facts, ProbeRun
from sme_tools.hosts.evidence import NO_PERMISSION_EXIT_CODE, Evidence
from sme_tools.hosts.guarded import GuardedTransport
from sme_tools.hosts.host import Host
from sme_tools.hosts.purpose import Purpose
from sme_tools.hosts.script import Script
from sme_tools.hosts.transport import Transport
from sme_tools.probes.registry import Probe
from sme_tools.safety.redaction import Redactor


@dataclass
class Observation:
    """What one look at one host brought."""

    facts: Facts
    evidence: list[Evidence] = field(default_factory=list)
    lost: HostLost | None = None
    """Set if the connection broke; the probes that had no turn are then unknown."""


def observe(
    host: Host,
    transport: Transport,
    probes: Sequence[Probe],
    *,
    timeout_s: float,
    purpose: Purpose | None = None,
    round: int = 1,
    redactor: Redactor | None = None,
    progress: Callable[[Evidence], None] = lambda _: None,
) -> Observation:
    """Run the probes in one round trip and parse what they print.

    `timeout_s` bounds the whole script; a guarded transport asks for a `purpose`. Secrets are
    redacted before anything is parsed or kept: by `redactor`, unless the transport has done that.

    Raises:
        HostError: nothing ran. A connection that breaks later is no exception here: what came
            before it is valid, and `lost` says the rest.
    """
    steps = [probe.step() for probe in probes]
    script = Script(steps, sudo=host.sudo, round=round, purpose=purpose)
    is_clean = isinstance(transport, GuardedTransport)
    redactor = redactor or Redactor()
    found = Observation(Facts(host=host.name, observed_at=datetime.now(UTC)))
    by_id = {probe.id: probe for probe in probes}
    try:
        for raw in transport.run(script, timeout_s=timeout_s):
            evidence = raw if is_clean else redactor.evidence(raw)
            found.evidence.append(evidence)
            _read(by_id[evidence.step], evidence, found.facts)
            progress(evidence)
    except HostLost as error:
        found.lost = error
        _mark_unread(found, probes, error.message)
    if found.evidence:
        found.facts.observed_at = found.evidence[0].started_at
    return found


def observed_so_far(
    host: str, probes: Sequence[Probe], evidence: Sequence[Evidence], reason: str
) -> Observation:
    """What a look that was broken off has brought until now; the rest is unknown by `reason`."""
    at = evidence[0].started_at if evidence else datetime.now(UTC)
    found = Observation(Facts(host=host, observed_at=at), list(evidence))
    by_id = {probe.id: probe for probe in probes}
    for item in evidence:
        _read(by_id[item.step], item, found.facts)
    _mark_unread(found, probes, reason)
    return found


def _mark_unread(found: Observation, probes: Sequence[Probe], reason: str) -> None:
    ran = {run.id for run in found.facts.probes}
    for probe in probes:
        if probe.id not in ran:
            found.facts.probes.append(
                ProbeRun(id=probe.id, status="unknown", evidence="", duration_s=0, reason=reason)
            )


def _read(probe: Probe, evidence: Evidence, facts: Facts) -> None:
    """Parse one probe's output into the facts and note how it went."""
    reason = _why_unreadable(probe, evidence)
    value = None
    if reason is None and not evidence.is_absent:
        try:
            value = probe.read(evidence.stdout)
        except ProbeError as error:
            reason = error.message.removeprefix(f"probe {probe.id}: ")
    if value is not None:
        facts.put(probe.id, value)
    facts.probes.append(
        ProbeRun(
            id=probe.id,
            status="unknown" if reason else "absent" if value is None else "known",
            evidence=evidence.id,
            duration_s=evidence.duration_s,
            reason=reason,
        )
    )


def _why_unreadable(probe: Probe, evidence: Evidence) -> str | None:
    if evidence.outcome == "timed-out":
        if evidence.duration_s == 0:
            return "had no turn: the time for the whole look was up"
        return f"timed out after {evidence.duration_s:.0f} s"
    if evidence.outcome == "lost":
        return "the connection broke"
    if evidence.outcome == "not-recorded":
        return "not in the snapshot"
    if evidence.is_absent or evidence.exit_code in probe.ok_exit_codes:
        return None
    if evidence.exit_code == NO_PERMISSION_EXIT_CODE or (
        probe.needs_root and evidence.privilege == "user"
    ):
        return "needs root: run as root, or allow sudo for this host in the inventory"
    complaint = (evidence.stderr.strip() or evidence.stdout.strip()).split("\n")[-1][:160]
    return (
        f"exit code {evidence.exit_code}: {complaint}"
        if complaint
        else (f"exit code {evidence.exit_code}")
    )
