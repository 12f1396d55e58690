"""From a diagnosis to a mended host: plan, approval, transaction, outcome, on this machine."""

from dataclasses import replace

import pytest

from changing import QuickClock
from sme_agent.events import Asked, Changing, Concluded, Planned, Unplanned
from sme_agent.questions import Answer
from sme_agent.resolution import Wish
from sme_agent.workspace import Knowledge
from sme_knowledge.bm25 import Bm25Retriever
from sme_knowledge.store import KnownIssues
from sme_memory.incident import Incident
from sme_tools.actions.events import Verified
from sme_tools.actions.outcome import Outcome
from sme_tools.checks.check import shipped_checks
from sme_tools.errors import UsageError
from sme_tools.hosts.host import Host
from sme_tools.hosts.purpose import this_user
from sme_tools.safety.rules import HostRules
from sshd import Client, Sshd

ISSUE = """\
---
id: settings-missing
title: The service's settings are not there
severity: high
status: validated
applies_to: [linux]
symptoms: [the service does not start]
signature: 'system.os.name.size() > 0'
root_cause: Somebody removed them.
resolution:
  - title: Look at the folder
    run: ls {folder}
    verify: {{run: "true"}}
  - title: Write the settings
    run: cp {folder}/template {folder}/settings
    undo: rm -f {folder}/settings
    verify: {{run: "test -s {folder}/settings"}}
    hold_s: 0
  - title: Start the service
    run: "{start}"
    undo: rm -f {folder}/started
    verify: {{run: "test -e {folder}/started"}}
    hold_s: 0
  - title: Call the vendor
    run: echo ring
    by_hand: true
    verify: {{run: "true"}}
provenance: {{source: a test, recorded: 2026-11-20}}
---
"""


@pytest.fixture
def folder(tmp_path):
    """A folder of a service that lacks its settings."""
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / "template").write_text("port = 80\n")
    return folder


@pytest.fixture
def at(colleague, folder, tmp_path):
    """A colleague who knows how to mend it; `start` is the command of the last step."""

    def make(start=None):
        issues_dir = tmp_path / "issues"
        issues_dir.mkdir(exist_ok=True)
        text = ISSUE.format(folder=folder, start=start or f"touch {folder}/started")
        (issues_dir / "settings-missing.md").write_text(text)
        issues = KnownIssues.load(issues_dir)
        return replace(
            colleague,
            load_knowledge=lambda: Knowledge(
                shipped_checks(), issues, Bm25Retriever(issues.current())
            ),
            lock_folders=(str(locks),),
        )

    locks = tmp_path / "locks"
    locks.mkdir()
    return make


@pytest.fixture
def host():
    return Host(name="here", transport="local")


WISH = Wish(issue="settings-missing")

_DIAGNOSED: dict[str, str] = {}
"""By host, the first diagnosis of it: one baseline is enough for all tests."""


def diagnosed(colleague, host):
    """A diagnosed incident of this host, in the store of this colleague."""
    if host.name not in _DIAGNOSED:
        *_, last = colleague.investigate([host], targets=[host.name])
        found = last.incident.diagnosis
        # Whatever else is wrong with the machine that runs the tests is none of their business.
        found.root_causes = [c for c in found.root_causes if c.known_issue == WISH.issue]
        _DIAGNOSED[host.name] = last.incident.model_dump_json()
    fresh = Incident.begin([host.name])
    incident = Incident.model_validate_json(_DIAGNOSED[host.name])
    incident = incident.model_copy(update={"id": fresh.id})
    colleague.incidents.create(incident)
    return incident


class Person:
    """Answers every question alike, and remembers them."""

    def __init__(self, reply="yes", **more):
        self.answer = Answer(reply, by="user ann", **more)
        self.asked = []

    def __call__(self, question):
        self.asked.append(question)
        return self.answer


def fixed(colleague, incident, host, person, wish=WISH):
    events = list(colleague.fix(incident, [host], wish, ask=person))
    assert isinstance(events[-1], Concluded)
    return events


