"""Causes between findings: which of them accounts for which.

Checks say what they explain; of the findings that hold, a root cause is one that accounts for
others and that nothing accounts for itself. Links stay within a host. Where the effect has left
words of its own, a link can ask that they agree: a full disk does not account for a unit that says
that its configuration is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sme_tools.checks.check import Check, Explains
from sme_tools.checks.conditions import FactContext, Holds
from sme_tools.checks.finding import SEVERITIES, Finding
from sme_tools.checks.last_words import agree, last_words


@dataclass
class CauseGraph:
    """The findings as nodes, by fingerprint, and the links from cause to effect."""

    findings: dict[str, Finding]
    effects: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    causes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def link(self, cause: str, effect: str) -> None:
        """Note that one finding accounts for another."""
        self.effects[cause].add(effect)
        self.causes[effect].add(cause)

    def accounted_for(self, cause: str) -> set[str]:
        """All findings that follow from this one, through others as well; without itself."""
        reached: set[str] = set()
        waiting = [cause]
        while waiting:
            new = self.effects.get(waiting.pop(), set()) - reached
            reached |= new
            waiting += new
        return reached - {cause}

    def roots(self) -> list[Finding]:
        """The findings that nothing accounts for, the likeliest root cause first.

        Findings that account for each other in a circle stand for one: the gravest of them, if
        nothing outside of the circle accounts for it.
        """
        found = []
        for print_, finding in self.findings.items():
            ahead = self._ancestors(print_)
            behind = self.accounted_for(print_)
            circle = ahead & behind
            if ahead - circle:
                continue
            rivals = [self.findings[other] for other in circle] + [finding]
            if min(rivals, key=_gravity) is finding:
                found.append(finding)
        return sorted(found, key=lambda f: (-self._weight(f.fingerprint), *_gravity(f)))

    def cause_of(self, effect: str) -> str | None:
        """The root that accounts for this finding, or None if it is one itself."""
        ancestors = self._ancestors(effect)
        return next((r.fingerprint for r in self.roots() if r.fingerprint in ancestors), None)

    def _ancestors(self, effect: str) -> set[str]:
        reached: set[str] = set()
        waiting = [effect]
        while waiting:
            new = self.causes.get(waiting.pop(), set()) - reached
            reached |= new
            waiting += new
        return reached - {effect}

    def _weight(self, print_: str) -> int:
        """How much would be mended with this one: itself and what it accounts for."""
        concerned = {print_, *self.accounted_for(print_)}
        return sum(_POINTS[self.findings[one].severity] for one in concerned)


_POINTS = {"critical": 16, "high": 8, "medium": 4, "low": 1, "info": 0}


def cause_graph(
    findings: Iterable[Finding],
    checks: Sequence[Check],
    contexts: Mapping[str, FactContext],
) -> CauseGraph:
    """The causes among these findings; `contexts` holds each host's facts, for the conditions."""
    graph = CauseGraph({finding.fingerprint: finding for finding in findings})
    explains = {check.id: check.explains for check in checks}
    for cause in graph.findings.values():
        for link in explains.get(cause.check, ()):
            for effect in graph.findings.values():
                if _accounts_for(link, cause, effect, contexts):
                    graph.link(cause.fingerprint, effect.fingerprint)
    return graph


def _accounts_for(
    link: Explains, cause: Finding, effect: Finding, contexts: Mapping[str, FactContext]
) -> bool:
    if effect.check != link.check or effect.host != cause.host or effect is cause:
        return False
    context = contexts.get(cause.host)
    if link.condition is not None:
        if context is None:
            return False
        verdict = link.condition.evaluate(context, {"cause": cause.facts, "effect": effect.facts})
        if not isinstance(verdict, Holds):
            return False
    return agree(link, cause, last_words(effect, context.facts if context else None))


def _gravity(finding: Finding) -> tuple[int, bool, str, str]:
    """Of two that are equally grave, what is wrong comes before the log line that tells of it."""
    told = finding.check.startswith("logs.")
    return SEVERITIES.index(finding.severity), told, finding.check, finding.subject
