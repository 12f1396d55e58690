"""`/hosts` and `/use`: what the conversation is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sme_cli import completion, session
from sme_cli.chat.commands.command import Command
from sme_tools.errors import UsageError
from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from sme_cli.chat.conversation import Chat


def _hosts(chat: Chat, words: list[str]) -> None:
    case = chat.talk.case
    lines = []
    for name in case.hosts:
        found = sum(finding.host == name for finding in case.incident.findings)
        if name in case.incident.unreachable:
            state = f"not reached: {one_line(case.incident.unreachable[name])}"
        elif name in case.facts:
            state = f"{found} finding{'' if found == 1 else 's'}"
        else:
            state = "not looked at yet"
        lines.append(f"  {one_line(name)}: {state}")
    lines = lines or ["  This conversation is about no host yet."]
    others = sorted({host.name for host in session.inventory().hosts()} - set(case.hosts))
    if others:
        lines.append(f"  /use adds others: {', '.join(map(one_line, others))}")
    chat.face.put_text("\n".join(lines))


def _use(chat: Chat, words: list[str]) -> None:
    if not words:
        raise UsageError("/use needs a host", remedy="For example: /use localhost")
    hosts = session.select(words)
    chat.talk.use(hosts, words)
    names = ", ".join(one_line(host.name) for host in hosts)
    chat.face.put_text(f"  From now on it is about {names} too; the next message looks there.")


def _names(chat: Chat) -> Iterable[str]:
    return completion.hosts("")


COMMANDS = (
    Command("hosts", "", "the hosts that this is about, and what was found there", _hosts),
    Command(
        "use",
        "HOST…",
        "talk about these hosts too",
        _use,
        _names,
        "Hosts, @groups, user@address or snapshot files, as for sme diagnose. The next message "
        "has them looked at.",
    ),
)
