"""Redaction of a text that comes in pieces: a long log, a pipe that never ends.

What is complete is given out at once; held back is only what may be the first part of a secret of
several lines, and never more than `HELD_CHARS`. The lines before stay in view, already redacted,
for secrets whose name stands on another line.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sme_tools.safety.redaction import Redactor

HELD_CHARS = 256 * 1024
"""What is held back at most; a line longer than this is taken apart at white space."""
_CONTEXT_CHARS = 2048

_OPENERS = re.compile(
    r"^[^\n]*(?P<block>-----BEGIN (?:[A-Z0-9]+ ){0,4}(?:PRIVATE KEY|OpenVPN Static)"
    r"|---- BEGIN SSH2 ENCRYPTED)[^\n]*\n"
    r"|^(?P<putty>Private-Lines:)[^\n]*\n"
    r"|^(?P<login><auth-user-pass>)[^\n]*\n"
    r"|^(?P<vault>[^\n]*\$ANSIBLE_VAULT;)[^\n]*\n"
    r"|^(?P<indent>[ \t]*(?:- )?)[\"']?[\w.-]+[\"']?:[ \t]*[|>][+-]?\d?[ \t]*\n"
    r"|^(?P<object>(?:- )?apiVersion:|(?:- )?kind: Secret)[^\n]*\n",
    re.MULTILINE,
)
_KEY_LINE = re.compile(
    r"[^\n]*[A-Za-z0-9+/=]{16,}[ \t\r]*|[\s>|]*(?:Proc-Type|DEK-Info|Version|Comment):[^\n]*"
    r"|[\s>|]*\S{0,16}"
)
_PUTTY_LINE = re.compile(r"[A-Za-z0-9+/=]{1,64}\r?")
_VAULT_LINE = re.compile(r"\s*[0-9a-f]{2,80}\r?")
_LOGIN_LINE = re.compile(r"(?!</auth)[^\n]*")
_OBJECT_LINE = re.compile(r"(?!---|(?:- )?apiVersion:)(?:[\w.-]+:[^\n]*|[ \t-][^\n]*|)")


class StreamRedactor:
    """Redacts a text piece by piece; what comes out is what `Redactor.text` makes of the whole.

    Exceptions are secrets of several lines that are longer than HELD_CHARS, and those in lines
    longer than that.
    """

    def __init__(self, redactor: Redactor | None = None) -> None:
        self._redactor = redactor or Redactor()
        self._held = ""
        self._context = ""

    def feed(self, text: str) -> str:
        """Add a piece; returns what can be given out now."""
        self._held += text
        end = _complete(self._held)
        if end == 0:
            return ""
        ready, self._held = self._held[:end], self._held[end:]
        return self._redacted(ready)

    def flush(self) -> str:
        """The rest, after the last piece."""
        ready, self._held = self._held, ""
        return self._redacted(ready)

    def _redacted(self, text: str) -> str:
        whole = self._redactor.text(self._context + text)
        if whole.startswith(self._context):
            out = whole[len(self._context) :]
        else:  # the new lines throw another light on those that are out already
            out = self._redactor.text(text)
        recent = self._context + out
        if len(recent) > _CONTEXT_CHARS:
            # From the beginning of a line on, so that no placeholder is cut.
            line = recent.find("\n", len(recent) - _CONTEXT_CHARS)
            recent = recent[line + 1 :] if line >= 0 else ""
        self._context = recent
        return out


def _complete(text: str) -> int:
    """Up to where the text can be given out."""
    end = text.rfind("\n") + 1
    if len(text) - end > HELD_CHARS:
        return _space_near(text, len(text) - HELD_CHARS // 2)
    opened = _open_at(text, end)
    return opened if end - opened <= HELD_CHARS else end


def _space_near(text: str, limit: int) -> int:
    at = max(text.rfind(char, 0, limit) for char in " \t,;")
    return at + 1 if at > 0 else limit


def _open_at(text: str, end: int) -> int:
    """Where something begins that is not over at `end`; `end` if nothing is open."""
    start = text.rfind("\n", 0, max(0, end - HELD_CHARS)) + 1
    for opener in _OPENERS.finditer(text, start, end):
        if opener.start() >= start and _still_open(text, opener, end):
            return opener.start()
    return end


def _still_open(text: str, opener: re.Match[str], end: int) -> bool:
    """Whether each line from the opener to the end goes on with it."""
    goes_on = _what_goes_on(opener)
    at = opener.end()
    while at < end:
        stop = text.find("\n", at, end)
        if not goes_on(text[at:stop]):
            return False
        at = stop + 1
    return True


def _what_goes_on(opener: re.Match[str]) -> Callable[[str], bool]:
    if opener["block"] is not None:
        return lambda line: "---- END" not in line and _KEY_LINE.fullmatch(line) is not None
    if opener["putty"] is not None:
        return lambda line: _PUTTY_LINE.fullmatch(line) is not None
    if opener["login"] is not None:
        return lambda line: _LOGIN_LINE.fullmatch(line) is not None
    if opener["vault"] is not None:
        return lambda line: _VAULT_LINE.fullmatch(line) is not None
    if opener["object"] is not None:
        return lambda line: _OBJECT_LINE.fullmatch(line) is not None
    depth = len(opener["indent"])
    return lambda line: not line.strip() or len(line) - len(line.lstrip()) > depth
