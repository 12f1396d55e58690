"""What a model is told first: enough to conclude from, and no more than its window holds."""

import re

import pytest

from model_cases import bench_for, case_of
from recorded_scenarios import FOLDER
from sme_agent.llm.tokens import estimate
from sme_agent.model.arguments import Conclude
from sme_agent.model.brief import Brief
from sme_agent.model.citing import as_meant
from sme_agent.model.conclusion import problems

SCENARIOS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
_VERDICT = re.compile(r"## What rules make of it\n(\S+), confidence (\w+)(?:: (.*))?")


def told(case, colleague, tokens=3000):
    """The brief, and the bench that it is about."""
    bench = bench_for(colleague, case)
    return Brief(case, bench.present).told(tokens), bench


def copied(text):
    """What somebody would conclude who has nothing but the brief, and copies from it."""
    verdict, confidence, blamed = _VERDICT.search(text).groups()
    ids = re.findall(r"F[0-9a-f]{6}", blamed or "")
    marked = {id: re.search(rf"- {id} .*\n  (> .*)\n", text) for id in ids}
    causes = [
        {"host": host_of(id, text), "text": "it", "evidence": id, "quotes": line[1]}
        for id, line in marked.items()
    ]
    causes += [
        {"text": "it", "evidence": ids.split(", "), "quotes": line, "known_issue": issue}
        for issue, ids, line in re.findall(r"(\S+) rests on (.*)\n  (> .*)", text)
    ]
    return {
        "summary": "it",
        "causes": causes,
        "verdict": verdict,
        "confidence": confidence,
        "next_steps": "look further",
    }


def host_of(id, text):
    return re.search(rf"- {id} \w+ (\S+):", text)[1]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_rules_can_prove_a_model_can_conclude_at_once(scenario, colleague, tmp_path):
    case = case_of(scenario, colleague, tmp_path)
    text, bench = told(case, colleague)
    stated = as_meant(Conclude.model_validate(copied(text)), bench)
    assert [problem.text for problem in problems(stated, bench)] == []
    known = [(c.finding, c.known_issue) for c in case.incident.diagnosis.root_causes]
    assert [(c.finding is not None, c.known_issue) for c in stated.causes] == [
        (finding is not None, issue) for finding, issue in known
    ]


@pytest.mark.parametrize("tokens", [3000, 1200, 500, 200])
def test_it_keeps_to_its_budget_and_to_what_is_gravest(tokens, colleague, tmp_path):
    case = case_of("raid-degraded-and-load", colleague, tmp_path)
    text, _ = told(case, colleague, tokens)
    assert estimate(text) <= tokens + 60, "the marks of the fence come to it"
    assert "Host box" in text
    assert " high box: " in text or " critical box: " in text


def test_the_probes_that_have_not_run_stay_the_same_while_it_goes_on(colleague, tmp_path):
    case = case_of("healthy", colleague, tmp_path)
    facts = case.facts["box"]
    facts.probes = [run for run in facts.probes if run.id != "storage.filesystems"]
    brief = Brief(case, bench_for(colleague, case).present)
    before = brief.told(3000)
    facts.probes = []
    assert "storage.filesystems" in before
    assert re.findall("Probes that have not run: .*", before) == re.findall(
        "Probes that have not run: .*", brief.told(3000)
    )
