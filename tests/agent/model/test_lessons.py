"""What is kept of an incident: what was verified, without secrets, and recognised later."""

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from model_cases import bench_for, case_of
from sme_agent.model.arguments import SaveLesson
from sme_agent.model.bench import Refusal
from sme_agent.model.lessons import Lessons
from sme_agent.workspace import Knowledge
from sme_knowledge.bm25 import Bm25Retriever
from sme_knowledge.store import KnownIssues
from sme_memory.evolution_log import EvolutionLog
from sme_memory.incident import Repair
from sme_tools.actions.journal import Change
from sme_tools.actions.outcome import Outcome
from sme_tools.actions.plan import Action, Plan, Verify
from sme_tools.checks.check import shipped_checks
from sme_tools.safety.redaction import Redactor

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
FIX = Action(
    title="Let the timer run again",
    run="systemctl enable --now cleanup.timer",
    undo="systemctl disable --now cleanup.timer",
    verify=Verify(run="systemctl is-enabled cleanup.timer", exit_codes=(0, 3)),
    keep_files=("/etc/cleanup.conf",),
    hold_s=10,
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "knowledge"


@pytest.fixture
def lessons(folder, colleague):
    return Lessons(folder, colleague.changes, colleague.log, Redactor())


@pytest.fixture
def case(colleague, tmp_path):
    """An incident that no known issue covers, with a proven cause."""
    case = case_of("unit-failed-for-its-own-reason", colleague, tmp_path)
    claims = case.incident.diagnosis.root_causes
    assert claims
    assert claims[0].known_issue is None
    return case


@pytest.fixture
def bench(case, colleague):
    return bench_for(colleague, case)


def failed(case):
    claim = case.incident.diagnosis.root_causes[0]
    return next(f for f in case.incident.findings if f.fingerprint == claim.finding)


def new(case, **more):
    return SaveLesson.model_validate(
        {
            "kind": "new",
            "reason": "nothing covers it",
            "issue": "unit-fails-by-itself",
            "title": "A unit fails for a reason of its own",
            "symptoms": ["the unit does not start", f"password={SECRET} refused"],
            "root_cause": f"Its configuration is wrong; the token {SECRET} had expired.",
            "prevention": ["Check the configuration before a restart."],
            "story": f"It took an hour. The token was {SECRET}.",
        }
        | more
    )


def refused(lessons, lesson, bench):
    with pytest.raises(Refusal) as raised:
        lessons.keep(lesson, bench, "test/any")
    return raised.value.text


def mend(case, colleague, *, outcome=Outcome.FIXED, action=FIX, facts=None, issue=None):
    """What a fix leaves behind: a change on record, a repair, and facts of before and after."""
    change = Change.begin(
        Plan(host="box", actions=(action,), issue=issue), actor="model test/any", approvals=["a1"],
        incident=case.incident.id,
    )  # fmt: skip
    colleague.changes.save(change)
    case.incident.repairs.append(Repair(change=change.id, host="box", outcome=outcome, issue=issue))
    if "box" not in case.incident.facts_before:
        case.incident.facts_before["box"] = case.facts["box"].document()
        case.incident.findings_before += case.incident.findings
    if facts is not None:
        case.facts["box"] = facts
        case._contexts.clear()
        case.judge()


def test_what_is_written_is_a_candidate_that_reads_back_without_secrets(
    lessons, case, bench, folder, colleague
):
    learned = lessons.keep(new(case), bench, "test/any")
    assert (learned.kind, learned.issue) == ("new", "unit-fails-by-itself")
    assert SECRET not in (folder / "unit-fails-by-itself.md").read_text("utf-8")
    stored = KnownIssues.load(folder, shipped=False)
    assert not stored.problems
    issue = stored.get("unit-fails-by-itself")
    assert issue.status == "candidate"
    assert issue.severity == failed(case).severity
    assert issue.provenance.incidents == [case.incident.id]
    assert [step.by_hand for step in issue.resolution] == [True], "nothing was carried out"
    (entry,) = colleague.log.read(kind="issue.proposed")
    assert entry.subject == issue.id
    assert entry.data["incident"] == case.incident.id


def test_a_candidate_is_recognised_by_the_next_diagnosis(
    lessons, case, bench, folder, colleague, tmp_path
):
    assert failed(case).subject == "/srv"
    signature, each = "f.mount == '/srv' && f.used_percent >= 99.0", "storage.filesystems as f"
    lessons.keep(new(case, signature=signature, each=each), bench, "test/any")
    issues = KnownIssues.load(folder)
    later = replace(
        colleague,
        load_knowledge=lambda: Knowledge(shipped_checks(), issues, Bm25Retriever(issues.current())),
    )
    (tmp_path / "later").mkdir()
    again = case_of("unit-failed-for-its-own-reason", later, tmp_path / "later")
    known = {one.id: one for one in again.incident.diagnosis.known_issues}
    assert known["unit-fails-by-itself"].signature_holds
    assert again.incident.diagnosis.root_causes[0].known_issue == "unit-fails-by-itself"


def test_a_signature_must_hold_and_be_a_condition(lessons, case, bench, folder):
    for signature, each, said in (
        ("services.units.exists(u, u.name == 'nobody')", None, "holds on no host"),
        ("no.such.fact == 1", None, "can't be judged"),
        ("services.units.exists(u,", None, "can't be kept"),
        ("1 + 1", None, "can't be judged"),
        ("true", "services units", "can't be kept"),
    ):
        told = refused(lessons, new(case, signature=signature, each=each), bench)
        assert said in told, signature
    assert not folder.exists()


def test_a_signature_must_not_hold_where_it_was_mended(
    lessons, case, bench, folder, colleague, tmp_path
):
    (tmp_path / "well").mkdir()
    well = case_of("healthy", colleague, tmp_path / "well").facts["box"]
    faulty = {"signature": "f.used_percent >= 99.0", "each": "storage.filesystems as f"}
    always = {"signature": "f.used_percent >= 0.0", "each": "storage.filesystems as f"}
    mend(case, colleague, facts=well)
    assert "still holds on box" in refused(lessons, new(case, **always), bench)
    assert lessons.keep(new(case, **faulty), bench, "test/any").kind == "new"


def test_steps_are_those_that_held_and_no_others(lessons, case, bench, folder, colleague):
    other = FIX.model_copy(update={"title": "What did not help", "run": "systemctl restart x"})
    mend(case, colleague, outcome=Outcome.ROLLED_BACK, action=other)
    mend(case, colleague, action=other, outcome=Outcome.DECLINED)
    mend(case, colleague)
    mend(case, colleague)
    told = lessons.told(bench)
    assert "systemctl enable --now cleanup.timer" in told
    assert "systemctl restart x" not in told
    lessons.keep(new(case), bench, "test/any")
    (step,) = KnownIssues.load(folder, shipped=False).get("unit-fails-by-itself").resolution
    assert (step.title, step.run, step.undo) == (FIX.title, FIX.run, FIX.undo)
    assert step.verify.exit_codes == [0, 3]
    assert step.keep_files == ["/etc/cleanup.conf"]
    assert step.hold_s == 10
    assert not step.by_hand


def test_a_model_that_proposes_steps_of_its_own_is_not_heard():
    assert "resolution" not in SaveLesson.model_fields
    assert "run" not in SaveLesson.model_fields


def test_what_is_known_is_not_written_anew(lessons, case, bench, folder):
    assert "docker-root-full" in refused(lessons, new(case, issue="docker-root-full"), bench)
    lessons.keep(new(case), bench, "test/any")
    assert "already" in refused(lessons, new(case), bench)
    (folder / "other-thing.md").write_text("my own notes")
    assert "other-thing" in refused(lessons, new(case, issue="other-thing"), bench)
    assert (folder / "other-thing.md").read_text() == "my own notes"


def test_an_id_leads_out_of_no_folder(lessons, case, bench, folder, tmp_path):
    for number, id in enumerate(("../evil-a", "/tmp/evil-b", "Evil C", "x" * 200, "..", "evil\n")):
        with contextlib.suppress(Refusal):
            learned = lessons.keep(new(case, issue=id), bench, "test/any")
            assert Path(learned.path).parent == folder, number
    assert {path.parent for path in tmp_path.rglob("*evil*")} <= {folder}
    assert not KnownIssues.load(folder, shipped=False).problems


def test_a_lesson_says_what_it_lacks(lessons, case, bench):
    told = refused(lessons, new(case, title=None, symptoms=[]), bench)
    assert "title" in told
    assert "symptoms" in told


def test_without_a_proven_cause_nothing_is_kept(lessons, case, bench):
    claims = case.incident.diagnosis.root_causes
    for claim in claims:
        claim.supported = False
    assert "No cause was proven" in refused(lessons, new(case), bench)
    assert not lessons.worth_it(case)


def test_what_is_added_to_a_shipped_issue_goes_to_the_users_folder(
    lessons, folder, colleague, tmp_path
):
    (tmp_path / "full").mkdir()
    case = case_of("full-disk-failed-unit", colleague, tmp_path / "full")
    bench = bench_for(colleague, case)
    shipped = KnownIssues.load().get("docker-root-full")
    update = SaveLesson(
        kind="update",
        issue="docker-root-full",
        reason="a new symptom",
        symptoms=["grafana: database or disk is full", f"token {SECRET} is full"],
        story=f"Seen again with {SECRET}.",
    )
    learned = lessons.keep(update, bench, "test/any")
    assert learned.path == str(folder / "docker-root-full.md")
    mine = KnownIssues.load(folder).get("docker-root-full")
    assert "grafana: database or disk is full" in mine.symptoms
    assert SECRET not in (folder / "docker-root-full.md").read_text("utf-8")
    assert case.incident.id in mine.provenance.incidents
    assert mine.resolution == shipped.resolution
    assert mine.status == shipped.status
    assert shipped.path.read_text("utf-8") == KnownIssues.load().get(
        "docker-root-full"
    ).path.read_text("utf-8")
    assert [e.subject for e in colleague.log.read(kind="issue.updated")] == ["docker-root-full"]


def test_only_an_issue_that_the_incident_had_gains_anything(lessons, bench, folder):
    update = SaveLesson(kind="update", issue="zfs-pool-full", reason="x", symptoms=["y"])
    assert "was not seen" in refused(lessons, update, bench)
    missing = SaveLesson(kind="update", issue="no-such-issue", reason="x")
    assert "no known issue no-such-issue" in refused(lessons, missing, bench)
    assert not folder.exists()


def test_a_symptom_that_is_none_goes_back_to_the_model(lessons, colleague, tmp_path):
    case = case_of("full-disk-failed-unit", colleague, tmp_path)
    update = SaveLesson(
        kind="update", issue="docker-root-full", reason="x", symptoms=["many\nlines " * 200]
    )
    assert "symptom" in refused(lessons, update, bench_for(colleague, case))


def test_a_skip_is_on_record_and_changes_nothing(lessons, case, bench, folder, colleague):
    learned = lessons.keep(SaveLesson(kind="skip", reason="known well"), bench, "test/any")
    assert learned.kind == "skip"
    (entry,) = colleague.log.read(kind="issue.skipped")
    assert isinstance(colleague.log, EvolutionLog)
    assert (entry.subject, entry.data["reason"]) == (case.incident.id, "known well")
    assert not folder.exists()


def test_what_known_issues_explain_and_mend_teaches_nothing(lessons, colleague, tmp_path):
    case = case_of("full-disk-failed-unit", colleague, tmp_path)
    assert case.incident.diagnosis.root_causes[0].known_issue
    assert not lessons.worth_it(case)


def test_what_a_model_is_told_of_the_incident_is_data(lessons, case, bench):
    told = lessons.told(bench)
    marker = bench.present.fence.marker
    assert told.count(f"<<{marker}") == told.count(f"{marker}>>") == 1
    assert failed(case).check in told
