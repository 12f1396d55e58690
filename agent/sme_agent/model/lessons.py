"""What an incident taught: the model proposes, and only what was verified is kept.

A lesson becomes a known issue with the status candidate, or is added to one that is known. Its
steps are those of changes that held, never what a model says would help; its signature must hold on
the facts of the host that had the fault, and no longer where it was mended.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sme_agent.case import Case
from sme_agent.events import Learned
from sme_agent.model.arguments import SaveLesson
from sme_agent.model.bench import Bench, Refusal
from sme_agent.model.covering import covering, faulty_facts
from sme_knowledge.known_issue import KnownIssue
from sme_knowledge.writing import save, updated
from sme_memory.changes import ChangeStore
from sme_memory.evolution_log import EvolutionLog
from sme_memory.incident import Claim, Incident, Repair
from sme_tools.actions.plan import Action
from sme_tools.checks.conditions import Clear, Condition, FactContext, Holds
from sme_tools.checks.finding import Finding
from sme_tools.errors import CheckInvalid, KnownIssueInvalid
from sme_tools.safety.redaction import Redactor

SOURCE = "an incident on this machine"


class Lessons:
    """Keeps what incidents teach: files in the user's own folder, entries in the evolution log."""

    def __init__(
        self, folder: Path, changes: ChangeStore, log: EvolutionLog, redactor: Redactor
    ) -> None:
        self._folder = folder
        self._changes = changes
        self._log = log
        self._redactor = redactor

    def worth_it(self, case: Case) -> bool:
        """Whether there is anything verified that is not known already.

        What rests on known issues alone, mended by their own resolutions, teaches nothing new.
        """
        incident = case.incident
        if incident.diagnosis is None:
            return False
        own = [one for one in _held(incident) if one.issue is None]
        new = [c for c in incident.diagnosis.root_causes if c.supported and c.known_issue is None]
        return bool(own) or (bool(new) and incident.diagnosis.confidence != "low")

    def told(self, bench: Bench) -> str:
        """What the model is told of an incident that it may learn from."""
        case = bench.case
        causes = {claim.finding for claim in _claims(case.incident)}
        found = [f for f in _findings(case) if f.fingerprint in causes]
        checks = {check.id: check for check in case.checks}
        plans = [self._changes.load(one.change).plan for one in _held(case.incident)]
        story = bench.present.text(
            "incident_over",
            incident=case.incident,
            claims=[claim for claim in _claims(case.incident) if claim.supported],
            findings=[(f, checks[f.check]) for f in found if f.check in checks],
            plans=plans,
            near=case.near,
        )
        fenced = bench.present.fenced(story, "the incident", len(story))
        return f"{bench.present.text('learn')}\n\n{fenced}"

    def keep(self, lesson: SaveLesson, bench: Bench, model: str) -> Learned:
        """Write the lesson down.

        Raises:
            Refusal: something in it is not verified, or not right; says what, for the model.
            StateError: our own disk did not take it.
        """
        actor = f"model {model}"
        if lesson.kind == "skip":
            return self._skip(lesson, bench, actor)
        if lesson.kind == "update":
            issue = self._updated(lesson, bench)
        else:
            issue = self._new(lesson, bench)
        try:
            path = save(issue, self._folder, replace=lesson.kind == "update")
        except KnownIssueInvalid as error:
            raise Refusal(str(error)) from error
        self._log.append(
            "issue.proposed" if lesson.kind == "new" else "issue.updated",
            actor=actor,
            subject=issue.id,
            data={"incident": bench.case.incident.id, "reason": lesson.reason},
        )
        return Learned(lesson.kind, issue.id, lesson.reason, str(path))

    def _skip(self, lesson: SaveLesson, bench: Bench, actor: str) -> Learned:
        id = bench.case.incident.id
        self._log.append("issue.skipped", actor=actor, subject=id, data={"reason": lesson.reason})
        return Learned("skip", lesson.issue or "", lesson.reason)

    def _updated(self, lesson: SaveLesson, bench: Bench) -> KnownIssue:
        old = next((one for one in bench.case.issues if one.id == lesson.issue), None)
        if old is None:
            near = [match.issue.id for match in bench.case.near]
            raise bench.no_such("known issue", lesson.issue, near)
        if old.id not in _concerned(bench.case):
            raise Refusal(bench.present.text("lesson_not_concerned", issue=old.id))
        try:
            return updated(
                old,
                on=datetime.now(UTC).date(),
                symptoms=self._clean(lesson.symptoms),
                incidents=[bench.case.incident.id],
                story_addition=self._redactor.text(lesson.story or lesson.reason),
            )
        except KnownIssueInvalid as error:
            raise Refusal(str(error)) from error

    def _new(self, lesson: SaveLesson, bench: Bench) -> KnownIssue:
        case = bench.case
        claim = _proven(case, bench)
        missing = [
            name
            for name in ("issue", "title", "root_cause", "symptoms")
            if not getattr(lesson, name)
        ]
        if missing:
            raise Refusal(bench.present.text("lesson_lacks", missing=missing))
        known = claim.known_issue or lesson.issue
        if any(one.id == known for one in case.issues):
            raise Refusal(bench.present.text("lesson_known", issue=known))
        document = {
            "id": lesson.issue,
            "title": lesson.title,
            "severity": _severity(case, claim),
            "status": "candidate",
            "applies_to": ["linux"],
            "symptoms": lesson.symptoms,
            "root_cause": lesson.root_cause,
            "resolution": list(self._steps(case, claim)),
            "prevention": lesson.prevention,
            "provenance": {
                "source": SOURCE,
                "recorded": datetime.now(UTC).date(),
                "incidents": [case.incident.id],
            },
            "story": self._redactor.text(lesson.story or ""),
        }
        if lesson.signature:
            _must_tell(lesson, bench, claim)
            document["signature"] = {"when": lesson.signature, "each": lesson.each}
        try:
            return KnownIssue.model_validate(self._clean(document))
        except ValidationError as error:
            raise Refusal(bench.present.text("bad_arguments", errors=error.errors())) from error

    def _clean(self, value: Any) -> Any:  # noqa: ANN401 - JSON values
        if isinstance(value, str):
            return self._redactor.text(value)
        if isinstance(value, dict):
            return {name: self._clean(inner) for name, inner in value.items()}
        return [self._clean(inner) for inner in value] if isinstance(value, list) else value

    def _steps(self, case: Case, claim: Claim) -> Iterator[dict[str, Any]]:
        """The steps that held; without any, the finding's own advice, for a person."""
        held = _held(case.incident)
        # What a known issue's own resolution mended is known already.
        plans = [self._changes.load(one.change).plan for one in held if one.issue is None]
        plans = plans or [self._changes.load(one.change).plan for one in held]
        if plans:
            steps = [_step(action) for plan in plans for action in plan.actions]
            # The same was done on each host of several.
            yield from (step for at, step in enumerate(steps) if step not in steps[:at])
            return
        finding = next((f for f in case.incident.findings if f.fingerprint == claim.finding), None)
        advice = case.incident.diagnosis.next_steps if case.incident.diagnosis else []
        command = next((step.command for step in advice if step.command), None)
        title = finding.remedy if finding else advice[0].text if advice else claim.text
        yield {
            "title": title.splitlines()[0][:140],
            "run": command or "true",
            "verify": {"run": "true"},
            "by_hand": True,
            "notes": "Not carried out in the incident that this was learned from.",
        }


