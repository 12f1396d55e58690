"""What Docker and Podman say of a container, in one form."""

from __future__ import annotations

import re
from typing import Literal

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact

DOCKER = """\
docker --version 2>/dev/null | grep -qi podman && exit 127
give_up() {
  case $1 in
    *'ermission denied while trying'* | *'connect: permission denied'*) exit 77;;
  esac
  command -v dockerd >/dev/null 2>&1 || [ -e /snap/bin/docker ] || exit 127
  printf '%s\\n' "$1" >&2; exit 1
}
"""
"""How a probe that asks Docker begins. Podman under Docker's name has its own probe; a client
without an engine here (it talks to other hosts) makes the facts absent; `give_up SAID` tells what
the client said when it failed."""

State = Literal["created", "running", "paused", "restarting", "removing", "exited", "dead"]
Gpu = Literal["none", "nvidia", "amd", "dri", "all-devices"]


class Container(Fact):
    """One container. What the listing at hand does not say is left out."""

    name: str
    id: str | None = None
    """The first 12 digits."""
    image: str
    state: State
    exit_code: int | None = None
    """Of the last run; None if it never ran or runs now."""
    oom_killed: bool | None = None
    error: str | None = None
    """Why the engine could not start it."""
    health: Literal["healthy", "unhealthy", "starting"] | None = None
    """None without a health check."""
    restart_count: int | None = None
    """How often the engine restarted it by its restart policy."""
    restart_policy: str | None = None
    """`no`, `always`, `unless-stopped` or `on-failure`."""
    running_s: int | None = None
    """How long the present run has lasted."""
    exited_ago_s: int | None = None
    log_driver: str | None = None
    log_max_size: str | None = None
    """None where nothing limits the log."""
    memory_limit_bytes: int | None = None
    privileged: bool | None = None
    gpu: Gpu | None = None
    """Which GPU devices were handed in."""
    lacks_gpu: bool | None = None
    """The image is made for a GPU, the host has that GPU's device nodes, none was handed in."""
    mounts: list[str] | None = None
    """Host folders and volumes, `source:destination`."""


_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_UNITS |= {"month": 2592000, "year": 31536000}
_AGE = r"(?:Less than a|About an?|\d+) (?:second|minute|hour|day|week|month|year)s?"
_STATUS = re.compile(
    rf"(?P<word>Up|Exited|Restarting|Created|Dead|Paused|Removal In Progress|Removing|Initialized"
    rf"|Configured|Stopping|Stopped)(?: \((?P<code>-?\d+)\))?(?: (?P<age>{_AGE}))?(?: ago)?"
    r"(?: \((?P<note>[^)]*)\))?"
)
_STATES: dict[str, State] = {
    "Up": "running",
    "Exited": "exited",
    "Restarting": "restarting",
    "Created": "created",
    "Initialized": "created",
    "Configured": "created",
    "Dead": "dead",
    "Paused": "paused",
    "Removal In Progress": "removing",
    "Removing": "removing",
    "Stopping": "running",
    "Stopped": "exited",
}


def age_s(text: str) -> int:
    """Seconds in docker's words: `About an hour`, `18 hours`, `Less than a second`."""
    unit = text.split()[-1].rstrip("s")
    number = re.match(r"\d+", text)
    if number:
        return int(number[0]) * _UNITS[unit]
    return 0 if text.startswith("Less") else _UNITS[unit]


def status_fields(status: str, probe: str) -> dict[str, object]:
    """The fields in a STATUS column: `Exited (137) 18 hours ago`, `Up 2 hours (unhealthy)`.

    Raises:
        ProbeError: no status that docker or podman prints.
    """
    match = _STATUS.fullmatch(status.strip())
    if match is None:
        raise ProbeError(probe, "unknown status of a container", line=status)
    state = _STATES[match["word"]]
    fields: dict[str, object] = {"state": state}
    if match["code"] is not None and state != "running":
        fields["exit_code"] = int(match["code"])
    if match["age"] and state == "running":
        fields["running_s"] = age_s(match["age"])
    elif match["age"] and state == "exited":
        fields["exited_ago_s"] = age_s(match["age"])
    note = (match["note"] or "").lower().removeprefix("health: ")
    if note in ("healthy", "unhealthy", "starting"):
        fields["health"] = note
    elif note == "paused":
        fields["state"] = "paused"
    return fields


def containers_of_table(lines: list[str], probe: str) -> list[Container]:
    """The rows of `docker ps`, whatever columns were asked for. Raises ProbeError.

    The columns begin where their headings do. Where white space was lost on the way (a pasted
    listing), the status is found by its words and the name is the last word.
    """
    words = list(re.finditer(r"[A-Z]+(?: [A-Z]+)*(?=\s{2,}|\t|\s*$)", lines[0]))
    starts = [match.start() for match in words]
    columns = [match[0] for match in words]
    if "STATUS" not in columns or not {"NAMES", "NAME"} & set(columns):
        return [_from_words(line, probe) for line in lines[1:]]
    found = []
    for line in lines[1:]:
        ends = [*starts[1:], len(line)]
        row = {
            name: line[start:end].strip()
            for name, start, end in zip(columns, starts, ends, strict=True)
        }
        if _STATUS.fullmatch(row["STATUS"]) is None:
            found.append(_from_words(line, probe))
        else:
            found.append(_from_row(row, probe))
    return found


def _from_row(row: dict[str, str], probe: str) -> Container:
    name = row.get("NAMES") or row.get("NAME") or row.get("CONTAINER ID", "")
    if not name:
        raise ProbeError(probe, "a container without a name", line=str(row))
    return Container.model_validate(
        {
            "name": name.split(",")[0],
            "id": row.get("CONTAINER ID", "")[:12] or None,
            "image": row.get("IMAGE", ""),
            **status_fields(row["STATUS"], probe),
        }
    )


def _from_words(line: str, probe: str) -> Container:
    # A command may hold such words too, but then the status is the later match.
    matches = [
        m for m in re.finditer(rf"\b{_STATUS.pattern}", line) if m["age"] or m["word"] == "Created"
    ]
    words = line.split()
    if not matches or len(words) < 3:
        raise ProbeError(probe, "no status in this line", line=line)
    status = matches[-1][0].strip()
    return Container.model_validate(
        {
            "name": words[-1],
            "id": words[0][:12],
            "image": words[1],
            **status_fields(status, probe),
        }
    )
