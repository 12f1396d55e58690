"""The arguments of the tools, as they are checked before anything is done.

What a model is told of them is in `sme_prompts/templates/tools.yaml`; a test holds both together.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sme_memory.incident import Confidence, HypothesisStatus, Verdict
from sme_tools.actions.plan import FilePath


def _one_as_list(value: object) -> object:
    """Models often give one text where a list of texts is meant, or the list as JSON in a text."""
    parsed = _of_json(value)
    if isinstance(parsed, list) and all(isinstance(one, str) for one in parsed):
        return parsed
    return [value] if isinstance(value, str) else value


def _one_as_objects(value: object) -> object:
    """The same where a list of objects is meant."""
    parsed = _of_json(value)
    return [parsed] if isinstance(parsed, dict) else parsed


def _of_json(value: object) -> object:
    with contextlib.suppress(ValueError):
        return json.loads(value) if isinstance(value, str) else value
    return value


def _one_as_advice(value: object) -> object:
    """The same where texts alone may be meant as well."""
    steps = _one_as_objects(value)
    steps = [steps] if isinstance(steps, str) else steps
    if not isinstance(steps, list):
        return steps
    return [{"text": one} if isinstance(one, str) else one for one in steps]


def _as_id(value: object) -> object:
    """An id of a known issue, however it was written."""
    return "-".join(re.findall(r"[a-z0-9]+", value.lower())) if isinstance(value, str) else value


def _one_of(*allowed: str) -> BeforeValidator:
    """Models write a fixed word in their own way: `Cause_Found`."""

    def normal(value: object) -> object:
        if not isinstance(value, str):
            return value
        word = value.strip().lower().replace("_", "-").replace(" ", "-")
        return word if word in allowed else value

    return BeforeValidator(normal)


Words = Annotated[list[str], BeforeValidator(_one_as_list), Field(max_length=40)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Line = Annotated[str, Field(min_length=1, max_length=2000)]
NO_REASON = "the model did not say what for"
"""For the audit log. Models are asked what a look is for, and often forget it; nothing is refused
for that."""
Shell = Annotated[str, Field(min_length=1, max_length=8000)]


class Arguments(BaseModel):
    """Base of them all."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Look(Arguments):
    """Probes to run on a host."""

    host: Name
    probes: Annotated[Words, Field(min_length=1)]
    why: Line = NO_REASON


class Run(Arguments):
    """A command to run on a host."""

    host: Name
    command: Shell
    why: Line = NO_REASON


class ReadFile(Arguments):
    """A slice of a file on a host."""

    host: Name
    path: FilePath
    first_line: int = 1
    lines: Annotated[int, Field(ge=1, le=2000)] = 200
    pattern: str | None = None


class ReadLogs(Arguments):
    """Logs of a host."""

    host: Name
    unit: str | None = None
    path: FilePath | None = None
    container: str | None = None
    since: str | None = None
    pattern: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.unit, self.path, self.container)) > 1:
            raise ValueError("name one of unit, path and container")
        return self


class FindEvidence(Arguments):
    """A search in what is stored, or a page of it."""

    id: str | None = None
    pattern: str | None = None
    first_line: int = 1
    lines: Annotated[int, Field(ge=1, le=400)] = 60
    column: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.id and not self.pattern:
            raise ValueError("give an id, a pattern or both")
        return self


class AnalyseSeries(Arguments):
    """Numbers in stored output."""

    id: Name
    pattern: Line
    limit: float | None = None


class KnownIssues(Arguments):
    """A search in the known issues, or one of them."""

    query: str | None = None
    id: str | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.id and not self.query:
            raise ValueError("give a query or an id")
        return self


class PastIncidents(Arguments):
    """Earlier incidents."""

    query: str | None = None
    host: str | None = None
    id: str | None = None


class PutHypothesis(Arguments):
    """A theory about the cause."""

    id: str | None = None
    theory: Line | None = None
    test: str | None = None
    status: Annotated[HypothesisStatus | None, _one_of(*get_args(HypothesisStatus))] = None
    evidence_for: Words = []
    evidence_against: Words = []
    reason: str | None = None

    @model_validator(mode="after")
    def _new_has_a_theory(self) -> Self:
        if not self.id and not self.theory:
            raise ValueError("a new hypothesis has to say its theory")
        return self


class AskUser(Arguments):
    """A question to the person."""

    question: Line
    choices: Words = []


class FixStep(Arguments):
    """One step of a change."""

    title: Annotated[str, Field(min_length=1, max_length=140)]
    run: Shell
    undo: Shell | None = None
    verify: Shell
    keep_files: Words = []


class ProposeFix(Arguments):
    """A change of a host."""

    host: Name
    known_issue: str | None = None
    parameters: dict[str, str] = {}
    steps: Annotated[list[FixStep], BeforeValidator(_one_as_objects), Field(max_length=12)] = []
    finding: str | None = None
    why: Line = NO_REASON

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.known_issue) == bool(self.steps):
            raise ValueError("give either known_issue or steps")
        return self


class Cause(Arguments):
    """A root cause as a model states it."""

    host: Annotated[str, Field(max_length=200)] = ""
    """May be left out where there is but one."""
    text: Line
    evidence: Words = []
    quotes: Words = []
    finding: str | None = None
    known_issue: str | None = None


class Advice(Arguments):
    """Something to do next."""

    text: Line
    command: str | None = None


class Conclude(Arguments):
    """A diagnosis as a model states it."""

    summary: Annotated[str, Field(min_length=1, max_length=400)]
    causes: Annotated[list[Cause], BeforeValidator(_one_as_objects), Field(max_length=8)]
    verdict: Annotated[Verdict, _one_of(*get_args(Verdict))]
    confidence: Annotated[Confidence, _one_of(*get_args(Confidence))]
    next_steps: Annotated[
        list[Advice],
        BeforeValidator(_one_as_advice),
        Field(max_length=12),
    ] = []


class SaveLesson(Arguments):
    """What an incident taught."""

    kind: Annotated[Literal["new", "update", "skip"], _one_of("new", "update", "skip")]
    reason: Line
    issue: Annotated[str | None, BeforeValidator(_as_id)] = None
    title: str | None = None
    symptoms: Words = []
    root_cause: str | None = None
    signature: str | None = None
    each: str | None = None
    prevention: Words = []
    story: str | None = None


ARGUMENTS: dict[str, type[Arguments]] = {
    "look": Look,
    "run": Run,
    "read_file": ReadFile,
    "read_logs": ReadLogs,
    "evidence": FindEvidence,
    "analyse_series": AnalyseSeries,
    "known_issues": KnownIssues,
    "past_incidents": PastIncidents,
    "hypothesis": PutHypothesis,
    "ask_user": AskUser,
    "propose_fix": ProposeFix,
    "conclude": Conclude,
    "save_lesson": SaveLesson,
}
"""The tools there are, and what each takes."""
