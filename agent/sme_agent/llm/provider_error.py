"""What a provider's failure says about itself, whatever form it came in.

litellm maps what providers send to classes of its own by looking for phrases in the text, and
loses much on the way: DeepSeek's 402 becomes a 400, Anthropic's 529 a 500, and an error inside
Groq's stream becomes a ValueError about int(). What really came is still there, in the chain of
causes; so that is read, and litellm's own classes count only where there is nothing else.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_MAX_DEPTH = 8
_MAX_PARTS = 300
_MAX_TEXT = 4000
_MAX_PREFIX = 200

# How litellm writes an error of OpenRouter that came inside a stream.
_OPENROUTER = re.compile(r"Message: (.*), Metadata: (\{.*\}), User ID: .*", re.DOTALL)

# Keys below which a provider repeats what we sent: nothing in there is the provider's word.
_ECHOES = frozenset({"input", "flagged_input", "messages", "ctx", "previous_errors"})
_WORD_KEYS = frozenset({"code", "type", "status", "reason", "__type", "error_type"})
_TEXT_KEYS = frozenset({"message", "msg", "error", "detail", "raw", "error_message"})
_LITELLM_PREFIX = re.compile(
    r"^(?:(?:litellm\.)?\w+(?:Error|Timeout): |litellm\.Timeout: |\w+(?:Exception|Error) - )+"
)


@dataclass
class ProviderError:
    """A failure as its provider describes it."""

    status: int | None = None
    """The HTTP status of the answer; None where none came."""
    told_status: int | None = None
    """A status that stands in the body, or that litellm made up."""
    headers: dict[str, str] = field(default_factory=dict)
    """Names in lower case."""
    words: list[str] = field(default_factory=list)
    """Codes and types of the body, in lower case."""
    messages: list[str] = field(default_factory=list)
    """Sentences of the body, the outermost first; where there was none, the exceptions' texts."""
    parameter: str | None = None
    window: int | None = None
    """How many tokens fit, where the body has it apart (llama.cpp's `n_ctx`)."""
    generation: str = ""
    delays: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Classes of the exceptions, the outermost first."""

    def read_body(self, body: object) -> None:
        """Add what a body says: parsed JSON, or text that may hold JSON or HTML."""
        if isinstance(body, str):
            parsed = _json_in(body)
            if parsed is None:
                self._add_message(body)
                return
            body = parsed
        for _ in zip(self._read(body, 0), range(_MAX_PARTS), strict=False):
            pass

    def _read(self, part: object, depth: int) -> Iterator[None]:
        """Walk through parsed JSON; one step for each object, so that the caller can stop it."""
        yield
        if depth > _MAX_DEPTH:
            return
        if isinstance(part, list):
            for inner in part:
                yield from self._read(inner, depth + 1)
        if not isinstance(part, Mapping):
            return
        for key, value in part.items():
            self._read_value(str(key), value)
        for key, value in part.items():
            if key in _ECHOES:
                continue
            if isinstance(value, (Mapping, list)):
                yield from self._read(value, depth + 1)
            elif key in _TEXT_KEYS and isinstance(value, str):
                yield from self._read(_json_in(value), depth + 1)

    def _read_value(self, key: str, value: object) -> None:
        if key in _WORD_KEYS:
            self._add_word(value)
        elif key in _TEXT_KEYS and isinstance(value, str) and _json_in(value) is None:
            self._add_message(value)
        elif key == "param" and isinstance(value, str) and value:
            self.parameter = self.parameter or value
        elif key == "loc" and isinstance(value, (list, tuple)) and value:
            self.parameter = self.parameter or str(value[-1])
        elif key == "failed_generation" and isinstance(value, str):
            self.generation = self.generation or value
        elif key == "n_ctx" and isinstance(value, int):
            self.window = value
        elif key == "quotaId" and "perday" in str(value).lower():
            self.words.append("quota_per_day")
        elif key == "retryDelay" and isinstance(value, str):
            self.delays.append(value)
        elif key == "headers" and isinstance(value, Mapping):
            self.add_headers(value)

    def _add_word(self, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            return
        text = str(value).rpartition("#")[2].lower()[:200]
        if text.isdecimal() and len(text) == 3 and self.told_status is None:
            self.told_status = int(text)
        else:
            self.words.append(text)

    def _add_message(self, text: str) -> None:
        text = _page_title(text) or text
        text = _LITELLM_PREFIX.sub("", text[:_MAX_TEXT].strip())
        if text and text not in self.messages:
            self.messages.append(text)

    def add_headers(self, headers: Mapping[object, object]) -> None:
        """Add headers; one that is there already stays."""
        for name, value in headers.items():
            self.headers.setdefault(str(name).lower(), str(value))
        if "x-amzn-errortype" in self.headers:
            self._add_word(self.headers["x-amzn-errortype"].partition(":")[0])


def read_error(error: BaseException | Mapping[str, object]) -> ProviderError:
    """What is known of a failure.

    Args:
        error: an exception; or the body of an error, as it stands in a stream; or a record of an
            answer, with `status`, `headers` and `body`.
    """
    found = ProviderError()
    if isinstance(error, Mapping):
        _read_record(found, error)
        return found
    chain = list(_chain(error))
    found.names = [type(part).__name__ for part in chain]
    original = [part for part in chain if not _is_litellms(part)]
    for part in original:
        _read_answer(found, part)
    texts = [text for part in original or chain if (text := _read_body(found, part))]
    if not found.messages and not found.words:
        for text in texts:
            found.read_body(text)
    return found


def _read_record(found: ProviderError, record: Mapping[str, object]) -> None:
    if "body" not in record:
        found.read_body(record)
        return
    status, headers = record.get("status"), record.get("headers")
    found.status = status if isinstance(status, int) else None
    if isinstance(headers, Mapping):
        found.add_headers(headers)
    found.read_body(_decoded(record["body"]))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and all that led to it, each once, the outermost first."""
    waiting, seen = [error], set[int]()
    while waiting:
        part = waiting.pop(0)
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        led = (getattr(part, "original_exception", None), part.__cause__, part.__context__)
        waiting += [cause for cause in led if isinstance(cause, BaseException)]


