"""Findings, and the report on the checks themselves."""

from __future__ import annotations

from typing import Any

from sme_cli.render.out import print_json, print_table
from sme_tools.checks.finding import Finding
from sme_tools.checks.run import CheckRun
from sme_tools.checks.testing import CheckReport


def finding_document(finding: Finding) -> dict[str, Any]:
    """A finding as JSON, with its fingerprint."""
    return {"fingerprint": finding.fingerprint, **finding.model_dump(mode="json")}


def print_findings(result: CheckRun, *, as_json: bool) -> None:
    """The findings of one host's facts, the gravest first."""
    if as_json:
        print_json(
            {
                "findings": [finding_document(finding) for finding in result.findings],
                "failed": result.failed,
                "not_applicable": result.not_applicable,
            }
        )
        return
    rows = [(f.severity, f.check, f.title) for f in result.findings]
    print_table(("SEVERITY", "CHECK", "FINDING"), rows, empty="no findings")
    if result.failed:
        broken = [(id, why) for id, why in result.failed.items()]
        print_table(("CHECK", "CAN'T BE JUDGED"), broken, empty="")


def print_report(report: CheckReport, *, as_json: bool) -> None:
    """What testing the checks showed."""
    if as_json:
        print_json(report.document())
        return
    rows = [(p.check, p.field, p.problem) for p in report.problems]
    print_table(("CHECK", "FIELD", "PROBLEM"), rows, empty=f"{report.tested} checks, no problem")
    if report.verdicts:
        verdicts = [(v.source, v.check, v.verdict, v.detail) for v in report.verdicts]
        print_table(("FACTS", "CHECK", "VERDICT", "DETAIL"), verdicts, empty="")
