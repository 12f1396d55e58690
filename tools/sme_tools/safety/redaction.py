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
        for _ in range(_MAX_PASSES):
            found = find_secrets(text)
            if not found:
                break
            text = self._replace(text, found)  # a shorter text may bring more into view
        return text

    def evidence(self, evidence: Evidence) -> Evidence:
        """The evidence with its command and both its streams redacted."""
        redacted = {
            name: text
            for name in ("command", "stdout", "stderr")
            if (text := self.text(getattr(evidence, name))) != getattr(evidence, name)
        }
        return evidence.model_copy(update=redacted) if redacted else evidence

    def _replace(self, text: str, found: list[Secret]) -> str:
        parts: list[str] = []
        done = 0
        for secret in found:
            placeholder = self._placeholder(text[secret.start : secret.end], secret.kind)
            parts += (text[done : secret.start], secret.quote, placeholder, secret.quote)
            done = secret.end
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
