"""Which host names ssh_config knows: its Host and Match lines, Include followed.

Only for listing names and for telling a known name from a misspelt one; what holds for a host is
for `ssh -G` to say (see `config`). Source: ssh_config(5).
"""

from __future__ import annotations

import glob
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from sme_tools.hosts.ssh.config import home_is_the_accounts, user_folder
from sme_tools.hosts.ssh.patterns import matches

SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")
MAX_DEPTH = 16
"""How deep Include may nest, as in ssh."""

_LINE = re.compile(r"\s*(\w+)(?:\s*=\s*|\s+)(.*)")


def ssh_names() -> list[str]:
    """The names that Host and Match lines spell out, in their order: no patterns, none negated."""
    found: dict[str, None] = {}
    for patterns in _pattern_lists():
        for pattern in patterns:
            if not set(pattern) & set("*?!"):
                found[pattern] = None
    return list(found)


def ssh_knows(name: str) -> bool:
    """Whether a Host or Match line speaks of this name; a bare `*` speaks of none."""
    return any(
        matches(name, [pattern for pattern in patterns if pattern.strip("*")])
        for patterns in _pattern_lists()
    )


def _pattern_lists() -> Iterator[list[str]]:
    configs = [user_folder() / "config"]
    if home_is_the_accounts():
        configs.append(SYSTEM_CONFIG)
    for config in configs:
        yield from _read(config, ())


def _read(file: Path, within: tuple[Path, ...]) -> Iterator[list[str]]:
    """The pattern lists of one file, which those `within` include, the outermost first."""
    within = (*within, file)
    try:
        text = file.read_text("utf-8", "replace")
    except OSError:
        return  # ssh passes over files it can't open, too
    for line in text.splitlines():
        parsed = _LINE.fullmatch(line)
        if parsed is None:
            continue
        words = _words(parsed[2])
        match parsed[1].lower():
            case "host":
                yield words
            case "match":
                yield from _match_names(words)
            case "include" if len(within) <= MAX_DEPTH:
                for path in _included(words, within[0].parent):
                    if path not in within:
                        yield from _read(path, within)


def _included(words: list[str], folder: Path) -> Iterator[Path]:
    for word in words:
        pattern = str(folder / Path(word).expanduser())
        for name in sorted(glob.glob(pattern)):  # noqa: PTH207 - Path's takes no absolute pattern
            yield Path(name)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # an open quote: ssh will complain about it
        return text.split()


def _match_names(words: list[str]) -> Iterator[list[str]]:
    for criterion, value in itertools.pairwise(words):
        if criterion.lower() in ("host", "originalhost"):
            yield value.split(",")
