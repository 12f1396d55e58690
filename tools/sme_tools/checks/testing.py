"""Testing checks: their references, their conditions, and the examples they carry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sme_tools.checks.check import Check
from sme_tools.checks.conditions import FactContext, Failed, Holds, NotApplicable, Verdict
from sme_tools.checks.references import item_type, unknown_references
from sme_tools.checks.run import judge
from sme_tools.checks.wording import fields
from sme_tools.facts import Facts
from sme_tools.probes.registry import probes


@dataclass(frozen=True)
class CheckProblem:
    """Something that keeps a check from doing its work."""

    check: str
    field: str
    problem: str


@dataclass(frozen=True)
class CheckVerdict:
    """What one check says of one facts document."""

    source: str
    check: str
    verdict: str
    """fires, clear, not applicable, or failed"""
    detail: str


@dataclass
class CheckReport:
    """The result of testing checks."""

    tested: int
    problems: list[CheckProblem] = field(default_factory=list)
    verdicts: list[CheckVerdict] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


def examine_checks(checks: Sequence[Check], documents: Sequence[Facts] = ()) -> CheckReport:
    """Test every check by itself, and say what each makes of the facts given.

    A problem is a name that no probe states, a condition that is not CEL or that errs, a link to a
    check or a probe that does not exist, an example with another verdict than it should have.
    """
    report = CheckReport(len(checks))
    known = {check.id: check for check in checks}
    for check in checks:
        report.problems += _static(check, known)
        report.problems += _examples(check)
    for facts in documents:
        context = FactContext(facts)
        for check in checks:
            verdict = judge(check, context, check.limits)
            name, detail = _in_words(verdict)
            report.verdicts.append(CheckVerdict(facts.host, check.id, name, detail))
            if name == "failed":
                report.problems.append(CheckProblem(check.id, "when", f"{facts.host}: {detail}"))
    return report


def _static(check: Check, known: dict[str, Check]) -> Iterator[CheckProblem]:
    try:
        name = check.condition.name
    except ValueError as error:
        yield CheckProblem(check.id, "when", str(error))
        return
    variables: dict[str, Any] = {"limits": dict.fromkeys(check.limits, float)}
    for path in unknown_references(check.when, check.each, variables):
        yield CheckProblem(check.id, "when", f"no probe states {path}")
    scope = {name} if name else set()
    for template in ("title", "subject", "remedy"):
        for path in fields(getattr(check, template)):
            expression = f"{path} == 0"
            if unknown_references(expression, check.each, variables):
                yield CheckProblem(check.id, template, f"no probe states {path}; names: {scope}")
    for probe in check.deepen:
        if probe not in probes():
            yield CheckProblem(check.id, "deepen", f"there is no probe {probe}")
    yield from _links(check, known)


def _links(check: Check, known: dict[str, Check]) -> Iterator[CheckProblem]:
    for link in check.explains:
        effect = known.get(link.check)
        if effect is None:
            yield CheckProblem(check.id, "explains", f"there is no check {link.check}")
            continue
        if link.when is None:
            continue
        try:
            _ = link.condition
        except ValueError as error:
            yield CheckProblem(check.id, "explains", str(error))
            continue
        variables = {"cause": item_type(check.each), "effect": item_type(effect.each)}
        for path in unknown_references(link.when, None, variables):
            yield CheckProblem(check.id, "explains", f"{link.check}: no probe states {path}")


def _examples(check: Check) -> Iterator[CheckProblem]:
    for name, values, expected in (("fires", check.fires, Holds), ("clear", check.clear, None)):
        facts = Facts(host="example", observed_at=datetime.now(UTC), values=values)
        verdict = judge(check, FactContext(facts), check.limits)
        as_expected = isinstance(verdict, Holds) == (expected is Holds)
        if not as_expected or isinstance(verdict, Failed):
            said, detail = _in_words(verdict)
            yield CheckProblem(check.id, name, f"the example gives: {said} {detail}".strip())


def _in_words(verdict: Verdict) -> tuple[str, str]:
    match verdict:
        case Holds(items):
            return "fires", f"{len(items)}x"
        case NotApplicable(missing):
            return "not applicable", f"no facts about {missing}"
        case Failed(error):
            return "failed", error
    return "clear", ""
