"""`/evidence`, `/show`, `/hypotheses`, `/worksheet`, `/reasoning`: what was found, and how."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sme_cli.chat.commands.command import Command
from sme_cli.chat.shelf import evidence_text
from sme_tools.errors import UsageError
from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from sme_cli.chat.conversation import Chat
    from sme_tools.hosts.evidence import Evidence

_MARKS = {"confirmed": "✓", "refuted": "✗", "inconclusive": "?", "open": "·"}


def _evidence(chat: Chat, words: list[str]) -> None:
    if words:
        chat.face.page(evidence_text(_find(chat, words[0])))
        return
    kept = [item for item in chat.talk.case.evidence.values() if not item.is_absent]
    if not kept:
        chat.face.put_text("  There is no evidence yet.")
        return
    chat.face.page("\n".join(map(_line, kept)))


def _line(item: Evidence) -> str:
    how = item.outcome if item.exit_code is None else f"exit {item.exit_code}"
    lines = len(item.stdout.splitlines()) + len(item.stderr.splitlines())
    named = "" if item.command == item.step or "\n" in item.command else f"  {item.command}"
    return f"  {item.id}  ({how}, {lines} lines){one_line(named)[:100]}"


def _find(chat: Chat, id: str) -> Evidence:
    """The evidence with this id; without a round, or a host, the latest that fits."""
    evidence = chat.talk.case.evidence
    if id in evidence:
        return evidence[id]
    fitting = [item for item in evidence.values() if id in (_base(item), item.step)]
    if fitting:
        return fitting[-1]
    from difflib import get_close_matches

    near = get_close_matches(id, [*evidence, *map(_base, evidence.values())], n=2)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise UsageError(f"there is no evidence {id!r}", remedy=f"See what there is: /evidence.{hint}")


def _base(item: Evidence) -> str:
    return item.id.rpartition("#")[0]


def _show(chat: Chat, words: list[str]) -> None:
    shelf = chat.face.shelf
    if not words:
        if not (titles := shelf.titles()):
            raise UsageError("nothing was done yet that could be opened")
        chat.face.page("\n".join(f"{n:>3} {title}" for n, title in enumerate(titles, 1)))
    elif words[0].isdecimal():
        chat.face.page(shelf.open(int(words[0])))
    else:
        chat.face.page(evidence_text(_find(chat, words[0])))


def _hypotheses(chat: Chat, words: list[str]) -> None:
    board = sorted(chat.talk.incident.hypotheses, key=lambda one: one.priority)
    if not board:
        chat.face.put_text("  There is no hypothesis yet.")
        return
    lines = []
    for one in board:
        lines.append(f"{_MARKS[one.status]} {one.id} {one.status}: {one_line(one.theory)}")
        lines += [f"    {one_line(one.reason)}"] if one.reason else []
        lines.append(f"    test: {one_line(one.test)}")
        lines += [f"    for: {', '.join(one.evidence_for)}"] if one.evidence_for else []
        lines += [f"    against: {', '.join(one.evidence_against)}"] if one.evidence_against else []
    chat.face.page("\n".join(lines))


def _worksheet(chat: Chat, words: list[str]) -> None:
    from sme_memory.worksheet import worksheet

    case = chat.talk.case
    chat.face.page(worksheet(case.incident, list(case.evidence.values())))


def _reasoning(chat: Chat, words: list[str]) -> None:
    from sme_cli.chat.showing import Showing

    if not isinstance(chat.face, Showing):
        raise UsageError("here every piece of reasoning is shown as it comes")
    if words not in ([], ["on"], ["off"]):
        raise UsageError("/reasoning is on or off")
    thoughts = chat.face.thoughts
    thoughts.shown = words == ["on"] if words else not thoughts.shown
    how = "is shown as it comes" if thoughts.shown else "is folded to one line; /show N opens it"
    chat.face.put_text(f"  What a model thinks {how}.")


def _ids(chat: Chat) -> Iterable[str]:
    opened = chat.opening.now
    return [] if opened is None else list(opened.talk.case.evidence)


def _numbers(chat: Chat) -> Iterable[str]:
    return [*map(str, range(1, len(chat.face.shelf.titles()) + 1)), *_ids(chat)]


COMMANDS = (
    Command("evidence", "[ID]", "what was recorded, or one piece of it in full", _evidence, _ids),
    Command(
        "show",
        "[N|ID]",
        "open a line by its number: the whole output, what was thought",
        _show,
        _numbers,
        "N is the number that the line begins with. An ID is that of evidence, as web1/df#1; "
        "without #1 the latest is meant. Without either all numbers are listed.",
    ),
    Command("hypotheses", "", "the theories, and what speaks for and against each", _hypotheses),
    Command("worksheet", "", "the incident as the six-step worksheet", _worksheet),
    Command(
        "reasoning",
        "[on|off]",
        "show what a model thinks as it comes, or fold it to one line",
        _reasoning,
        lambda chat: ["on", "off"],
    ),
)
