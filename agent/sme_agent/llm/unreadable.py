"""A tool call that the provider could not read: what its model wrote is read by us.

Groq refuses such an answer with the status 400 and gives what was written, `failed_generation`;
llama.cpp and Ollama do likewise. Often it is a good call in another dialect than the server's.
"""

from __future__ import annotations

import uuid

from sme_agent.llm.dialects import Call, Said, read_all
from sme_agent.llm.events import Answered
from sme_agent.llm.messages import AssistantMessage, ToolCall, Usage
from sme_agent.llm.model import Model, Prompt
from sme_agent.llm.price import cost_usd
from sme_agent.llm.shapes.piece import Counts
from sme_agent.llm.tokens import estimate, prompt_tokens
from sme_tools.errors import ToolCallUnreadable


def as_answer(
    error: ToolCallUnreadable, model: Model, prompt: Prompt, took_s: float
) -> Answered | None:
    """The answer that the provider refused; None if no call of a tool is to be seen in it.

    Calls that can't be read, or not by their tool's schema, are in it too: the model is told of
    them by whoever runs the tools.
    """
    schemas = {tool.name: tool.parameters for tool in prompt.tools}
    pieces = read_all(error.generation, schemas, json_calls=True)
    calls = [_call(p.name, p) for p in pieces if isinstance(p, Call)]
    if not calls:
        named = next((name for name in schemas if name in error.generation), None)
        if named is None:
            return None
        calls = [ToolCall(id=_id(), name=named, arguments={}, unreadable=error.generation)]
    text = "".join(piece.text for piece in pieces if isinstance(piece, Said))
    unread = any(call.unreadable is not None for call in calls)
    message = AssistantMessage(
        text="" if unread else text.strip(), calls=tuple(calls), model=model.name
    )
    usage = estimated_usage(model, prompt, error.generation)
    return Answered(message, usage, model.name, took_s, took_s, "calls")


def _call(name: str, piece: Call) -> ToolCall:
    return ToolCall(id=_id(), name=name, arguments=piece.arguments, unreadable=piece.unreadable)


def _id() -> str:
    return f"call_{uuid.uuid4().hex[:16]}"


def estimated_usage(model: Model, prompt: Prompt, generation: str) -> Usage:
    """What it took, as far as we can tell: a provider that refuses does not say."""
    given, made = prompt_tokens(model, prompt), estimate(generation)
    return Usage(
        input_tokens=given,
        output_tokens=made,
        cost_usd=cost_usd(model, Counts(input=given, output=made)),
        estimated=True,
    )
