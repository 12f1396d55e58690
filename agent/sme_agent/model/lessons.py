"""What an incident taught: the model proposes, and only what was verified is kept.

A lesson becomes a known issue with the status candidate, or is added to one that is known. Its
steps are those of changes that held, never what a model says would help; its signature must hold on
the facts of the host that had the fault, and no longer where it was mended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sme_agent.case import Case
from sme_agent.events import Learned
from sme_agent.model.arguments import SaveLesson
from sme_agent.model.bench import Bench, Refusal
from sme_knowledge.known_issue import KnownIssue
from sme_knowledge.writing import save, updated
from sme_memory.changes import ChangeStore
from sme_memory.evolution_log import EvolutionLog
from sme_memory.incident import Claim, Incident, Repair
from sme_tools.actions.plan import Action
from sme_tools.checks.conditions import Clear, Condition, FactContext, Holds
from sme_tools.errors import CheckInvalid, KnownIssueInvalid
from sme_tools.facts import Facts
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
        found = [f for f in case.incident.findings if f.fingerprint in causes]
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

    def keep(
        self, lesson: SaveLesson, bench: Bench, model: str, faulty: Mapping[str, Facts]
    ) -> Learned:
        """Write the lesson down; `faulty` are facts as they were before a change, by host.

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
            issue = self._new(lesson, bench, faulty)
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
        return updated(
            old,
            on=datetime.now(UTC).date(),
            symptoms=lesson.symptoms,
            incidents=[bench.case.incident.id],
            story_addition=self._redactor.text(lesson.story or lesson.reason),
        )

    def _new(self, lesson: SaveLesson, bench: Bench, faulty: Mapping[str, Facts]) -> KnownIssue:
        case = bench.case
        claim = _proven(case, bench)
        missing = [
            name
            for name in ("issue", "title", "root_cause", "symptoms")
            if not getattr(lesson, name)
        ]
        if missing:
            raise Refusal(bench.present.text("lesson_lacks", missing=missing))
        if any(one.id == lesson.issue for one in case.issues):
            raise Refusal(bench.present.text("lesson_known", issue=lesson.issue))
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
            _must_tell(lesson, bench, faulty)
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
        for repair in _held(case.incident):
            for action in self._changes.load(repair.change).plan.actions:
                yield _step(action)
            return
        finding = next((f for f in case.incident.findings if f.fingerprint == claim.finding), None)
        advice = case.incident.diagnosis.next_steps if case.incident.diagnosis else []
        command = next((step.command for step in advice if step.command), None)
        yield {
            "title": (finding.remedy if finding else advice[0].text if advice else claim.text)[
                :140
            ].splitlines()[0],
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


def _proven(case: Case, bench: Bench) -> Claim:
    """The cause that the lesson is about. Raises Refusal: none was proven."""
    claim = next((one for one in _claims(case.incident) if one.supported), None)
    if claim is None:
        raise Refusal(bench.present.text("lesson_unproven"))
    return claim


def _severity(case: Case, claim: Claim) -> str:
    found = [f for f in case.incident.findings if f.fingerprint == claim.finding]
    return found[0].severity if found else "medium"


def _step(action: Action) -> dict[str, Any]:
    verify = {"when": action.verify.when} if action.verify.when else {"run": action.verify.run}
    return {
        "title": action.title,
        "run": action.run,
        "undo": action.undo,
        "verify": verify,
        "keep_files": list(action.keep_files),
    }


def _must_tell(lesson: SaveLesson, bench: Bench, faulty: Mapping[str, Facts]) -> None:
    """A signature has to hold where the fault was, and not where it is mended. Raises Refusal."""
    case = bench.case
    assert lesson.signature is not None
    try:
        condition = Condition.compile(lesson.signature, lesson.each)
    except (CheckInvalid, ValueError) as error:
        raise Refusal(bench.present.text("lesson_signature", why=str(error))) from error
    then = {
        host: condition.evaluate(FactContext(f)) for host, f in {**case.facts, **faulty}.items()
    }
    holding = [host for host, verdict in then.items() if isinstance(verdict, Holds)]
    if not holding:
        clear = any(isinstance(verdict, Clear) for verdict in then.values())
        why = (
            "it holds on no host"
            if clear
            else f"it can't be judged: {next(iter(then.values()), '')}"
        )
        raise Refusal(bench.present.text("lesson_signature", why=why))
    for host in {one.host for one in _held(case.incident)} & {*holding} & {*faulty}:
        looked_again = case.facts[host].document() != faulty[host].document()
        if looked_again and isinstance(condition.evaluate(FactContext(case.facts[host])), Holds):
            raise Refusal(bench.present.text("lesson_still_holds", host=host))
