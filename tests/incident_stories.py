"""Incidents that the tests of the memory room tell about."""

from datetime import UTC, datetime, timedelta

from sme_memory.incident import (
    Claim,
    Diagnosis,
    Hypothesis,
    Incident,
    KnownIssueMatch,
    NextStep,
    Quote,
    TimelineEntry,
)
from sme_tools.checks.finding import Finding
from sme_tools.hosts.evidence import Evidence

BEGAN = datetime(2026, 11, 20, 9, 42, tzinfo=UTC)


def evidence(step: str, stdout: str = "", *, host: str = "web1", command: str = "true") -> Evidence:
    return Evidence(
        id=f"{host}/{step}#1",
        host=host,
        step=step,
        command=command,
        stdout=stdout,
        stderr="",
        exit_code=0,
        outcome="completed",
        privilege="root",
        started_at=BEGAN + timedelta(seconds=2),
        duration_s=0.25,
    )


def full_disk(host: str = "web1") -> Finding:
    return Finding(
        check="storage.filesystem-full",
        host=host,
        subject="/var",
        severity="critical",
        title="/var is 100% full",
        remedy="Free space: du -xh /var",
        evidence=(f"{host}/storage.filesystems#1",),
        facts={"mount": "/var", "used_percent": 100.0},
    )


def failed_unit(host: str = "web1") -> Finding:
    return Finding(
        check="service.failed",
        host=host,
        subject="postgresql.service",
        severity="high",
        title="postgresql.service has failed",
        remedy="systemctl status postgresql.service",
        evidence=(f"{host}/services.failed#1",),
    )


def database_down_on_a_full_disk() -> Incident:
    """web1: the database fails because its disk is full; the diagnosis stands."""
    incident = Incident.begin(["web1"], "the shop shows error 500")
    incident.started_at = BEGAN
    incident.ended_at = BEGAN + timedelta(seconds=7)
    incident.priority = "P0"
    incident.status = "diagnosed"
    cause, effect = full_disk(), failed_unit()
    incident.findings = [cause, effect]
    incident.hypotheses = [
        Hypothesis(
            id="H2",
            theory="the network is down",
            test="is there a default route?",
            priority=2,
            status="refuted",
            reason="there is one",
            evidence_against=["web1/network.routes#1"],
        ),
        Hypothesis(
            id="H1",
            theory="a full disk stops the database",
            cause=cause.fingerprint,
            test="is /var full?",
            priority=1,
            status="confirmed",
            reason="it is",
            evidence_for=["web1/storage.filesystems#1"],
        ),
    ]
    incident.diagnosis = Diagnosis(
        verdict="cause-found",
        summary="/var is full, so PostgreSQL stopped",
        root_causes=[
            Claim(
                text="/var is 100% full",
                evidence=["web1/storage.filesystems#1"],
                quotes=[
                    Quote(
                        evidence="web1/storage.filesystems#1",
                        line="/dev/sda2 1000 1000 0 100% /var",
                    )
                ],
                finding=cause.fingerprint,
                known_issue="docker-root-on-full-disk",
            )
        ],
        explained={effect.fingerprint: cause.fingerprint},
        known_issues=[
            KnownIssueMatch(
                id="docker-root-on-full-disk",
                title="Docker's root is on a full disk",
                why="its signature holds on web1",
                signature_holds=True,
            )
        ],
        next_steps=[
            NextStep(
                text="See what takes the space", command="du -xh /var | sort -h", why="to free it"
            )
        ],
        confidence="high",
        unknowns=["storage.smart: needs root"],
    )
    incident.timeline = [TimelineEntry(at=BEGAN, step="observe", text="2 findings")]
    return incident
