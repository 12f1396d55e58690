"""Redaction: secrets are replaced before anything is stored, shown to a model or sent out.

What is found, and how, stands beside this file: `secret_formats` (known key formats),
`secret_contexts` (URLs, headers, command lines, key blocks) and `secret_names` (values behind
secret-like names). What the parsers of the probes live on is left alone: digests, UUIDs, container
ids, addresses, paths, counters.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterator

from sme_tools.hosts.evidence import Evidence
from sme_tools.safety.secret_finder import find_secrets
from sme_tools.safety.secret_values import Secret

_MAX_PASSES = 8


class Redactor:
    """Replaces secrets by placeholders: `<secret:KIND:N>`.

    Within one Redactor the same secret always gets the same placeholder, so a reader still sees
    that two hosts share one. Redacting twice changes nothing. The secrets themselves are not
    kept, only keyed digests of them. Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._digest_key = secrets.token_bytes(16)
        self._placeholders: dict[bytes, str] = {}
        self._lock = threading.Lock()

    def text(self, text: str) -> str:
        """The text without its secrets. Text without secrets comes back unchanged."""
        return self._text(text, _MAX_PASSES)

    def _text(self, text: str, passes: int) -> str:
        found = find_secrets(text)
        if not found or passes == 0:
            return text
        # A secret ends what was looked at, so its neighbours may hide another: `-u a:b -p c`.
        parts: list[str] = []
        done = 0
        for start, end, inside in _neighbourhoods(text, found):
            replaced = self._replace(text[start:end], start, inside)
            parts += (text[done:start], self._text(replaced, passes - 1))
            done = end
        parts.append(text[done:])
        return "".join(parts)

    def evidence(self, evidence: Evidence) -> Evidence:
        """The evidence with its command and both its streams redacted."""
        redacted = {
            name: text
            for name in ("command", "stdout", "stderr")
            if (text := self.text(getattr(evidence, name))) != getattr(evidence, name)
        }
        return evidence.model_copy(update=redacted) if redacted else evidence

    def _replace(self, text: str, offset: int, found: list[Secret]) -> str:
        parts: list[str] = []
        done = 0
        for secret in found:
            start, end = secret.start - offset, secret.end - offset
            placeholder = self._placeholder(text[start:end], secret.kind)
            parts += (text[done:start], secret.quote, placeholder, secret.quote)
            done = end
        parts.append(text[done:])
        return "".join(parts)

    def _placeholder(self, value: str, kind: str) -> str:
        digest = hashlib.blake2b(
            value.encode("utf-8", "surrogatepass"), key=self._digest_key, digest_size=16
        ).digest()
        with self._lock:
            known = self._placeholders.get(digest)
            if known is None:
                known = f"<secret:{kind}:{len(self._placeholders) + 1}>"
                self._placeholders[digest] = known
        return known


def _neighbourhoods(text: str, found: list[Secret]) -> Iterator[tuple[int, int, list[Secret]]]:
    """The lines around secrets, with one more before and after, as (start, end, secrets)."""
    start, end, inside = 0, -1, list[Secret]()
    for secret in found:
        line = text.rfind("\n", 0, secret.start)
        before = text.rfind("\n", 0, max(line, 0)) + 1
        after = text.find("\n", text.find("\n", secret.end) + 1 or len(text))
        if inside and before > end:
            yield start, end, inside
            inside = []
        start = start if inside else before
        end = len(text) if after < 0 else after
        inside.append(secret)
    yield start, end, inside
