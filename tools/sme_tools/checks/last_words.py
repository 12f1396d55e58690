"""What a unit, a container or a log said itself, as a witness to what it died of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sme_tools.checks.check import Explains
from sme_tools.checks.conditions import matches_any
from sme_tools.checks.finding import Finding
from sme_tools.facts import Facts

_TROUBLE = re.compile(
    r"(?i)error|fatal|fail|denied|exception|can't|cannot|could not|unable|refused|panic|not found"
    r"|no such|missing|invalid|unknown|illegal|abort|timed? ?out|crit|traceback|problem|expired"
    r"|not permitted|errno|killed|out of memory|no space|read-only|uninitialized|only run as"
)
_OF_SYSTEMD = re.compile(
    r"^[\w@.:\\-]+\.(?:service|mount|socket|timer|swap): |^Failed to start "
    r"|^(?:Start|Stopp|Fail)(?:ed|ing) [\w@.:\\-]+\.\w+ - "
)
"""`x.service: Main process exited, …`: what systemd says of every unit that fails."""

_WITNESSES = {
    "services.": ("services.details", "log"),
    "containers.": ("containers.docker_logs", "lines"),
}


def last_words(effect: Finding, facts: Facts | None) -> list[str]:
    """The lines that tell of trouble among what the effect's subject said last; often none."""
    if effect.check.startswith(("logs.", "database.")):
        example = effect.facts.get("example")
        return [str(example)] if example else []
    for domain, (probe, field) in _WITNESSES.items():
        if effect.check.startswith(domain) and facts is not None:
            return _lines_about(effect, facts.get(probe) or [], field)
    return []


def _lines_about(
    effect: Finding, witnesses: Sequence[Mapping[str, object]], field: str
) -> list[str]:
    name = effect.facts.get("name", effect.subject)
    for witness in witnesses:
        lines = witness.get(field)
        if witness.get("name") == name and isinstance(lines, Sequence):
            said = [str(line) for line in lines]
            return [x for x in said if _TROUBLE.search(x) and not _OF_SYSTEMD.search(x)]
    return []


def agree(link: Explains, cause: Finding, words: Sequence[str]) -> bool:
    """Whether the effect's last words bear the link out, as far as it asks for that."""
    expression = link.says or link.may_say
    if expression is None:
        return True
    if not words:
        # Silence bears out a link that ties the two by their subjects, and proves nothing else.
        return link.says is None and link.when is not None
    name = re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", cause.subject)
    return matches_any(expression.replace("{subject}", rf"(?:^|\W){name}(?:\W|$)"), words)
