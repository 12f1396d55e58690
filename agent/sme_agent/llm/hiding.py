"""Names and addresses, hidden in all that goes to a model and put back in all that comes from it.

What the provider gave back only to get it again (signed thinking) is neither hidden nor revealed:
it holds the placeholders that the model saw, and an altered copy would be refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sme_agent.llm.events import Answered, LlmEvent, Reasoning, Text
from sme_agent.llm.messages import AssistantMessage, Message, Tool, ToolCall, ToolMessage
from sme_agent.llm.model import Prompt
from sme_tools.errors import ModelError, ToolCallUnreadable
from sme_tools.safety.anonymise import Anonymiser

_MAY_GROW = re.compile(r"(?:\\?<|\\|&)[A-Za-z0-9:.;&\\-]{0,48}\Z")
"""The end of a piece that the next piece may complete to a placeholder, in any of its forms."""
_TELLING = re.compile(r"[.:@]")
"""What a key must have in it to be hidden: names of parameters have none of these, and must stay
what the tool's schema calls them."""


def hidden(prompt: Prompt, anonymiser: Anonymiser) -> Prompt:
    """The prompt as the model may see it."""
    return replace(
        prompt,
        system=anonymiser.hide(prompt.system),
        messages=[_hidden_message(message, anonymiser) for message in prompt.messages],
        tools=[_hidden_tool(tool, anonymiser) for tool in prompt.tools],
    )


def revealed(events: Iterator[LlmEvent], anonymiser: Anonymiser) -> Iterator[LlmEvent]:
    """The events with what was hidden put back; text waits only while a placeholder may follow."""
    held = {Text: _Held(anonymiser), Reasoning: _Held(anonymiser)}
    try:
        for event in events:
            for kind, pending in held.items():
                if not isinstance(event, kind) and (rest := pending.rest()):
                    yield kind(rest)
            if isinstance(event, Text | Reasoning):
                if ready := held[type(event)].ready(event.text):
                    yield type(event)(ready)
            elif isinstance(event, Answered):
                yield replace(event, message=_revealed_message(event.message, anonymiser))
            else:
                yield event
    except ModelError as error:
        error.message = anonymiser.reveal(error.message)
        error.args = (error.message,)
        if isinstance(error, ToolCallUnreadable):
            error.generation = anonymiser.reveal(error.generation)
        raise


class _Held:
    """Text that comes in pieces, revealed as soon as it can't be the beginning of a placeholder."""

    def __init__(self, anonymiser: Anonymiser) -> None:
        self._anonymiser = anonymiser
        self._pending = ""

    def ready(self, piece: str) -> str:
        """What can be shown now."""
        self._pending += piece
        growing = _MAY_GROW.search(self._pending)
        cut = growing.start() if growing else len(self._pending)
        shown, self._pending = self._pending[:cut], self._pending[cut:]
        return self._anonymiser.reveal(shown)

    def rest(self) -> str:
        """What is left: nothing follows it."""
        shown, self._pending = self._pending, ""
        return self._anonymiser.reveal(shown)


def _hidden_message(message: Message, anonymiser: Anonymiser) -> Message:
    hide = anonymiser.hide
    if isinstance(message, ToolMessage):
        return message.model_copy(update={"text": hide(message.text)})
    update: dict[str, Any] = {"text": hide(message.text)}
    if isinstance(message, AssistantMessage):
        update["reasoning"] = hide(message.reasoning)
        update["calls"] = tuple(_hidden_call(call, anonymiser) for call in message.calls)
    return message.model_copy(update=update)


def _hidden_call(call: ToolCall, anonymiser: Anonymiser) -> ToolCall:
    arguments = {name: _hidden_value(value, anonymiser) for name, value in call.arguments.items()}
    unreadable = None if call.unreadable is None else anonymiser.hide(call.unreadable)
    return call.model_copy(update={"arguments": arguments, "unreadable": unreadable})


def _hidden_tool(tool: Tool, anonymiser: Anonymiser) -> Tool:
    return tool.model_copy(
        update={
            "description": anonymiser.hide(tool.description),
            "parameters": _hidden_value(tool.parameters, anonymiser),
        }
    )


def _hidden_value(value: Any, anonymiser: Anonymiser) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return anonymiser.hide(value)
    if isinstance(value, list | tuple):
        return [_hidden_value(item, anonymiser) for item in value]
    if isinstance(value, dict):
        return {
            anonymiser.hide(key) if _TELLING.search(key) else key: _hidden_value(item, anonymiser)
            for key, item in value.items()
        }
    return value


def _revealed_message(message: AssistantMessage, anonymiser: Anonymiser) -> AssistantMessage:
    reveal = anonymiser.reveal
    calls = tuple(
        call.model_copy(
            update={
                "arguments": _revealed_value(call.arguments, anonymiser),
                "unreadable": None if call.unreadable is None else reveal(call.unreadable),
            }
        )
        for call in message.calls
    )
    update = {"text": reveal(message.text), "reasoning": reveal(message.reasoning), "calls": calls}
    return message.model_copy(update=update)


def _revealed_value(value: Any, anonymiser: Anonymiser) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return anonymiser.reveal(value)
    if isinstance(value, list | tuple):
        return [_revealed_value(item, anonymiser) for item in value]
    if isinstance(value, dict):
        return {
            anonymiser.reveal(key): _revealed_value(item, anonymiser) for key, item in value.items()
        }
    return value