def _is_litellms(error: BaseException) -> bool:
    return type(error).__module__ == "litellm.exceptions"


def _read_answer(found: ProviderError, error: BaseException) -> None:
    """Status and headers of the answer that came over the wire."""
    headers = getattr(error, "headers", None)
    if isinstance(headers, Mapping):
        found.add_headers(headers)
    answer = getattr(error, "response", None)
    if type(error).__module__.partition(".")[0] not in ("httpx", "openai") or answer is None:
        return
    found.status = found.status or answer.status_code
    found.add_headers(answer.headers)


def _read_body(found: ProviderError, error: BaseException) -> str:
    """Read status and body as an exception carries them. Returns its text, if it is no body."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and found.told_status is None:
        found.told_status = status
    body = getattr(error, "body", None)
    if isinstance(body, (Mapping, list)):
        found.read_body(body)
        return ""
    if type(error).__name__ == "HTTPStatusError":
        return ""  # its text is httpx's, about an address; the body is with the one above it
    text = _decoded(getattr(error, "message", None))
    text = text if isinstance(text, str) else str(error)
    if match := _OPENROUTER.fullmatch(text):
        found.read_body(match[1])
        text = match[2]
    parsed = _json_in(text)
    if parsed is None:
        return text
    found.read_body(parsed)
    return ""


def _decoded(text: object) -> object:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def _json_in(text: str) -> object:
    """The JSON object or list that the text is, or that follows some words; else None.

    A Python literal counts as well, as openai and litellm put one into their messages.
    """
    stripped = text.strip()
    starts = [at for char in "{[" if (at := stripped.find(char)) >= 0]
    if not starts or min(starts) > _MAX_PREFIX:
        return None
    inner = stripped[min(starts) :]
    try:
        parsed = json.loads(inner)
    except (ValueError, RecursionError):
        parsed = _literal(inner)
    if isinstance(parsed, list):  # not "the valid range is [1, 8192]"
        return parsed if any(isinstance(item, dict) for item in parsed) else None
    return parsed if isinstance(parsed, dict) and parsed else None


def _literal(text: str) -> object:
    if len(text) > _MAX_TEXT:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _page_title(text: str) -> str | None:
    """The title of an HTML page, as proxies answer with; None for other text."""
    if not re.match(r"\s*<(?:!doctype|html|head|\?xml)", text, re.IGNORECASE):
        return None
    title = re.search(r"<title>([^<]{1,200})</title>", text[:_MAX_TEXT], re.IGNORECASE)
    return f"a web page came: {title[1].strip()}" if title else "a web page came"
