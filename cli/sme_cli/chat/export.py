"""A conversation as Markdown: what was said, then the worksheet of its incident."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sme_cli.chat.conversation import Said
from sme_cli.chat.models import model_of

if TYPE_CHECKING:
    from sme_cli.chat.conversation import Chat

_WHO = {"you": "You", "sme": "Debug SME"}


def markdown(chat: Chat) -> str:
    """The whole conversation so far and the worksheet."""
    from sme_memory.worksheet import worksheet
    from sme_tools.safety.control import visible

    case = chat.talk.case
    parts = ["# Conversation", ""]
    for said in exchanges(chat):
        lines = visible(said.text).strip().splitlines()
        quoted = [f"> {line}".rstrip() for line in lines] if said.by == "you" else lines
        parts += [f"**{_WHO[said.by]}**", "", *quoted, ""]
    redact = chat.opened.colleague.guard.redactor.text
    return redact("\n".join([*parts, worksheet(case.incident, list(case.evidence.values()))]))


def exchanges(chat: Chat) -> Iterator[Said]:
    """What the person and sme said, with what was said before it was resumed, as far as known."""
    model = model_of(chat.talk)
    if model is None:
        yield from chat.said
        return
    from sme_agent.llm.messages import AssistantMessage, UserMessage

    for message in model.messages(chat.talk.case):
        if isinstance(message, UserMessage) and message.origin == "person":
            yield Said("you", message.text)
        elif isinstance(message, AssistantMessage) and message.text.strip():
            yield Said("sme", message.text)
