"""Coming back to a conversation: which one, what was said last, whether a turn did not end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sme_cli import session
from sme_tools.errors import UsageError
from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from sme_cli.chat.conversation import Chat
    from sme_memory.incident import Incident

LISTED = 15
SHOWN_CHARACTERS = 600
"""Of the last exchange."""
NO_ONE = UsageError("there is no conversation to come back to", remedy="Begin one: sme chat")


@dataclass(frozen=True)
class Earlier:
    """A conversation, or another incident, that can be gone on with."""

    incident: Incident
    last_at: datetime
    about: str


def earlier(limit: int = LISTED) -> list[Earlier]:
    """Those there are, the latest first."""
    from sme_memory.conversations import FILE_NAME, ConversationStore

    path = session.settings().state_dir / FILE_NAME
    talked = {}
    if path.exists():
        talked = {one.incident: one for one in ConversationStore(path).latest(limit)}
    incidents = {one.id: one for one in session.incidents().list(limit=limit)}
    for id in talked.keys() - incidents.keys():
        incidents[id] = session.incidents().load(id)
    found = []
    for id, incident in incidents.items():
        said = talked.get(id)
        last = incident.timeline[-1].at if incident.timeline else incident.started_at
        words = said.first_words if said else incident.symptom or "a general look"
        found.append(Earlier(incident, max(last, said.last_at) if said else last, words))
    return sorted(found, key=lambda one: one.last_at, reverse=True)[:limit]


def choose() -> Incident | None:
    """Have the person choose one on the terminal; None if they want none of them."""
    from sme_cli.asking import read_line

    listed = earlier()
    if not listed:
        raise NO_ONE
    print_list(listed)
    while True:
        typed = read_line("Which one? A number, or Enter for none  > ", sys.stdout)
        if not typed:
            return None
        if typed.isdecimal() and 1 <= int(typed) <= len(listed):
            return listed[int(typed) - 1].incident
        sys.stdout.write(f"There are 1 to {len(listed)}.\n")


def print_list(listed: Sequence[Earlier]) -> None:
    """Print them with their numbers."""
    from rich.text import Text

    from sme_cli.render.out import console

    screen = console()
    for number, one in enumerate(listed, 1):
        when = f"{one.last_at.astimezone():%Y-%m-%d %H:%M}"
        hosts = ", ".join(one.incident.hosts) or "no host"
        row = Text(f"{number:>3} {one_line(f'{when}  {hosts}: {one.about}')}")
        row.truncate(max(screen.width - 1, 20), overflow="ellipsis")
        screen.print(row, soft_wrap=True)


def show_last(chat: Chat) -> None:
    """Show shortly what was said last."""
    from sme_cli.chat.export import exchanges

    incident = chat.talk.incident
    said = list(exchanges(chat))
    last = max((at for at, one in enumerate(said) if one.by == "you"), default=-1)
    asked = said[last].text if last >= 0 else incident.symptom
    answered = next((one.text for one in reversed(said[last + 1 :]) if one.by == "sme"), None)
    if answered is None and incident.diagnosis is not None and not chat.talk.is_unfinished:
        answered = incident.diagnosis.summary
    if asked:
        chat.face.put_text(f"› {_shortened(_without_what_was_attached(asked))}")
    if answered:
        chat.face.put_markdown(_shortened(answered) + "\n")


def go_on(chat: Chat) -> None:
    """Where a turn did not end, ask whether to go on with it, and do; say what stands still."""
    changes = chat.opened.colleague.changes.to_resume(chat.talk.incident.id)
    if hosts := ", ".join(one.plan.host for one in changes if one.has_begun):
        way = "/fix goes on with it, /undo takes it back."
        chat.face.complain(f"a change stands still on {hosts}", way)
    if chat.talk.is_unfinished and chat.confirms("The last turn did not end. Go on with it?"):
        chat.carry_out(lambda talk: talk.go_on())


def _without_what_was_attached(text: str) -> str:
    """The beginning of a message: after an empty line may stand what a model was told with it."""
    first, _, rest = text.partition("\n\n")
    return f"{first} …" if rest.strip() else first


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS].rstrip()} …"