def test_each_step_is_asked_for_done_and_verified(at, host, folder):
    colleague, person = at(), Person()
    incident = diagnosed(colleague, host)
    events = fixed(colleague, incident, host, person)
    assert [q.why for q in person.asked] == ["Write the settings", "Start the service"]
    assert person.asked[0].command == f"cp {folder}/template {folder}/settings"
    assert person.asked[0].undo == f"rm -f {folder}/settings"
    assert person.asked[0].asked_by == this_user(), "a fix is what a person wanted"
    assert (folder / "settings").read_text() == "port = 80\n"
    assert (folder / "started").exists()
    assert [r.outcome for r in incident.repairs] == [Outcome.FIXED]
    assert colleague.incidents.load(incident.id).status == "resolved"
    assert any(isinstance(event, Planned) for event in events)
    kinds = [entry.kind for entry in colleague.log.read()]
    assert kinds[-1] == "fix.held"


def test_a_step_that_fails_takes_back_what_was_done(at, host, folder):
    colleague = at(start=f"touch {folder}/half; exit 3")
    incident = diagnosed(colleague, host)
    fixed(colleague, incident, host, Person("plan"))
    assert not (folder / "settings").exists()
    assert incident.repairs[0].outcome is Outcome.ROLLED_BACK
    assert "exit code 3" in incident.repairs[0].reason
    assert incident.status == "diagnosed"
    assert colleague.log.read()[-1].kind == "fix.failed"


def test_one_yes_can_be_for_the_whole_plan(at, host):
    colleague, person = at(), Person("plan")
    incident = diagnosed(colleague, host)
    fixed(colleague, incident, host, person)
    assert len(person.asked) == 1
    assert incident.repairs[0].outcome is Outcome.FIXED


def test_a_no_leaves_the_host_as_it_was(at, host, folder):
    colleague = at()
    incident = diagnosed(colleague, host)
    fixed(colleague, incident, host, Person("no", reason="not today"))
    assert not (folder / "settings").exists()
    assert incident.repairs[0].outcome is Outcome.DECLINED
    assert "not today" in incident.repairs[0].reason


def test_a_no_in_the_middle_takes_back_what_was_done(at, host, folder):
    colleague = at()
    incident = diagnosed(colleague, host)
    answers = iter([Answer("yes", by="user ann"), Answer("no", by="user ann")])
    fixed(colleague, incident, host, lambda question: next(answers))
    assert not (folder / "settings").exists()
    assert incident.repairs[0].outcome is Outcome.ROLLED_BACK


def test_a_preview_does_nothing(at, host, folder):
    colleague = at()
    incident = diagnosed(colleague, host)
    (planned,) = colleague.preview(incident, [host], WISH)
    assert [action.action.title for action in planned.actions] == [
        "Write the settings",
        "Start the service",
    ]
    assert {action.verdict for action in planned.actions} == {"change"}
    assert colleague.changes.of_incident(incident.id) == []
    assert sorted(path.name for path in folder.iterdir()) == ["template"]


def test_with_nobody_to_ask_it_waits_and_goes_on_in_another_process(at, host, folder):
    colleague = at()
    incident = diagnosed(colleague, host)
    events = list(colleague.fix(incident, [host], WISH))
    assert isinstance(events[-2], Asked)
    assert not (folder / "settings").exists()

    elsewhere = at()
    incident = elsewhere.incidents.load(incident.id)
    list(elsewhere.resume_fix(incident, [host], ask=Person()))
    assert incident.repairs[0].outcome is Outcome.FIXED
    assert (folder / "started").exists()


def test_a_question_can_be_answered_elsewhere(at, host, folder):
    colleague = at()
    incident = diagnosed(colleague, host)
    list(colleague.fix(incident, [host], WISH))
    for _ in range(2):
        (request,) = colleague.approvals.pending(incident.id)
        colleague.approvals.approve(request.id, by="user bob")
        list(colleague.resume_fix(incident, [host]))
    assert incident.repairs[0].outcome is Outcome.FIXED


def test_a_no_given_elsewhere_counts(at, host, folder):
    colleague = at()
    incident = diagnosed(colleague, host)
    list(colleague.fix(incident, [host], WISH))
    (request,) = colleague.approvals.pending(incident.id)
    colleague.approvals.deny(request.id, by="user bob")
    list(colleague.resume_fix(incident, [host]))
    assert incident.repairs[0].outcome is Outcome.DECLINED
    assert "user bob said no" in incident.repairs[0].reason


def test_an_approval_does_not_survive_a_change_of_the_command(at, host, folder):
    colleague = at()
    incident = diagnosed(colleague, host)
    list(colleague.fix(incident, [host], WISH))
    (request,) = colleague.approvals.pending(incident.id)
    colleague.approvals.approve(request.id, by="user bob")
    changed = at(start=f"touch {folder}/other")
    list(changed.fix(incident, [host], replace(WISH, steps=(3,))))
    assert not (folder / "other").exists()


