"""The corpus of secrets and look-alikes in tests/tools/redaction: one file a kind.

A file holds texts between lines of `~~~`; lines before the first text that begin with `# ` say what
the kind is. In a text «…» marks what must be hidden; a text without marks is a look-alike, which
must come back as it was. ⟨NAME N⟩ stands for generated characters, so that no file holds a value
that a secret scanner would report: `⟨alnum 36⟩`, `⟨uuid⟩`, `⟨b64of TEXT⟩`, and `⟨human⟩` for
passwords as people choose them.

Each second text is held out: the patterns were made with the others alone in view.
"""

from __future__ import annotations

import base64
import random
import re
import string
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "tools" / "redaction"
_GENERATED = re.compile(r"⟨(\w+)(?: ([^⟩]*))?⟩")
_MARKED = re.compile(r"«([^«»]*)»")
_PLACEHOLDER = re.compile(r"<secret:[a-z0-9-]+:\d+>")
_PIECE_CHARS = 6
"""So much of a secret in the output counts as the secret shown."""

_ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "lower": string.ascii_lowercase + string.digits,
    "upper": string.ascii_uppercase + string.digits,
    "digits": string.digits,
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "b64": string.ascii_letters + string.digits + "+/",
    "b64u": string.ascii_letters + string.digits + "_-",
    "base32": string.ascii_uppercase + "234567",
    "graphic": string.ascii_letters + string.digits + "!@%^&*()_+-=[]{}:,.?",
}
_SYLLABLES = (
    "ka",
    "ber",
    "lo",
    "min",
    "tro",
    "sa",
    "wel",
    "di",
    "fun",
    "hor",
    "gel",
    "pit",
    "zu",
    "ran",
)


@dataclass(frozen=True)
class Case:
    """One text of the corpus, with its values filled in."""

    kind: str
    number: int
    """Its place in the file, from 0."""
    text: str
    secrets: tuple[str, ...]
    around: tuple[str, ...]
    """What stands before, between and after the secrets; one more than there are secrets."""

    @property
    def held_out(self) -> bool:
        """Whether the patterns were made without a look at this text."""
        return self.number % 2 == 1

    def shown(self, output: str) -> list[str]:
        """The secrets of which the output shows a piece that does not stand elsewhere anyway."""
        outside = "\0".join(self.around)
        output = _PLACEHOLDER.sub("\0", output)
        return [
            secret
            for secret in self.secrets
            if any(piece in output and piece not in outside for piece in _pieces(secret))
        ]

    def surroundings_kept(self, output: str) -> bool:
        """Whether nothing was hidden but the secrets; more than one placeholder may hide one."""
        hidden = rf'"?(?:{_PLACEHOLDER.pattern}\s*)+"?'  # a number in JSON gets quotes
        return re.fullmatch(hidden.join(map(re.escape, self.around)), output) is not None


def kinds() -> list[str]:
    """The names of the files, in order."""
    return sorted(file.stem for file in FOLDER.glob("*.txt"))


def cases(kind: str, *, seed: int = 0) -> Iterator[Case]:
    """The texts of one kind. Another seed gives other values in the same surroundings."""
    text = (FOLDER / f"{kind}.txt").read_text("utf-8")
    templates = re.sub(r"\A(?:# .*\n)+", "", text).removesuffix("\n").split("\n~~~\n")
    for number, template in enumerate(templates):
        pieces = _MARKED.split(_filled_in(template, random.Random(f"{seed} {kind} {number}")))
        yield Case(kind, number, "".join(pieces), tuple(pieces[1::2]), tuple(pieces[::2]))


def _filled_in(template: str, chance: random.Random) -> str:
    return _GENERATED.sub(lambda match: _generate(chance, match[1], match[2]), template)


def _generate(chance: random.Random, name: str, argument: str | None) -> str:
    if name in _ALPHABETS:
        return "".join(chance.choices(_ALPHABETS[name], k=int(argument or 0)))
    return _OTHERS[name](chance, argument or "")


def _human(chance: random.Random, _: str) -> str:
    word = "".join(chance.choices(_SYLLABLES, k=chance.choice((3, 4))))
    return chance.choice(
        (
            word,
            word.capitalize() + str(chance.randrange(10, 100)),
            f"{word}{chance.randrange(1000, 10000)}!",
            f"{word}-{''.join(chance.choices(_SYLLABLES, k=2))}",
            f"{word.capitalize()}_{chance.randrange(100)}",
        )
    )


_OTHERS: dict[str, Callable[[random.Random, str], str]] = {
    "human": _human,
    "uuid": lambda chance, _: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
    "b64of": lambda _, text: base64.b64encode(text.encode()).decode(),
    "bytes": lambda chance, n: ", ".join(str(chance.randrange(256)) for _ in range(int(n))),
    "hexbytes": lambda chance, n: ":".join(f"{chance.randrange(256):02X}" for _ in range(int(n))),
}


def _pieces(secret: str) -> Iterator[str]:
    for line in map(str.strip, secret.splitlines()):
        if len(line) <= _PIECE_CHARS:
            yield line
        for start in range(0, len(line) - _PIECE_CHARS + 1):
            yield line[start : start + _PIECE_CHARS]
