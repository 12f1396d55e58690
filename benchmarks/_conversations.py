"""A recorded request as a conversation of ours, and what a request carries of earlier answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sme_agent.llm.messages import AssistantMessage, Message, Tool, ToolCall, ToolMessage
from sme_agent.llm.messages import UserMessage as User
from sme_agent.llm.model import Prompt

Json = dict[str, Any]
_THINK = re.compile(r"\s*<think>\s*(.*?)\s*</think>\s*", re.DOTALL)


def prompt_of(asked: Json, name: str, answers: Sequence[AssistantMessage]) -> Prompt:
    """The prompt that a recorded request was made from.

    Where an earlier answer of the same recording stands in it, that is what is used: with all that
    our reading kept of it.
    """
    system, messages = [_text(asked.get("system"))], list[Message]()
    instruction = asked.get("systemInstruction") or asked.get("system_instruction") or {}
    system += [part.get("text", "") for part in instruction.get("parts", ())]
    for said in asked.get("messages", ()):
        if said["role"] in ("system", "developer"):
            system.append(_text(said["content"]))
        else:
            messages += _message(said, name, messages)
    for said in asked.get("contents", ()):
        messages += _content(said, name)
    known = [_again(message, answers) for message in messages]
    tools = [tool for listed in asked.get("tools") or () for tool in _tools(listed)]
    return Prompt(system="\n\n".join(filter(None, system)), messages=known, tools=tools)


def _again(message: Message, answers: Sequence[AssistantMessage]) -> Message:
    if not isinstance(message, AssistantMessage):
        return message
    for answer in answers:
        if message.calls and [c.id for c in answer.calls] == [c.id for c in message.calls]:
            return answer
        gemini = [(c.name, c.arguments) for c in message.calls]
        if message.calls and gemini == [(c.name, c.arguments) for c in answer.calls]:
            return answer
        if message.text.strip() and answer.text.strip() == message.text.strip():
            return answer
    return message


def _text(content: object) -> str:
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _message(said: Json, name: str, before: Sequence[Message]) -> Iterator[Message]:
    blocks = said["content"] if isinstance(said.get("content"), list) else []
    if said["role"] == "tool":
        called = {c.id: c.name for m in before if isinstance(m, AssistantMessage) for c in m.calls}
        call = said.get("tool_call_id") or next(reversed(called), "")
        yield ToolMessage(call=call, name=called.get(call, ""), text=_text(said["content"]))
    elif said["role"] == "assistant":
        yield _assistant(said, blocks, name)
    else:
        for block in blocks:
            if block.get("type") == "tool_result":
                text = _text(block.get("content"))
                yield ToolMessage(call=block["tool_use_id"], name="", text=text)
        text = _text([block for block in blocks if block.get("type") == "text"] or said["content"])
        if text or not blocks:
            yield User(text=text or "?")
        elif not any(block.get("type") == "tool_result" for block in blocks):
            yield User(text="(a file)")


def _assistant(said: Json, blocks: Sequence[Json], name: str) -> AssistantMessage:
    text = _text([b for b in blocks if b.get("type") == "text"] or said.get("content"))
    thought = _THINK.match(text)
    fields = [key for key in ("reasoning_content", "reasoning") if said.get(key)]
    thinking = [b for b in blocks if b.get("type") in ("thinking", "redacted_thinking")]
    reasoning = said[fields[0]] if fields else thought[1] if thought else ""
    opaque: list[Json] = [*thinking, *({"type": "reasoning", "field": key} for key in fields)]
    opaque += [{"type": "reasoning_detail", "detail": d} for d in said.get("reasoning_details", ())]
    calls = [
        ToolCall(
            id=call.get("id", f"call_{number}"),
            name=call["function"]["name"],
            arguments=_object(call["function"]["arguments"]),
        )
        for number, call in enumerate(said.get("tool_calls") or ())
    ]
    calls += [
        ToolCall(id=b["id"], name=b["name"], arguments=b["input"])
        for b in blocks
        if b.get("type") == "tool_use"
    ]
    return AssistantMessage(
        text=text[thought.end() :] if thought else text,
        reasoning=reasoning or "".join(b.get("thinking", "") for b in thinking),
        calls=tuple(calls),
        model=name,
        opaque=tuple(opaque),
    )


def _object(arguments: object) -> Json:
    value = json.loads(arguments or "{}") if isinstance(arguments, str) else arguments
    return value if isinstance(value, dict) else {}


def _content(said: Json, name: str) -> Iterator[Message]:
    """A message of Gemini's; its calls have no ids."""
    parts = said.get("parts", ())
    calls = [_part(part, "functionCall", "function_call") for part in parts]
    results = [_part(part, "functionResponse", "function_response") for part in parts]
    if said.get("role") == "model":
        yield AssistantMessage(
            text="".join(p.get("text", "") for p in parts if not p.get("thought")),
            calls=tuple(
                ToolCall(id=call["name"], name=call["name"], arguments=call.get("args") or {})
                for call in calls
                if call
            ),
            model=name,
        )
        return
    for result in filter(None, results):
        text = json.dumps(result.get("response"))
        yield ToolMessage(call=result["name"], name=result["name"], text=text)
    text = "".join(part.get("text", "") for part in parts)
    if text or not any(results):
        yield User(text=text or "(a file)")


def _part(part: Json, *names: str) -> Json | None:
    return next((part[name] for name in names if name in part), None)


def _tools(listed: Json) -> Iterator[Tool]:
    declared = listed.get("functionDeclarations") or listed.get("function_declarations")
    for tool in declared or [listed.get("function") or listed]:
        if "name" not in tool:
            continue
        schema = tool.get("parameters") or tool.get("input_schema") or {"type": "object"}
        schema = tool.get("parametersJsonSchema") or schema
        yield Tool(name=tool["name"], description=tool.get("description", ""), parameters=schema)


def carried(request: Json) -> set[tuple[str, str]]:
    """What a request carries of earlier answers: reasoning, signatures, ids of calls."""
    found: set[tuple[str, str]] = set()
    for said in (*request.get("messages", ()), *request.get("contents", ())):
        found.update(_carried(said))
    return {(kind, value) for kind, value in found if value}


def _carried(said: Json) -> Iterator[tuple[str, str]]:
    for key in ("reasoning_content", "reasoning", "thinking"):
        yield "reasoning", str(said.get(key) or "").strip()
    thought = _THINK.match(_text(said.get("content"))) if said.get("role") == "assistant" else None
    yield "reasoning", thought[1] if thought else ""
    for call in said.get("tool_calls") or ():
        yield "call", call.get("id") or ""
    yield "result", said.get("tool_call_id") or ""
    for detail in said.get("reasoning_details") or ():
        yield "signature", detail.get("signature") or detail.get("data") or ""
    content = said.get("content")
    for block in (*(content if isinstance(content, list) else ()), *said.get("parts", ())):
        yield from _carried_by_block(block)


def _carried_by_block(block: Json) -> Iterable[tuple[str, str]]:
    yield "reasoning", str(block.get("thinking") or "").strip()
    yield "signature", block.get("signature") or block.get("thoughtSignature") or ""
    yield "signature", block.get("data") if isinstance(block.get("data"), str) else ""
    yield "call", block.get("id") or ""
    yield "result", block.get("tool_use_id") or ""
