"""A conversation in the form in which litellm takes it, as the model's provider wants it.

litellm takes OpenAI's form for every provider and turns it into the provider's own.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sme_agent.llm.manner import Manner, manner_of, wire_id, wire_name
from sme_agent.llm.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage
from sme_agent.llm.model import Model, Prompt
from sme_agent.llm.pairs import paired
from sme_agent.llm.reasoning_back import given_back
from sme_agent.llm.text_tools import as_text, tools_section
from sme_prompts.load import Prompts

Wire = dict[str, Any]
_FILLER = "…"
CACHED = {"cache_control": {"type": "ephemeral"}}
"""Marks what comes before it as worth keeping in Anthropic's cache."""


def wire_messages(
    model: Model, prompt: Prompt, prompts: Prompts, *, without: Collection[str] = ()
) -> list[Wire]:
    """The messages of a request, the system prompt first.

    `without` names what the server has refused before. `prompts` has the words for tools in text.
    """
    manner = manner_of(model, without)
    system = prompt.system
    conversation: Iterable[Message] = paired(prompt.messages)
    if model.traits.tools == "text":
        conversation = as_text(conversation)
        if prompt.tools:
            system = f"{system}\n\n{tools_section(prompt, prompts)}".strip()
    written = list(_written(_joined(list(conversation)), model, manner))
    if manner.result_before_user:
        written = list(_answered_results(written))
    head = [{"role": "system", "content": system}] if system else []
    return _marked(head, written) if manner.marks_cache else head + written


def _written(messages: Sequence[Message], model: Model, manner: Manner) -> Iterator[Wire]:
    in_calls = _turns_with_calls(messages)
    for number, message in enumerate(messages):
        if isinstance(message, UserMessage):
            yield {"role": "user", "content": message.text}
        elif isinstance(message, ToolMessage):
            yield {
                "role": "tool",
                "tool_call_id": wire_id(message.call, manner.ids),
                "content": message.text,
            }
        else:
            wire = _assistant(message, model, manner, with_calls=number in in_calls)
            # Nothing but reasoning that does not go back: an empty message is refused by many.
            if len(wire) > 2 or wire["content"]:
                yield wire


def _assistant(
    message: AssistantMessage, model: Model, manner: Manner, *, with_calls: bool
) -> Wire:
    wire: Wire = {"role": "assistant", "content": message.text}
    own = message.model == model.name
    if message.calls:
        wire["content"] = message.text or (None if manner.null_content else "")
        wire["tool_calls"] = [_call(call, message, manner, own=own) for call in message.calls]
    if not manner.reasoning_with_calls_only or with_calls:
        wire |= given_back(message, model, manner)
    return wire


def _call(call: ToolCall, message: AssistantMessage, manner: Manner, *, own: bool) -> Wire:
    given = call.arguments if call.unreadable is None else {"unreadable": call.unreadable}
    wire: Wire = {
        "id": wire_id(call.id, manner.ids),
        "type": "function",
        "function": {
            "name": wire_name(call.name),
            "arguments": json.dumps(given, ensure_ascii=False),
        },
    }
    for block in message.opaque if own else ():
        if block.get("type") == "call" and block.get("call") == call.id:
            extra = dict(block["extra"])
            signature = extra.pop("thought_signature", None)
            if signature and manner.reasoning_back == "gemini":
                extra["provider_specific_fields"] = {"thought_signature": signature}
            wire |= extra
    return wire


def _turns_with_calls(messages: Sequence[Message]) -> set[int]:
    """The places of all messages of those turns, from one question to the next, that call tools."""
    found: set[int] = set()
    turn: list[int] = []
    calls = False
    for number, message in enumerate(messages):
        if isinstance(message, UserMessage):
            turn, calls = [], False
        turn.append(number)
        calls = calls or (isinstance(message, AssistantMessage) and bool(message.calls))
        if calls:
            found.update(turn)
    return found


def _joined(messages: Sequence[Message]) -> list[Message]:
    """Messages of one side that follow each other as one: many models' templates demand turns."""
    result: list[Message] = []
    for message in messages:
        last = result[-1] if result else None
        if isinstance(message, UserMessage) and isinstance(last, UserMessage):
            result[-1] = last.model_copy(update={"text": f"{last.text}\n\n{message.text}"})
        elif _continues(last, message):
            result[-1] = _continued(last, message)  # type: ignore[arg-type]
        else:
            result.append(message)
    return result


def _continues(last: Message | None, message: Message) -> bool:
    return (
        isinstance(last, AssistantMessage)
        and isinstance(message, AssistantMessage)
        and not last.calls
        and last.model == message.model
    )


def _continued(last: AssistantMessage, message: AssistantMessage) -> AssistantMessage:
    return message.model_copy(
        update={
            "text": last.text + message.text,
            "reasoning": last.reasoning + message.reasoning,
            "opaque": last.opaque + message.opaque,
        }
    )


def _answered_results(written: Sequence[Wire]) -> Iterator[Wire]:
    before = ""
    for wire in written:
        if before == "tool" and wire["role"] == "user":
            yield {"role": "assistant", "content": _FILLER}
        before = wire["role"]
        yield wire


def _marked(head: list[Wire], written: list[Wire]) -> list[Wire]:
    """Mark the system prompt, and the last two messages that are not the model's own.

    The newer mark is written to the cache by this request, the older one read from it. With the
    one on the tools that makes four, the most that Anthropic allows.
    """
    for wire in head:
        wire["content"] = [{"type": "text", "text": wire["content"], **CACHED}]
    places = [number for number, wire in enumerate(written) if wire["role"] != "assistant"][-2:]
    for place in places:
        wire = written[place]
        if wire["role"] == "tool":
            wire |= CACHED
        else:
            wire["content"] = [{"type": "text", "text": wire["content"], **CACHED}]
    return head + written
