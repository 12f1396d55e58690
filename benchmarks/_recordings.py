"""Recorded exchanges with providers: what was asked, what was answered, and what the answer says.

Cassettes of vcrpy (YAML; bodies as text, compressed or parsed) and streams as JSON with their
`expected_output`. What an answer says is read here once more, in the plainest way, so that it is
independent of the code that is measured.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

Json = dict[str, Any]
PROVIDERS = {
    "api.openai.com": "openai",
    "api.deepseek.com": "deepseek",
    "api.anthropic.com": "anthropic",
    "openrouter.ai": "openrouter",
    "api.groq.com": "groq",
    "api.cerebras.ai": "cerebras",
    "api.mistral.ai": "mistral",
    "generativelanguage.googleapis.com": "gemini",
    "api.x.ai": "xai",
    "api.together.xyz": "together_ai",
    "api.fireworks.ai": "fireworks_ai",
    "api.moonshot.ai": "moonshot",
    "api.z.ai": "zai",
    "api.sambanova.ai": "sambanova",
}
THINK = re.compile(r"\s*<think>\s*(.*?)\s*</think>\s*", re.DOTALL)
CHATS = ("chat/completions", "/messages", "/api/chat", "generatecontent")


@dataclass(frozen=True)
class Exchange:
    """One request and its answer."""

    provider: str
    """As litellm names it."""
    model: str
    asked: Json
    status: int
    content_type: str
    answer: bytes
    expected: Json | None = None
    """What the recording itself says that the answer means."""

    @property
    def streamed(self) -> bool:
        """Whether the answer is a stream."""
        return not self.answer.lstrip().startswith((b"{", b"["))


@dataclass
class Meaning:
    """What an answer says."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, Json]] = field(default_factory=list)
    error: str = ""
    length: bool = False


def exchanges(path: Path) -> Iterator[Exchange]:
    """The exchanges of a file that are chats, in their order."""
    if path.suffix == ".json":
        yield _stream(json.loads(path.read_text("utf-8")))
        return
    for recorded in yaml.safe_load(path.read_text("utf-8")).get("interactions", []):
        request, response = recorded["request"], recorded["response"]
        uri = urlsplit(request["uri"])
        if request.get("method") != "POST" or not any(part in uri.path.lower() for part in CHATS):
            continue
        asked = request.get("parsed_body") or json.loads(_text(request.get("body")) or "{}")
        headers = {key.lower(): value for key, value in response.get("headers", {}).items()}
        provider, model = _provider(uri.netloc, uri.path), asked.get("model", "")
        if provider == "gemini":
            model = uri.path.rpartition("/")[2].partition(":")[0]
            asked["stream"] = "stream" in uri.path
        yield Exchange(
            provider=provider,
            model=model,
            asked=asked,
            status=response["status"]["code"],
            content_type=(headers.get("content-type") or ["application/json"])[0],
            answer=_answer(response),
        )


def _provider(host: str, path: str) -> str:
    if path.endswith("/api/chat"):
        return "ollama_chat"
    if "ollama" in host or ":11434" in host:
        return "ollama"
    return PROVIDERS.get(host, "hosted_vllm")


def _answer(response: Json) -> bytes:
    if "parsed_body" in response:
        return json.dumps(response["parsed_body"]).encode()
    body = response.get("body")
    data = body.get("string", "") if isinstance(body, dict) else body or ""
    raw = data if isinstance(data, bytes) else data.encode()
    if raw.startswith(b"\x1f\x8b"):
        raw = gzip.decompress(raw)
    elif raw and isinstance(body, dict) and body.get("base64_string"):
        raw = zlib.decompress(base64.b64decode(raw))
    return raw


def _text(body: object) -> str:
    value = body.get("string", "") if isinstance(body, dict) else body
    return value.decode() if isinstance(value, bytes) else str(value or "")


def _stream(recorded: Json) -> Exchange:
    events = [f"data: {json.dumps(part['data'])}\n\n" for part in recorded["input_stream"]]
    expected = recorded["expected_output"]
    names = {call["function"]["name"] for call in expected.get("tool_calls", ())}
    tools = [
        {
            "type": "function",
            "function": {"name": name, "description": "", "parameters": {"type": "object"}},
        }
        for name in names
    ]
    asked = {"messages": [{"role": "user", "content": "?"}], "tools": tools, "stream": True}
    return Exchange(
        provider="hosted_vllm",
        model="deepseek-v3",
        asked=asked,
        status=200,
        content_type="text/event-stream",
        answer="".join([*events, "data: [DONE]\n\n"]).encode(),
        expected=expected,
    )


