"""How long a provider wants to be left alone, in all the forms in which they say so.

Sources: RFC 9110 section 10.2.3 (Retry-After); OpenAI and Groq, rate limit headers
(`x-ratelimit-reset-tokens: 6m0s`); Anthropic (`anthropic-ratelimit-tokens-reset`, RFC 3339);
OpenRouter (`X-RateLimit-Reset`, milliseconds of the Unix epoch); google.rpc.RetryInfo; and the
sentences in which the same stands where no header does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 7 * 86400.0
"""What is longer than a week is no time to wait for, but a mistake or a trick."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PIECE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PIECE.pattern})+")
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,12})?")
_SENTENCE = re.compile(
    r"(?:try again (?:in|after)|retry (?:in|after)|retry your request after|wait)"
    r"\s{1,3}(?:about\s)?([0-9][0-9a-z.]{0,30})(?:\s(milliseconds?|seconds?|minutes?|hours?))?",
    re.IGNORECASE,
)
_WORDS = {"millisecond": 0.001, "second": 1.0, "minute": 60.0, "hour": 3600.0}
_RESET = re.compile(r"(?:x-|anthropic-)?ratelimit-(?:(?P<a>[a-z-]+)-)?reset(?:-(?P<b>[a-z-]+))?")


def asked_wait(
    headers: Mapping[str, str], delays: Iterable[str], messages: Iterable[str], *, now: float
) -> float | None:
    """Seconds to wait, by the headers, else by the body; None where nothing is said.

    Args:
        headers: of the answer; names in lower case.
        delays: values of `retryDelay` in the body, as `45s`.
        messages: sentences of the body.
        now: seconds of the Unix epoch.
    """
    found = _from_headers(headers, now)
    if found is None:
        found = next((d for text in delays if (d := duration(text)) is not None), None)
    if found is None:
        found = next((d for text in messages if (d := _from_sentence(text)) is not None), None)
    if found is None:
        found = _from_resets(headers, now)
    return None if found is None else min(max(found, 0.0), LONGEST_S)


def duration(text: str) -> float | None:
    """Seconds of `7.66s`, `6m0s`, `644ms`, `2h3m4.5s` or a bare number; None for anything else."""
    text = text.strip().rstrip(".").lower()
    if _NUMBER.fullmatch(text):
        return float(text)
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PIECE.findall(text))


def _from_headers(headers: Mapping[str, str], now: float) -> float | None:
    milliseconds = headers.get("retry-after-ms", "").strip()
    if _NUMBER.fullmatch(milliseconds):
        return float(milliseconds) / 1000
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    found = duration(value)
    return _until(value, now) if found is None else found


def _until(moment: str, now: float) -> float | None:
    """Seconds until an HTTP date, an RFC 3339 time, or a number of the Unix epoch."""
    if _NUMBER.fullmatch(moment):
        number = float(moment)
        if number < 1e9:
            return None
        return (number / 1000 if number >= 1e12 else number) - now
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            then = read(moment)
        except (ValueError, OverflowError):
            continue
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - now
    return None


def _from_sentence(text: str) -> float | None:
    for amount, word in _SENTENCE.findall(text):
        found = duration(amount)
        if found is not None:
            return found * _WORDS[word.lower().rstrip("s")] if word else found
    return None


def _from_resets(headers: Mapping[str, str], now: float) -> float | None:
    """The reset of what is used up; where that is not said, the nearest reset."""
    resets: dict[str, float] = {}
    for name, value in headers.items():
        match = _RESET.fullmatch(name)
        if match is None:
            continue
        until = _until(value.strip(), now)
        seconds = duration(value) if until is None else until
        if seconds is not None:
            resets[match["a"] or match["b"] or ""] = max(seconds, 0.0)
    used_up = [resets[what] for what in resets if _remaining(headers, what) == "0"]
    if used_up:
        return max(used_up)
    return min(resets.values(), default=None)


def _remaining(headers: Mapping[str, str], what: str) -> str | None:
    names = (
        f"x-ratelimit-remaining-{what}" if what else "x-ratelimit-remaining",
        f"anthropic-ratelimit-{what}-remaining",
        "ratelimit-remaining",
    )
    return next((headers[name].strip() for name in names if name in headers), None)