def _held(incident: Incident) -> list[Repair]:
    """The changes that mended something."""
    return [one for one in incident.repairs if one.outcome.host_state == "new"]


def _claims(incident: Incident) -> list[Claim]:
    return incident.diagnosis.root_causes if incident.diagnosis else []


def _concerned(case: Case) -> set[str]:
    """The known issues that the incident had: by signature, by a proven cause, or by what held."""
    holding = {r.issue.id for r in case.recognised if isinstance(r.verdict, Holds)}
    proven = {claim.known_issue for claim in _claims(case.incident) if claim.supported}
    causes = {claim.finding for claim in _claims(case.incident) if claim.supported}
    covered = [covering(case, one) for one in _findings(case) if one.fingerprint in causes]
    known = {issue.id for issue in covered if issue is not None}
    mended = {one.issue for one in _held(case.incident)}
    return holding | known | {id for id in proven | mended if id is not None}


def _proven(case: Case, bench: Bench) -> Claim:
    """The cause that the lesson is about. Raises Refusal: none was proven."""
    claim = next((one for one in _claims(case.incident) if one.supported), None)
    if claim is None:
        raise Refusal(bench.present.text("lesson_unproven"))
    return claim


def _severity(case: Case, claim: Claim) -> str:
    found = [f for f in _findings(case) if f.fingerprint == claim.finding]
    return found[0].severity if found else "medium"


def _step(action: Action) -> dict[str, Any]:
    verify: dict[str, Any] = {"when": action.verify.when}
    if action.verify.run:
        verify = {"run": action.verify.run, "exit_codes": list(action.verify.exit_codes)}
    return {
        "title": action.title,
        "run": action.run,
        "undo": action.undo,
        "verify": verify,
        "keep_files": list(action.keep_files),
        "pre_state": list(action.pre_state),
        "timeout_s": action.timeout_s,
        "hold_s": action.hold_s,
    }


def _findings(case: Case) -> list[Finding]:
    """The findings, and those that a change has made go away."""
    return [*case.incident.findings_before, *case.incident.findings]


def _must_tell(lesson: SaveLesson, bench: Bench, claim: Claim) -> None:
    """A signature has to hold where the fault was, and not where it is mended. Raises Refusal."""
    case = bench.case
    assert lesson.signature is not None
    try:
        condition = Condition.compile(lesson.signature, lesson.each)
    except (CheckInvalid, ValueError) as error:
        raise Refusal(bench.present.text("lesson_signature", why=str(error))) from error
    then = {host: condition.evaluate(FactContext(f)) for host, f in faulty_facts(case).items()}
    holding = {host for host, verdict in then.items() if isinstance(verdict, Holds)}
    if not holding:
        clear = any(isinstance(verdict, Clear) for verdict in then.values())
        unknown = f"it can't be judged: {next(iter(then.values()), 'there are no facts')}"
        why = "it holds on no host" if clear else unknown
        raise Refusal(bench.present.text("lesson_signature", why=why))
    finding = next((f for f in _findings(case) if f.fingerprint == claim.finding), None)
    where = finding.host if finding else claim.host
    if where in then and where not in holding:
        why = f"it does not hold on {where}, which has the fault"
        raise Refusal(bench.present.text("lesson_signature", why=why))
    for host in {one.host for one in _held(case.incident)} & holding & {*case.facts}:
        looked_again = case.incident.facts.get(host) != case.incident.facts_before.get(host)
        if looked_again and isinstance(condition.evaluate(FactContext(case.facts[host])), Holds):
            raise Refusal(bench.present.text("lesson_still_holds", host=host))
