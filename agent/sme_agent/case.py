"""One investigation's knowledge in memory: the incident, and what is derived from its facts."""

from __future__ import annotations

from dataclasses import dataclass, field

from sme_agent.state import CallAnswer
from sme_knowledge.known_issue import KnownIssue
from sme_knowledge.retrieval import Match
from sme_memory.incident import Incident
from sme_tools.checks.causes import CauseGraph, cause_graph
from sme_tools.checks.check import Check
from sme_tools.checks.conditions import (
    Condition,
    FactContext,
    NotApplicable,
    Verdict,
)
from sme_tools.checks.finding import Finding
from sme_tools.checks.run import run_checks
from sme_tools.facts import Facts
from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.host import Host


@dataclass(frozen=True)
class Recognised:
    """A known issue whose signature was judged on one host."""

    issue: KnownIssue
    host: str
    verdict: Verdict


@dataclass(frozen=True)
class Denial:
    """A command that did not run, and why."""

    host: str
    command: str
    reason: str


@dataclass
class Case:
    """What is known so far, and the judgements that follow from it."""

    incident: Incident
    hosts: dict[str, Host]
    checks: list[Check]
    issues: list[KnownIssue]
    facts: dict[str, Facts] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    unsaved: list[str] = field(default_factory=list)
    """Ids of evidence that the store does not have yet."""
    near: list[Match] = field(default_factory=list)
    """Known issues whose text is near to the symptom and the findings."""
    near_reason: str | None = None
    """Why retrieval found nothing, if it did."""
    seen_before: dict[str, list[str]] = field(default_factory=dict)
    """Past incidents by the fingerprint of a finding they had too."""
    recognised: list[Recognised] = field(default_factory=list)
    """Every signature's verdict on every host whose facts are known."""
    check_failures: dict[str, str] = field(default_factory=dict)
    remedies: dict[str, str] = field(default_factory=dict)
    """What to do about a host that could not be reached, by host."""
    denied: list[Denial] = field(default_factory=list)
    """What the reasoner wanted to run and did not get, the latest last."""
    answers: list[CallAnswer] = field(default_factory=list)
    """What came of the requests that a model made last."""
    _contexts: dict[str, FactContext] = field(default_factory=dict)

    def take(self, observed: Facts, evidence: list[Evidence]) -> None:
        """Add what a look at one host brought."""
        host = observed.host
        if host in self.facts:
            self.facts[host].merge(observed)
        else:
            self.facts[host] = observed
        self.evidence |= {item.id: item for item in evidence}
        self.unsaved += [item.id for item in evidence]
        self._contexts.pop(host, None)

    def keep(self, evidence: Evidence) -> None:
        """Add what a command said that is no probe."""
        self.evidence[evidence.id] = evidence
        self.unsaved.append(evidence.id)

    def judge(self) -> None:
        """Judge every check and every signature anew, on all hosts."""
        findings: list[Finding] = []
        for name, facts in self.facts.items():
            host = self.hosts[name]
            result = run_checks(
                self.checks, facts, limits=host.limits, disabled=host.disabled_checks
            )
            findings += result.findings
            self.check_failures |= result.failed
        self.incident.findings = findings
        self.incident.facts = {name: facts.document() for name, facts in self.facts.items()}
        self.recognised = [
            Recognised(issue, name, self._signature(issue, name))
            for issue in self.issues
            if issue.signature is not None
            for name in self.facts
        ]

    def _signature(self, issue: KnownIssue, host: str) -> Verdict:
        assert issue.signature is not None
        return self.condition(issue.signature.when, host, issue.signature.each)

    def condition(self, text: str, host: str, each: str | None = None) -> Verdict:
        """A condition of a known issue, judged on one host's facts."""
        if host not in self.facts:
            return NotApplicable(host)
        return Condition.compile(text, each).evaluate(self.context(host))

    def context(self, host: str) -> FactContext:
        """The host's facts, made ready for conditions."""
        if host not in self._contexts:
            self._contexts[host] = FactContext(self.facts[host])
        return self._contexts[host]

    def causes(self) -> CauseGraph:
        """Which finding accounts for which."""
        contexts = {host: self.context(host) for host in self.facts}
        return cause_graph(self.incident.findings, self.checks, contexts)

    def has_run(self, host: str, probe: str) -> bool:
        """Whether the probe was tried on the host, however it went."""
        return host in self.facts and self.facts[host].run_of(probe) is not None
