"""Hosts that print what a test says, reached through the real replay of a snapshot."""

from datetime import UTC, datetime

import pytest

from sme_agent.investigation import Colleague
from sme_agent.workspace import Knowledge
from sme_knowledge.bm25 import Bm25Retriever
from sme_knowledge.store import KnownIssues
from sme_memory.approvals import Approvals
from sme_memory.audit_log import AuditLog
from sme_memory.changes import ChangeStore
from sme_memory.evolution_log import EvolutionLog
from sme_memory.incidents import IncidentStore
from sme_tools.checks.check import shipped_checks
from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.guarded import GuardedTransport
from sme_tools.hosts.host import Host
from sme_tools.hosts.open import open_transport
from sme_tools.hosts.snapshot import write_snapshot
from sme_tools.probes.registry import probes
from sme_tools.safety.guard import Guard


@pytest.fixture
def host_that_prints(tmp_path):
    """Make a host from outputs by probe id; every other probe's tool is absent."""

    def make(name="web1", **outputs):
        recorded = [
            Evidence(
                id=f"{name}/{id}#1",
                host=name,
                step=id,
                command=probe.command,
                stdout=outputs.get(id.replace(".", "__"), ""),
                stderr="",
                exit_code=0 if id.replace(".", "__") in outputs else 127,
                outcome="completed",
                privilege="root",
                started_at=datetime.now(UTC),
                duration_s=0.01,
            )
            for id, probe in probes().items()
        ]
        path = tmp_path / f"{name}.smesnap"
        write_snapshot(path, name, recorded)
        return Host(name=name, transport="replay", snapshot=path)

    return make


@pytest.fixture
def guard(tmp_path):
    """What writes the audit log of the test; a log that can't be written is no secret."""
    complaints = []
    return Guard(AuditLog(tmp_path / "audit.jsonl"), complaints.append)


@pytest.fixture
def colleague(tmp_path, guard):
    """A colleague with the shipped checks and known issues, and a memory of its own."""
    issues = KnownIssues.load()

    def open_guarded(host):
        transport = open_transport(host)
        return transport if host.transport == "replay" else GuardedTransport(host, transport, guard)

    return Colleague(
        load_knowledge=lambda: Knowledge(shipped_checks(), issues, Bm25Retriever(issues.current())),
        incidents=IncidentStore(tmp_path / "incidents.db"),
        log=EvolutionLog(tmp_path / "evolution.jsonl"),
        checkpoints=tmp_path / "checkpoints.db",
        changes=ChangeStore(tmp_path / "changes.db"),
        approvals=Approvals(tmp_path / "approvals.db", guard),
        open_transport=open_guarded,
        guard=guard,
    )
