"""Tools for models that have none: described in the system prompt, called by JSON in the text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from sme_agent.llm.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage
from sme_agent.llm.model import Prompt
from sme_prompts.load import Prompts


def tools_section(prompt: Prompt, prompts: Prompts) -> str:
    """The part of the system prompt that says what tools there are and how to call one."""
    return prompts.render(
        "text_tools",
        tools=[
            {
                "name": tool.name,
                "description": tool.description,
                "parameters": json.dumps(tool.parameters, ensure_ascii=False),
            }
            for tool in prompt.tools
        ],
        must_call=prompt.must_call or "",
        may_call=prompt.may_call,
    )


def as_text(messages: Iterable[Message]) -> Iterator[Message]:
    """The conversation with its calls and results written out as text."""
    for message in messages:
        if isinstance(message, ToolMessage):
            yield UserMessage(text=_result(message), origin="program")
        elif isinstance(message, AssistantMessage) and message.calls:
            written = "\n".join(map(written_call, message.calls))
            yield message.model_copy(
                update={"text": f"{message.text}\n{written}".strip(), "calls": ()}
            )
        else:
            yield message


def written_call(call: ToolCall) -> str:
    """A call as a model without tools is asked to write it."""
    given = call.arguments if call.unreadable is None else call.unreadable
    body = json.dumps({"name": call.name, "arguments": given}, ensure_ascii=False)
    return f"```tool_call\n{body}\n```"


def _result(message: ToolMessage) -> str:
    return f'<tool_result name="{message.name}">\n{message.text}\n</tool_result>'