def test_a_host_that_is_only_observed_is_not_changed(at, host, folder):
    colleague, person = at(), Person()
    host = host.model_copy(update={"policy": HostRules(mode="observe")})
    incident = diagnosed(colleague, host)
    fixed(colleague, incident, host, person)
    assert person.asked == []
    assert incident.repairs[0].outcome is Outcome.REFUSED


def test_auto_runs_the_steps_of_a_validated_issue_by_itself(at, host, folder):
    colleague, person = at(), Person()
    host = host.model_copy(update={"policy": HostRules(mode="auto")})
    incident = diagnosed(colleague, host)
    fixed(colleague, incident, host, person)
    assert person.asked == []
    assert incident.repairs[0].outcome is Outcome.FIXED


def test_a_deny_rule_holds_for_the_undo_too(at, host, folder):
    colleague, person = at(), Person()
    host = host.model_copy(update={"policy": HostRules(deny=("rm",))})
    incident = diagnosed(colleague, host)
    fixed(colleague, incident, host, person)
    assert incident.repairs[0].outcome is Outcome.REFUSED
    assert "your rule denies it: rm" in incident.repairs[0].reason


def test_without_a_proven_issue_there_is_no_plan(at, host):
    colleague = at()
    incident = diagnosed(colleague, host)
    incident.diagnosis.root_causes.clear()
    colleague.incidents.save_step(incident)
    events = fixed(colleague, incident, host, Person(), Wish())
    assert any(isinstance(event, Unplanned) for event in events)
    assert incident.repairs == []


def test_a_step_for_a_person_is_not_run(at, host):
    colleague = at()
    incident = diagnosed(colleague, host)
    with pytest.raises(UsageError, match="step 4 of settings-missing is for a person"):
        fixed(colleague, incident, host, Person(), replace(WISH, steps=(4,)))


def test_a_change_that_was_stopped_is_resumed_or_taken_back(at, host, folder):
    for undo, outcome, there in (
        (False, Outcome.FIXED, True),
        (True, Outcome.ROLLED_BACK, False),
    ):
        colleague = at()
        incident = diagnosed(colleague, host)
        events = colleague.fix(incident, [host], WISH, ask=Person("plan"))
        for event in events:
            if isinstance(event, Changing) and type(event.event).__name__ == "Verified":
                break
        events.close()
        with pytest.raises(UsageError, match="is not over"):
            list(colleague.fix(incident, [host], WISH))
        list(at().resume_fix(incident, [host], undo=undo, ask=Person("plan")))
        assert incident.repairs[-1].outcome.host_state == outcome.host_state
        assert (folder / "settings").exists() is there
        for name in ("settings", "started"):
            (folder / name).unlink(missing_ok=True)


def test_a_host_that_was_lost_in_mid_change_is_gone_on_with(at, folder, own_folders):
    with Sshd() as server:
        Client(own_folders).log_in_to(server, "web1")
        host = Host(name="web1")
        colleague = replace(at(), clock=QuickClock())
        incident = diagnosed(colleague, host)
        for event in colleague.fix(incident, [host], WISH, ask=Person("plan")):
            if isinstance(event, Changing) and isinstance(event.event, Verified):
                server.kill()
        assert incident.repairs[-1].outcome is Outcome.HOST_LOST
        assert (folder / "settings").exists()
        server.restart()
        list(colleague.resume_fix(incident, [host], ask=Person("plan")))
    assert [repair.outcome.host_state for repair in incident.repairs] == ["new"]
    assert (folder / "started").exists()


def test_an_outcome_that_the_incident_missed_is_caught_up_with(at, host, folder):
    colleague = at()
    incident = diagnosed(colleague, host)
    before = incident.model_copy(deep=True)
    fixed(colleague, incident, host, Person("plan"))
    colleague.incidents.save_step(before, [])  # as if our own disk had not taken the rest
    events = list(colleague.resume_fix(before, [host]))
    assert isinstance(events[-1], Concluded)
    assert [repair.outcome for repair in before.repairs] == [Outcome.FIXED]
    assert colleague.incidents.load(incident.id).status == "resolved"
    with pytest.raises(UsageError, match="no change of incident"):
        list(colleague.resume_fix(before, [host]))
