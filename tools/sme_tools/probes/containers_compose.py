"""Reading `docker compose ps` of any version."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.probes.containers_reading import Container, status_fields

_HEAD = re.compile(r"^(?:NAME|\s*Name) +.*\b(?:STATUS|State)\b")


def is_compose(lines: list[str]) -> bool:
    """Whether these are the lines of `docker compose ps`."""
    return any(_HEAD.match(line) for line in lines[:3])


def containers_of_compose(lines: list[str], probe: str) -> list[Container]:
    """The rows of the listing. Raises ProbeError.

    Version 1 says `Exit 1`, the first releases of version 2 `exited (1)` and `running (healthy)`,
    later ones what `docker ps` says.
    """
    head = next(n for n, line in enumerate(lines) if _HEAD.match(line))
    rows = [line for line in lines[head + 1 :] if line.strip() and set(line.strip()) != {"-"}]
    read = _by_columns if lines[head].startswith("NAME") else _by_gaps
    found = []
    for name, image, status in filter(None, (read(lines[head], row) for row in rows)):
        fields = status_fields(_as_docker_says(status, probe), probe)
        found.append(Container.model_validate({"name": name, "image": image, **fields}))
    return found


def _by_columns(head: str, line: str) -> tuple[str, str, str]:
    words = list(re.finditer(r"\S+(?: \S+)*", head))
    starts = [match.start() for match in words]
    ends = [*starts[1:], len(line)]
    row = {
        match[0]: line[start:end].strip()
        for match, start, end in zip(words, starts, ends, strict=True)
    }
    return row["NAME"], row.get("IMAGE", ""), row["STATUS"]


def _by_gaps(_: str, line: str) -> tuple[str, str, str] | None:
    """Version 1 centres its headings, and breaks long cells over lines that have no state."""
    cells = re.split(r"\s{2,}", line.strip())
    states = [cell for cell in cells[1:] if re.match(r"(?:Up|Exit \d|Restarting|Paused)\b", cell)]
    return (cells[0], "", states[0]) if states else None


def _as_docker_says(status: str, probe: str) -> str:
    match = re.match(r"(?i)(exit|exited|running|up|restarting|paused|created|dead)\b(.*)", status)
    if match is None:
        raise ProbeError(probe, "unknown status of a container", line=status)
    word, rest = match[1].lower(), match[2]
    if word == "exit":
        return f"Exited ({rest.strip()})"
    return {"running": "Up"}.get(word, word.capitalize()) + rest
