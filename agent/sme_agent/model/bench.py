"""What the model's tools work with, and what can come of their use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sme_agent.case import Case
from sme_agent.model.arguments import Conclude
from sme_agent.model.presenting import Presenter
from sme_agent.reasoner import Desk
from sme_agent.resolution import Wish
from sme_agent.state import Request
from sme_tools.checks.finding import Finding
from sme_tools.hosts.evidence import Evidence


@dataclass(frozen=True)
class Bench:
    """One use of a tool: the case, the desk, and how much the model can be told."""

    case: Case
    desk: Desk
    present: Presenter
    most_chars: int
    """Of what the model is told."""

    def evidence(self, id: str) -> Evidence:
        """The evidence with this id. Raises Refusal: there is none; names those that are near."""
        found = self.case.evidence.get(id)
        if found is None:
            from difflib import get_close_matches

            near = get_close_matches(id, self.case.evidence, n=3, cutoff=0.4)
            raise self.no_such("evidence", id, near)
        return found

    def host(self, name: str) -> str:
        """The name, if it is a host of the incident. Raises Refusal."""
        if name not in self.case.hosts:
            raise self.no_such("host", name, list(self.case.hosts))
        return name

    def no_such(self, kind: str, name: str | None, near: Sequence[str]) -> Refusal:
        """What a model is told that names something that there is not."""
        return Refusal(self.present.text("no_such", kind=kind, wanted=name, near=list(near)))

    def finding(self, id: str) -> Finding | None:
        """The finding with this id, also one that a change has made go away, or None."""
        incident = self.case.incident
        found = [*incident.findings, *incident.findings_before]
        return next((one for one in found if id_of(one) == id.strip("[]")), None)


def id_of(finding: Finding) -> str:
    """A finding's id as the model knows it."""
    return short_id(finding.fingerprint)


def short_id(fingerprint: str) -> str:
    """The id of the finding with this fingerprint: F and its beginning."""
    return f"F{fingerprint[:6]}"


class Refusal(Exception):
    """A tool can't be used like this; the text is for the model."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True)
class Told:
    """It is done, and this is what the model hears."""

    text: str
    about: str = ""
    """What it was used for, for people, in one line."""
    evidence: tuple[str, ...] = ()
    """Ids of what the text shows."""


@dataclass(frozen=True)
class Wanted:
    """Something has to be looked at on a host first."""

    request: Request


@dataclass(frozen=True)
class Fixing:
    """Something is to be changed, if the person agrees."""

    wish: Wish


@dataclass(frozen=True)
class Questioning:
    """The person has to say something first."""

    question: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Concluding:
    """The model states its diagnosis."""

    stated: Conclude


Outcome = Told | Wanted | Fixing | Questioning | Concluding
