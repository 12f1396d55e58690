"""The case as a model is told it: what is found, the lines that show it, what rules make of it.

What most incidents need to be concluded stands in it, so that no look has to be repeated only to
quote from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from sme_agent.case import Case, Recognised
from sme_agent.diagnosis import diagnose
from sme_agent.llm.tokens import estimate
from sme_agent.model.bench import id_of
from sme_agent.model.presenting import Presenter, output_of
from sme_agent.next_steps import unread
from sme_agent.quotes import MAX_LINE, quote
from sme_agent.relevance import names
from sme_knowledge.retrieval import Match
from sme_memory.incident import Claim, Diagnosis
from sme_tools.analysis.digest import FEWEST_CHARS, digest
from sme_tools.checks.conditions import Holds
from sme_tools.checks.finding import SEVERITIES, Finding
from sme_tools.probes.registry import probes

MOST_NEAR = 3
SAMPLES = 4
"""The level of probes that count for a while: their output tells nobody anything unread."""


@dataclass(frozen=True)
class _Detail:
    """How much is told."""

    findings: int
    quoted: int
    """Of the findings, how many with the line that they rest on."""
    whole_issues: int
    """Of the known issues that account for a root cause, how many with cause and steps."""
    deeper_chars: int
    """Of what rules looked at further for the gravest root cause."""
    lists_probes: bool


_DETAILS = (
    _Detail(60, 12, 3, 2400, lists_probes=True),
    _Detail(30, 8, 2, 1200, lists_probes=True),
    _Detail(15, 6, 1, 600, lists_probes=True),
    _Detail(8, 4, 1, 0, lists_probes=False),
    _Detail(4, 2, 0, 0, lists_probes=False),
)
"""Tried in turn until it fits."""


@dataclass
class Brief:
    """Tells one case, as it is at the moment."""

    case: Case
    present: Presenter

    def told(self, most_tokens: int) -> str:
        """The case within a fence, in as much detail as so many tokens hold."""
        text = ""
        for detail in _DETAILS:
            text = self._in_detail(detail)
            if estimate(text) <= most_tokens:
                break
        while estimate(text) > most_tokens and len(text) > 200:
            text = text[: 3 * len(text) // 4] + "…"  # what is gravest stands first
        # Titles hold names that a host gave; they are data as well.
        return self.present.fenced(text, "the case", len(text))

    def _in_detail(self, detail: _Detail) -> str:
        case, graph = self.case, self.case.causes()
        ordered = sorted(case.incident.findings, key=lambda f: SEVERITIES.index(f.severity))
        findings = [(id_of(f), f, graph.cause_of(f.fingerprint)) for f in ordered]
        holding = [r for r in case.recognised if isinstance(r.verdict, Holds)]
        roots = [f for _, f, cause in findings[: detail.findings] if cause is None]
        rules = diagnose(case) if case.facts else None
        unnamed = [c for c in rules.root_causes if c.finding is None] if rules else []
        blamed = [f for f in ordered if rules and f.fingerprint in _blamed(rules)]
        return self.present.text(
            "case",
            incident=case.incident,
            hosts=case.hosts,
            facts=case.facts,
            findings=findings[: detail.findings],
            quotes={f.fingerprint: _line_of(f, case) for f in roots[: detail.quoted]},
            ids={print_: id_of(f) for print_, f in graph.findings.items()},
            more=len(ordered) - detail.findings,
            recognised=_known(holding, ordered, {*map(id_of, blamed)}, case, detail),
            deeper=self._deeper(blamed, detail.deeper_chars),
            near=_near(case, holding, most=MOST_NEAR if detail.lists_probes else 1),
            lines={c.known_issue: _line_of(_as_finding(c, holding), case) for c in unnamed},
            rules=rules,
            seen_before=case.seen_before,
            unread=unread(case),
            further=self._further if detail.lists_probes else [],
        )

    def _deeper(self, blamed: list[Finding], most_chars: int) -> list[tuple[str, str]]:
        """What the looks brought that the checks of root causes ask for."""
        deepen = {check.id: check.deepen for check in self.case.checks}
        wanted = {f"{f.host}/{probe}": None for f in blamed for probe in deepen.get(f.check, ())}
        cited = {id for finding in self.case.incident.findings for id in finding.evidence}
        items = [
            item
            for item in self.case.evidence.values()
            if f"{item.host}/{item.step}" in wanted
            and probes()[item.step].level < SAMPLES
            and item.id not in cited
            and item.exit_code == 0
            and item.stdout.strip()
        ]
        each = most_chars // max(len(items), 1)
        if each < FEWEST_CHARS:
            return []
        return [(item.id, digest(output_of(item), most_chars=each).render()) for item in items]

    @cached_property
    def _further(self) -> list[str]:
        """Probes that had run on no host when the case was told first, as far as they may apply.

        They stay the same from then on: what stands at the beginning of every prompt should.
        """
        runs = [run for facts in self.case.facts.values() for run in facts.probes]
        there = {run.id.split(".")[0] for run in runs if run.status != "absent"}
        ran = {run.id for run in runs}
        return [id for id in probes() if id not in ran and id.split(".")[0] in there]


def _blamed(rules: Diagnosis) -> set[str | None]:
    """The findings that rules take for root causes."""
    return {claim.finding for claim in rules.root_causes}


def _line_of(finding: Finding, case: Case) -> str:
    """The line that the finding rests on, its blanks made one; else where its output begins."""
    items = [case.evidence[id] for id in finding.evidence if id in case.evidence]
    telling = ((item, line) for item in items for line in quote(finding, item, most=1))
    first = ((i, line[:MAX_LINE]) for i in items for line in i.stdout.splitlines() if line.strip())
    item, line = next(chain(telling, first), (None, ""))
    return " ".join(line.split()) + (f" [{item.id}]" if item and len(items) > 1 else "")


def _as_finding(claim: Claim, holding: list[Recognised]) -> Finding:
    """A known issue that no finding names, in the form in which its lines are looked for."""
    seen = next(r for r in holding if r.issue.id == claim.known_issue)
    items = seen.verdict.items if isinstance(seen.verdict, Holds) else ()
    return Finding(
        check=seen.issue.id,
        host=seen.host,
        subject="host",
        severity=seen.issue.severity,
        title=seen.issue.title,
        remedy="",
        evidence=tuple(claim.evidence),
        facts=next(iter(items), {}),
    )


def _known(
    holding: list[Recognised],
    findings: list[Finding],
    roots: set[str],
    case: Case,
    detail: _Detail,
) -> list[tuple[Recognised, list[str], bool]]:
    """The known issues that hold, the findings that each is about, and whether it is told whole."""
    told = []
    for one in holding:
        about = [id_of(finding) for finding in findings if names(case, one, finding)]
        told.append((one, about, not about or bool(roots & {*about})))
    told.sort(key=lambda entry: not entry[2])
    return [
        (r, about, at < detail.whole_issues and root) for at, (r, about, root) in enumerate(told)
    ]


def _near(case: Case, holding: list[Recognised], most: int) -> list[Match]:
    """Known issues that are near in words and not proven anyway."""
    known = {r.issue.id for r in holding}
    return [match for match in case.near if match.issue.id not in known][:most]