def meaning(exchange: Exchange) -> Meaning:
    """What the answer of an exchange says."""
    if exchange.expected is not None:
        said = exchange.expected
        calls = [call["function"] for call in said["tool_calls"]]
        return Meaning(
            text=said["normal_content"],
            reasoning=said["reasoning_content"],
            calls=[(call["name"], json.loads(call["arguments"])) for call in calls],
        )
    result, drafts = Meaning(), dict[Any, list[str]]()
    for event in _events(exchange):
        if event.get("error") or exchange.status >= 400:
            error = event.get("error") or event
            code = error.get("code") if isinstance(error, dict) else error
            result.error = str(code or exchange.status)
            continue
        _of_openai(event, result, drafts)
        _of_anthropic(event, result, drafts)
        _of_gemini(event, result)
        _of_ollama(event, result)
    result.calls += [(name, json.loads(given or "{}")) for name, given in drafts.values()]
    thought = THINK.match(result.text)
    if thought is not None:
        result.text = result.text[thought.end() :]
        result.reasoning = result.reasoning or thought[1]
    return result


def _events(exchange: Exchange) -> list[Json]:
    text = exchange.answer.decode("utf-8")
    if not exchange.streamed:
        if exchange.content_type.startswith("application/x-ndjson"):
            return [json.loads(line) for line in text.splitlines() if line]
        parsed = json.loads(text)
        return parsed if isinstance(parsed, list) else [parsed]
    lines = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line and line != "[DONE]"]


def _of_openai(event: Json, result: Meaning, drafts: dict[Any, list[str]]) -> None:
    for choice in event.get("choices", ())[:1]:
        said = choice.get("delta") or choice.get("message") or {}
        if choice.get("error"):
            result.error = str(choice["error"].get("code"))
        content = said.get("content") or ""
        for part in [{"text": content}] if isinstance(content, str) else content:
            result.text += part.get("text") or ""
            thoughts = part.get("thinking") or ()
            result.reasoning += "".join(thought.get("text", "") for thought in thoughts)
        result.reasoning += said.get("reasoning_content") or said.get("reasoning") or ""
        for number, call in enumerate(said.get("tool_calls") or ()):
            draft = drafts.setdefault(call.get("index", number), ["", ""])
            draft[0] = call["function"].get("name") or draft[0]
            draft[1] += call["function"].get("arguments") or ""
        result.length = result.length or choice.get("finish_reason") == "length"


def _of_anthropic(event: Json, result: Meaning, drafts: dict[Any, list[str]]) -> None:
    for block in event.get("content") or () if event.get("type") == "message" else ():
        result.text += block.get("text", "")
        result.reasoning += block.get("thinking", "")
        if block["type"] == "tool_use":
            result.calls.append((block["name"], block["input"]))
    block, delta = event.get("content_block") or {}, event.get("delta") or {}
    if block.get("type") == "tool_use":
        drafts[event["index"]] = [block["name"], ""]
    result.text += block.get("text", "") + (delta.get("text") or "")
    result.reasoning += block.get("thinking", "") + (delta.get("thinking") or "")
    if delta.get("partial_json"):
        drafts.get(event["index"], ["", ""])[1] += delta["partial_json"]
    stopped = event.get("stop_reason") or delta.get("stop_reason")
    result.length = result.length or stopped == "max_tokens"


def _of_gemini(event: Json, result: Meaning) -> None:
    for candidate in event.get("candidates", ())[:1]:
        for part in candidate.get("content", {}).get("parts", ()):
            if "functionCall" in part:
                result.calls.append((part["functionCall"]["name"], part["functionCall"]["args"]))
            elif part.get("thought"):
                result.reasoning += part.get("text", "")
            else:
                result.text += part.get("text", "")
        result.length = result.length or candidate.get("finishReason") == "MAX_TOKENS"


def _of_ollama(event: Json, result: Meaning) -> None:
    if "done" not in event:
        return
    message = event["message"]
    result.text += message.get("content") or ""
    result.reasoning += message.get("thinking") or ""
    for call in message.get("tool_calls") or ():
        result.calls.append((call["function"]["name"], call["function"]["arguments"]))
    result.length = result.length or event.get("done_reason") == "length"
