"""From whatever a provider, litellm or the network raises to one of our errors."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from sme_agent.llm.error_tables import (
    CODES,
    CONTRADICTIONS,
    DECISIVE,
    EXCEPTIONS,
    LITELLM,
    SAYINGS,
    STATUSES,
    WINDOWS,
    Kind,
)
from sme_agent.llm.provider_error import ProviderError, read_error
from sme_agent.llm.remedies import remedy_for
from sme_agent.llm.retry_after import asked_wait
from sme_tools.errors import (
    ContextTooLong,
    ModelError,
    ModelOverloaded,
    ParameterUnsupported,
    ToolCallUnreadable,
)
from sme_tools.safety.control import one_line
from sme_tools.safety.redaction import Redactor

_MAX_MESSAGE = 400

# What providers call tools where they refuse them.
_TOOLS = frozenset({"tool", "tools", "function"})


def classify(
    error: BaseException | Mapping[str, object],
    *,
    model: str,
    provider: str,
    now: float | None = None,
) -> ModelError:
    """The failure as one of our errors; what it says is redacted and on one line.

    Args:
        error: what litellm, openai or httpx raised; or an error object out of a stream; or a
            record of an answer, with `status`, `headers` and `body`.
        model: the chain entry, for the message and its remedy.
        provider: as litellm names it; remedies depend on it.
        now: seconds of the Unix epoch, for a Retry-After that is a date.
    """
    if isinstance(error, ModelError):
        return error
    found = read_error(error)
    kind, match = _kind(found)
    said = _message(found, error)
    ours = kind(said, model=model, remedy=remedy_for(kind, said, model=model, provider=provider))
    if isinstance(ours, ContextTooLong):
        ours.window = found.window or _window(found.messages)
    ours.retry_after_s = asked_wait(
        found.headers, found.delays, found.messages, now=time.time() if now is None else now
    )
    groups = match.groupdict() if match else {}
    if isinstance(ours, ParameterUnsupported):
        named = groups.get("parameter")
        ours.parameter = "tools" if (named or "").lower() in _TOOLS else named or found.parameter
    if isinstance(ours, ToolCallUnreadable):
        ours.generation = found.generation or groups.get("generation") or ""
    return ours


def _window(messages: list[str]) -> int | None:
    """How many tokens fit, as a provider's sentence says it."""
    for message in messages:
        for match in WINDOWS.finditer(message):
            return int(next(filter(None, match.groups())).replace(",", ""))
    return None


def _kind(found: ProviderError) -> tuple[Kind, re.Match[str] | None]:
    """The class of the failure, and the sentence that told it, if one did."""
    if found.status is None:
        for name in found.names:
            if name in EXCEPTIONS:
                return EXCEPTIONS[name], _first(found, SAYINGS)[1]
    kind, match = _first(found, CONTRADICTIONS)
    if kind is not None:
        return kind, match
    words = set(found.words)
    coded = next((CODES[word] for word in CODES if word in words), None)
    saying, match = _first(found, SAYINGS)
    status = found.status or found.told_status or 0
    decided = coded or DECISIVE.get(status)
    if decided is not None:
        return decided, match if saying is decided else None
    if saying is not None:
        return saying, match
    return _by_status(status) or _by_litellm(found) or ModelError, None


def _first(
    found: ProviderError, sayings: tuple[tuple[re.Pattern[str], Kind], ...]
) -> tuple[Kind | None, re.Match[str] | None]:
    for pattern, kind in sayings:
        for message in found.messages:
            if match := pattern.search(message):
                return kind, match
    return None, None


def _by_status(status: int) -> Kind | None:
    return STATUSES.get(status) or (ModelOverloaded if 500 <= status < 600 else None)


def _by_litellm(found: ProviderError) -> Kind | None:
    if found.status is not None:
        return None
    return next((LITELLM[name] for name in found.names if name in LITELLM), None)


def _message(found: ProviderError, error: BaseException | Mapping[str, object]) -> str:
    """What the provider says, else what is known, without keys, in one line."""
    said = one_line(": ".join(found.messages[:2]))
    if not said:
        name = type(error).__name__ if isinstance(error, BaseException) else "error"
        said = f"{name} without a word"
    status = found.status
    said = Redactor().text(said[: 4 * _MAX_MESSAGE])
    if len(said) > _MAX_MESSAGE:
        said = said[:_MAX_MESSAGE] + "…"
    return f"{said} (HTTP {status})" if status is not None and status >= 400 else said
