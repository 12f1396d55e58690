"""Text from hosts made safe to show: it must not be able to move the cursor or recolour a line."""

from __future__ import annotations

import re

# Escape sequences as a whole (CSI, OSC and other strings, two-byte escapes), then every other
# control character but tab and newline, and the characters that reorder or hide text: ECMA-48,
# Unicode UAX #9. A string without an end ends with its line, or it would hide all that follows.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


def visible(text: str) -> str:
    """The text without escape sequences; other control characters become "�"."""
    text = text.replace("\r\n", "\n")
    return _CONTROLS.sub("�", _ESCAPES.sub("", text))


def written_out(text: str) -> str:
    """The text with every character that can't be seen as its code, <U+001B>; none is left out.

    For what somebody has to judge to the letter. Lines and spaces stay.
    """
    return "".join(
        char if char.isprintable() or char == "\n" else f"<U+{ord(char):04X}>" for char in text
    )


def one_line(text: str) -> str:
    """`visible` text on one line, with white space folded."""
    return " ".join(visible(text).split())
