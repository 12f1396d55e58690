"""Running checks over the facts of a host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sme_tools.checks.check import Check
from sme_tools.checks.conditions import FactContext, Failed, Holds, NotApplicable, Verdict
from sme_tools.checks.finding import SEVERITIES, Finding
from sme_tools.checks.references import probes_named
from sme_tools.checks.wording import fill
from sme_tools.facts import Facts
from sme_tools.hosts.host import Limits


@dataclass
class CheckRun:
    """What the checks gave for one host."""

    findings: list[Finding] = field(default_factory=list)
    """The gravest first, then by check and subject."""
    not_applicable: dict[str, str] = field(default_factory=dict)
    """By check: the fact that the host lacks."""
    failed: dict[str, str] = field(default_factory=dict)
    """By check: why its condition can't be judged. Never a finding, never silence."""


def run_checks(
    checks: Iterable[Check],
    facts: Facts,
    *,
    limits: Limits | None = None,
    disabled: Iterable[str] = (),
) -> CheckRun:
    """Judge every check on one host's facts; `limits` and `disabled` are the host's own."""
    context = FactContext(facts)
    disabled = set(disabled)
    result = CheckRun()
    for check in checks:
        if check.id in disabled:
            continue
        thresholds = check.limits | (limits or {}).get(check.id, {})
        verdict = judge(check, context, thresholds)
        match verdict:
            case Failed(error):
                result.failed[check.id] = error
            case NotApplicable(missing):
                result.not_applicable[check.id] = missing
            case Holds(items):
                result.findings += [finding(check, facts, item, thresholds) for item in items]
    result.findings.sort(key=lambda f: (SEVERITIES.index(f.severity), f.check, f.subject))
    return result


def judge(check: Check, context: FactContext, thresholds: Mapping[str, float]) -> Verdict:
    """One check's verdict; a condition that does not compile has failed."""
    try:
        return check.condition.evaluate(context, {"limits": dict(thresholds)})
    except ValueError as error:
        return Failed(str(error))


def finding(
    check: Check, facts: Facts, item: dict[str, Any], thresholds: Mapping[str, float]
) -> Finding:
    """The finding of a check that holds for `item`."""
    variables = {**facts.values, "limits": thresholds}
    if check.condition.name:
        variables[check.condition.name] = item
    return Finding(
        check=check.id,
        host=facts.host,
        subject=fill(check.subject, variables),
        severity=check.severity,
        title=fill(check.title, variables),
        remedy=fill(check.remedy, variables).strip(),
        evidence=_evidence(check, facts),
        facts=item,
    )


def _evidence(check: Check, facts: Facts) -> tuple[str, ...]:
    runs = {run.id: run.evidence for run in facts.probes if run.status == "known"}
    return tuple(runs[id] for id in probes_named(check.when, check.each) if runs.get(id))
