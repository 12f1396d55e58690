"""What the shell completes: names that are known without asking any host.

At a prompt there is no place for a complaint, and no time to read whole files: what can't be read
completes to nothing, and ids are taken from the lines that state them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

LATEST = 50

Completer = Callable[[str], list[str]]


def _quietly(names: Callable[[], list[str]]) -> Completer:
    """Those of the names that begin with what was typed; none if they can't be read."""

    @functools.wraps(names)
    def complete(incomplete: str) -> list[str]:
        from sme_tools.errors import SmeError

        try:
            return sorted({name for name in names() if name.startswith(incomplete)})
        except (SmeError, OSError):
            return []

    # typer looks at the parameters of what it calls.
    del complete.__wrapped__
    return complete


@_quietly
def hosts() -> list[str]:
    """Hosts of the inventory and of ssh_config, and @groups."""
    from sme_cli import session

    known = session.inventory()
    return [host.name for host in known.hosts()] + [f"@{name}" for name in known.groupings()]


@_quietly
def probes() -> list[str]:
    """Ids of probes."""
    from sme_tools.probes.registry import probes as known

    return list(known())


@_quietly
def checks() -> list[str]:
    """Ids of checks."""
    from sme_cli import session

    shipped = files("sme_tools.checks") / "library"
    own = session.settings().config_dir / "checks"
    return [*_stated(shipped, r"^- id: *([^\s#]+)"), *_stated(own, r"^- id: *([^\s#]+)")]


@_quietly
def issues() -> list[str]:
    """Ids of known issues."""
    from sme_cli import session

    shipped = files("sme_knowledge") / "library"
    own = session.settings().knowledge_dir
    return [*_stated(shipped, r"^id: *([^\s#]+)"), *_stated(own, r"^id: *([^\s#]+)")]


@_quietly
def incidents() -> list[str]:
    """Ids of the latest incidents."""
    from sme_cli import session

    return ["last", *(incident.id for incident in session.incidents().list(limit=LATEST))]


@_quietly
def hosts_and_incidents() -> list[str]:
    """What a conversation can be about, or be come back to."""
    return [*hosts(""), *incidents("")]


@_quietly
def approvals() -> list[str]:
    """Ids of the approvals in force."""
    from sme_cli import session

    store = session.approvals()
    return [one.id for one in store.standing()] + [one.id for one in store.unused()]


@_quietly
def questions() -> list[str]:
    """Ids of what waits for an answer."""
    from sme_cli import session

    return [one.id for one in session.approvals().pending()]


@_quietly
def models() -> list[str]:
    """Entries of the chain, and those that have a section of their own."""
    from sme_cli import session

    chosen = session.settings()
    named = {*chosen.models, *chosen.summary_models, *chosen.model}
    return sorted(named - {"rules"})


def _stated(folder: Traversable, pattern: str) -> Iterator[str]:
    """What the pattern's group finds in the files of a folder; nothing where there is none."""
    if folder.is_dir():
        for file in folder.iterdir():
            if file.name.endswith((".md", ".yaml", ".yml")) and not file.name.startswith("."):
                yield from re.findall(pattern, file.read_bytes().decode("utf-8", "replace"), re.M)
