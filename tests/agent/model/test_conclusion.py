"""What is wrong with a conclusion is said to the model once, then marked."""

import pytest

from model_cases import bench_for, case_of, evidence
from sme_agent.model.arguments import Conclude
from sme_agent.model.bench import id_of
from sme_agent.model.conclusion import diagnosis, problems

DF = "box/storage.filesystems#1"
FULL = "479079112  478979084    100028     100% /"


@pytest.fixture
def case(colleague, tmp_path):
    return case_of("full-disk-failed-unit", colleague, tmp_path)


@pytest.fixture
def bench(case, colleague):
    return bench_for(colleague, case)


def finding(case, check):
    (one,) = [f for f in case.incident.findings if f.check == check]
    return one


def stated(*causes, **more):
    values = {
        "summary": "the disk is full",
        "causes": causes,
        "verdict": "cause-found" if causes else "healthy",
        "confidence": "high",
    }
    return Conclude.model_validate(values | more)


def cause(**more):
    return {
        "host": "box",
        "text": "/ is 100 % full, so grafana-server fails",
        "evidence": [DF],
        "quotes": [FULL],
    } | more


def said(bench, *causes, **more):
    return [(one.cause, one.text) for one in problems(stated(*causes, **more), bench)]


def test_a_claim_that_its_evidence_bears_is_accepted(bench, case):
    root = id_of(finding(case, "storage.filesystem-full"))
    for one in (cause(), cause(finding=root), cause(known_issue="docker-root-full")):
        assert said(bench, one) == []
    made = diagnosis(stated(cause(finding=f"[{root}]")), bench, "model test")
    assert (made.verdict, made.confidence, made.by) == ("cause-found", "high", "model test")
    (claim,) = made.root_causes
    assert claim.supported
    assert claim.finding == finding(case, "storage.filesystem-full").fingerprint
    assert [(quote.evidence, quote.line) for quote in claim.quotes] == [(DF, FULL)]
    assert made.next_steps, "the rules know what to do next where the model says nothing"


WRONG = [
    ({"evidence": ["box/none#1"]}, "no evidence box/none#1"),
    ({"evidence": [], "quotes": []}, "cites no evidence"),
    ({"quotes": []}, "quotes nothing"),
    ({"quotes": ["98% /"]}, "98% /” is not in the evidence that it cites"),
    ({"quotes": ["loaded    failed"]}, "but in box/services.units#1"),
    ({"text": "/ is 43 % full"}, "43 %” is nowhere"),
    ({"host": "other"}, "no host other"),
    ({"finding": "F000000"}, "no finding F000000"),
    ({"known_issue": "no-such-issue"}, "no known issue no-such-issue"),
    ({"known_issue": "certificate-expired"}, "signature of certificate-expired does not hold"),
]


def test_what_does_not_hold_is_said_and_marked(bench):
    for change, text in WRONG:
        told = said(bench, cause(**change))
        assert any(number == 1 and text in one for number, one in told), (change, told)
        made = diagnosis(stated(cause(**change)), bench, "model test")
        assert (made.verdict, made.confidence) == ("cause-unknown", "low"), change
        (claim,) = made.root_causes
        assert not claim.supported
        assert text in claim.doubt
        assert claim.known_issue != "no-such-issue"


def test_a_victim_is_no_cause(bench, case):
    failed = finding(case, "services.unit-failed")
    blamed = cause(
        text="grafana-server.service has failed",
        evidence=[*failed.evidence],
        quotes=["grafana-server.service             loaded    failed"],
    )
    for one in (blamed | {"finding": id_of(failed)}, blamed):
        ((_, told),) = said(bench, one)
        assert "grafana-server.service has failed” is a victim: it follows from “/ is 100" in told
    # Whoever goes deeper than the checks is not held back by them.
    case.keep(evidence("box/command.1#2", "the licence key of grafana is expired"))
    deeper = blamed | {
        "text": "grafana-server has no valid licence",
        "evidence": [*failed.evidence, "box/command.1#2"],
        "quotes": ["the licence key of grafana is expired"],
    }
    assert said(bench, deeper) == []


def test_a_finding_of_another_host_is_said(colleague, tmp_path):
    case = case_of("one-host-of-two", colleague, tmp_path)
    bench = bench_for(colleague, case)
    (full,) = case.incident.findings
    claim = cause(host="box", evidence=[*full.evidence], quotes=["100% /"], finding=id_of(full))
    ((_, told),) = said(bench, claim)
    assert f"was found on {full.host}, not on box" in told
    assert said(bench, claim | {"host": full.host}) == []


def test_a_verdict_must_go_with_its_causes_and_findings(bench):
    assert said(bench, cause(), verdict="healthy")
    ((number, told), *_) = said(bench, verdict="cause-found")
    assert number == 0
    assert "does not go with" in told
    ((number, told),) = said(bench, verdict="healthy")
    assert number == 0
    assert "grave findings: / is 100 % full" in told
    made = diagnosis(stated(verdict="healthy"), bench, "model test")
    assert (made.verdict, made.confidence) == ("cause-unknown", "low")
    made = diagnosis(stated(verdict="cause-found"), bench, "model test")
    assert (made.verdict, made.confidence) == ("cause-unknown", "low")


def test_low_confidence_has_to_say_what_is_next(bench):
    low = {"verdict": "cause-unknown", "confidence": "low"}
    ((_, told),) = said(bench, **low)
    assert "next_steps" in told
    steps = [{"text": "Look at the log", "command": "journalctl -n 50"}]
    assert said(bench, **low, next_steps=steps) == []
    made = diagnosis(stated(**low, next_steps=steps), bench, "model test")
    assert [(step.text, step.command) for step in made.next_steps] == [
        ("Look at the log", "journalctl -n 50")
    ]


def test_nobody_is_sure_of_what_is_unknown(bench):
    made = diagnosis(stated(verdict="cause-unknown", confidence="high"), bench, "model test")
    assert made.confidence == "low"


def test_what_is_borne_comes_first_and_doubt_of_one_lowers_confidence(bench):
    wrong = cause(quotes=["nowhere to be seen"])
    made = diagnosis(stated(wrong, cause()), bench, "model test")
    assert [claim.supported for claim in made.root_causes] == [True, False]
    assert (made.verdict, made.confidence) == ("cause-found", "low")


def test_many_claims_lose_none_that_holds(bench):
    wrong = cause(quotes=["nowhere to be seen"])
    made = diagnosis(stated(*[wrong] * 7, cause()), bench, "model test")
    assert made.root_causes[0].supported
