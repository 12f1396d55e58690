"""What the rules conclude passes the checks on what a model concludes: no false alarm."""

import pytest

from model_cases import bench_for, case_of
from recorded_scenarios import FOLDER
from sme_agent.model.arguments import Conclude
from sme_agent.model.bench import id_of
from sme_agent.model.conclusion import diagnosis, problems

SCENARIOS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def as_stated(case):
    """The rules' diagnosis as a model would state it."""
    made = case.incident.diagnosis
    findings = {finding.fingerprint: finding for finding in case.incident.findings}
    hosts = {f: finding.host for f, finding in findings.items()}
    return Conclude.model_validate(
        {
            "summary": made.summary,
            "causes": [
                {
                    "host": hosts.get(claim.finding, next(iter(case.hosts))),
                    "text": claim.text,
                    "evidence": claim.evidence,
                    "quotes": [quote.line for quote in claim.quotes] or ["probe"],
                    "finding": id_of(findings[claim.finding]) if claim.finding else None,
                    "known_issue": claim.known_issue,
                }
                for claim in made.root_causes
            ],
            "verdict": made.verdict,
            "confidence": made.confidence,
            "next_steps": [
                {"text": step.text, "command": step.command} for step in made.next_steps
            ],
        }
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_rules_own_claims_hold(scenario, colleague, tmp_path):
    case = case_of(scenario, colleague, tmp_path)
    bench = bench_for(colleague, case)
    stated = as_stated(case)
    unquoted = {
        number
        for number, claim in enumerate(case.incident.diagnosis.root_causes, 1)
        if not claim.quotes
    }
    found = [one for one in problems(stated, bench) if one.cause not in unquoted]
    assert found == []
    if not unquoted:
        again = diagnosis(stated, bench, "model test")
        assert again.verdict == stated.verdict
        assert all(claim.supported for claim in again.root_causes)
        assert len(again.root_causes) == len(stated.causes)
