"""Tool calls and their results as pairs: providers refuse a conversation that lacks one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sme_agent.llm.messages import AssistantMessage, Message, ToolMessage, UserMessage

INTERRUPTED = "interrupted"
"""The result of a call that has none: the program was stopped while it ran."""


def paired(messages: Sequence[Message]) -> Iterator[Message]:
    """The conversation with each call's result right after it, in the order of the calls.

    A call without a result gets one; a result without a call becomes what the program says.
    """
    taken: set[int] = set()
    for number, message in enumerate(messages):
        if isinstance(message, ToolMessage):
            if number not in taken:
                yield UserMessage(text=f"{message.name}: {message.text}", origin="program")
            continue
        yield message
        if isinstance(message, AssistantMessage) and message.calls:
            yield from _results(message, messages, number, taken)


def _results(
    message: AssistantMessage, messages: Sequence[Message], number: int, taken: set[int]
) -> Iterator[ToolMessage]:
    following = list(_until_next_calls(messages, number + 1))
    for call in message.calls:
        found = next(
            (
                (place, result)
                for place, result in following
                if result.call == call.id and place not in taken
            ),
            None,
        )
        if found is None:
            yield ToolMessage(call=call.id, name=call.name, text=INTERRUPTED, failed=True)
            continue
        taken.add(found[0])
        yield found[1]
    # A second result of the same call says what the first one did.
    ids = {call.id for call in message.calls}
    taken.update(place for place, result in following if result.call in ids)


def _until_next_calls(messages: Sequence[Message], start: int) -> Iterable[tuple[int, ToolMessage]]:
    for place in range(start, len(messages)):
        message = messages[place]
        if isinstance(message, AssistantMessage) and message.calls:
            return
        if isinstance(message, ToolMessage):
            yield place, message
