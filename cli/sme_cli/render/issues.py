"""A known issue as a page."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from sme_knowledge.known_issue import KnownIssue
from sme_knowledge.store import KnownIssues
from sme_tools.errors import UsageError


def find_issue(issues: KnownIssues, id: str) -> KnownIssue:
    """The issue, or its successor. Raises UsageError, with the nearest ids."""
    found = issues.get(id)
    if found is None:
        near = difflib.get_close_matches(id, issues.by_id, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UsageError(
            f"there is no known issue {id!r}{hint}", remedy="Find it: sme issues search WORDS"
        )
    return found


def page(issue: KnownIssue, seen: Sequence[str]) -> str:
    """Cause, how to tell it, resolution and prevention, as Markdown.

    `seen` are the incidents of which it was the root cause, the latest first.
    """
    lines = [
        f"# {issue.title}",
        f"{issue.id} · {issue.severity} · {issue.status} · {', '.join(issue.applies_to)}",
        f"seen in {len(seen)} incidents, last in {seen[0]}" if seen else "not seen here yet",
        "",
        "## Symptoms",
        *(f"- {symptom}" for symptom in issue.symptoms),
        "",
        "## Root cause",
        issue.root_cause,
    ]
    if issue.signature:
        each = f" (each {issue.signature.each})" if issue.signature.each else ""
        lines += ["", "## Signature", f"    {issue.signature.when}{each}"]
    if issue.diagnosis:
        looks = [f"- sme facts HOST ({look.probe}): {look.why}" for look in issue.diagnosis]
        lines += ["", "## How to tell it from others", *looks]
    lines += ["", "## Resolution"]
    for number, step in enumerate(issue.resolution, 1):
        lines += [f"{number}. {step.title}", *_command("run", step.run)]
        if step.undo:
            lines += _command("undo", step.undo)
        lines += _command("verify", step.verify.when or step.verify.run or "")
        if step.notes:
            lines.append(f"   {step.notes}")
    if issue.prevention:
        lines += ["", "## Prevention", *(f"- {item.text}" for item in issue.prevention)]
    if issue.story.strip():
        lines += ["", issue.story.strip()]
    return "\n".join(lines)


def _command(label: str, text: str) -> list[str]:
    first, *rest = text.strip().splitlines() or [""]
    return [f"   {label + ':':8}{first}", *(f"           {line}" for line in rest)]
