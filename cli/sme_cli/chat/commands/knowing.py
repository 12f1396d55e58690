"""`/issues` and `/learn`: what is known, and what this conversation taught."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sme_cli import completion, session
from sme_cli.chat.commands.command import Command
from sme_cli.chat.models import must_be_model
from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from sme_agent.events import Learned
    from sme_cli.chat.conversation import Chat

MOST_FOUND = 5


def _issues(chat: Chat, words: list[str]) -> None:
    from sme_cli.render.issues import page

    if not words:
        _near(chat)
        return
    issues = session.known_issues()
    if len(words) == 1 and (issue := issues.get(words[0])) is not None:
        seen = chat.opened.colleague.incidents.issues_seen().get(issue.id, [])
        chat.face.page(page(issue, seen))
        return
    found = session.retriever(issues).search(" ".join(words), MOST_FOUND)
    lines = [f"  {m.issue.id}: {one_line(m.issue.title)} ({one_line(m.why)})" for m in found]
    chat.face.put_text("\n".join(lines) or f"  Nothing: {found.why_nothing}")


def _near(chat: Chat) -> None:
    case = chat.talk.case
    diagnosis = case.incident.diagnosis
    known = {match.id: match for match in diagnosis.known_issues} if diagnosis else {}
    lines = [f"  {one.id}: {one_line(one.title)} ({one_line(one.why)})" for one in known.values()]
    lines += [
        f"  {match.issue.id}: {one_line(match.issue.title)} (sounds alike: {one_line(match.why)})"
        for match in case.near
        if match.issue.id not in known
    ]
    chat.face.put_text(
        "\n".join(lines) or "  No known issue is near. /issues WORDS searches all of them."
    )


def _learn(chat: Chat, words: list[str]) -> None:
    if chat.learned:
        chat.face.put_text("\n".join(map(_learned, chat.learned)))
        return
    must_be_model(chat.talk, "to put what was learned into words")
    chat.carry_out(lambda talk: talk.learn())
    if not chat.learned:
        chat.face.put_text("  Nothing is to be kept of this conversation.")


def _learned(one: Learned) -> str:
    if one.kind == "skip":
        return f"  Nothing new: {one_line(one.reason)}"
    where = f"\n    {one.path}" if one.path else ""
    kind = "A new known issue" if one.kind == "new" else "More about a known issue"
    return f"  {kind}, as a candidate: {one.issue}: {one_line(one.reason)}{where}"


def _ids(chat: Chat) -> Iterable[str]:
    return completion.issues("")


COMMANDS = (
    Command(
        "issues",
        "[ID|WORDS…]",
        "the known issues that are near; one of them; or those that words find",
        _issues,
        _ids,
    ),
    Command(
        "learn",
        "",
        "what this conversation taught, or have the model say what is to be kept",
        _learn,
        None,
        "Only what was verified is kept, as a candidate; sme issues list shows it.",
    ),
)
