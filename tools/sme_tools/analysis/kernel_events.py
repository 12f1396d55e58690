"""Events in the kernel's log: what went wrong, with what, how often, when."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import AwareDatetime

from sme_tools.analysis.kernel_lines import KernelLine
from sme_tools.analysis.kernel_patterns import kernel_patterns
from sme_tools.facts import Fact


class KernelEvent(Fact):
    """One kind of trouble with one thing."""

    kind: str
    """`oom-kill`, `io-error`, `filesystem-error`, `hung-task`, `kernel-oops`, `nvidia-xid`, …"""
    subject: str
    """The process, device, interface or server concerned."""
    count: int
    first: AwareDatetime | None = None
    last: AwareDatetime | None = None
    """None where the log has no time that can be placed."""
    example: str
    """The latest line, shortened."""
    code: int | None = None
    """The number of an Xid."""
    device: str | None = None
    """The GPU's PCI address, for events of GPUs."""
    cgroup: str | None = None
    """For OOM kills: the control group of the process."""
    container: str | None = None
    """For OOM kills: the short id of the container, where the control group names one."""
    memory_limited: bool | None = None
    """For OOM kills: whether a memory limit was hit (true) or the machine ran out (false)."""


@dataclass
class _Gathered:
    count: int = 0
    times: list[datetime] = field(default_factory=list)
    example: str = ""
    extra: dict[str, object] = field(default_factory=dict)

    def add(self, line: KernelLine, **extra: object) -> None:
        self.count += 1
        if line.at is not None:
            self.times.append(line.at)
        self.example = line.message[:300]
        self.extra |= {key: value for key, value in extra.items() if value is not None}


_Key = tuple[str, str]
OOPS_LINES = 8
"""An oops announces itself on several lines; those that follow this closely belong to it."""


def kernel_events(lines: Iterable[KernelLine]) -> list[KernelEvent]:
    """The events, in the order in which they first occurred."""
    found: dict[_Key, _Gathered] = {}
    ooms = _OomReader()
    last_oops = -OOPS_LINES - 1
    for number, line in enumerate(lines):
        if ooms.read(line):
            continue
        event = _match(line.message)
        if event is None:
            _note_recovery(line.message, found)
            continue
        kind, subject, extra = event
        if kind == "kernel-oops":
            again = number - last_oops <= OOPS_LINES
            last_oops = number
            if again:
                continue
        found.setdefault((kind, subject), _Gathered()).add(line, **extra)
    return [_event(key, gathered) for key, gathered in (ooms.kills() | found).items()]


def _event(key: _Key, gathered: _Gathered) -> KernelEvent:
    return KernelEvent.model_validate(
        {
            "kind": key[0],
            "subject": key[1],
            "count": gathered.count,
            "first": min(gathered.times, default=None),
            "last": max(gathered.times, default=None),
            "example": gathered.example,
            **gathered.extra,
        }
    )


def _match(message: str) -> tuple[str, str, dict[str, object]] | None:
    lowered = message.lower()
    for pattern in kernel_patterns():
        if pattern.hint not in lowered or not (match := pattern.regex.search(message)):
            continue
        named = {key: value for key, value in match.groupdict().items() if value}
        if pattern.kind == "nvidia-xid":
            subject = f"{named['device']} Xid {named['code']}"
            return pattern.kind, subject, {"device": named["device"], "code": int(named["code"])}
        subject = named.get("subject") or named.get("device") or pattern.subject
        return pattern.kind, subject.strip(), {}
    return None


_RECOVERED = re.compile(r"(?:nfs|lockd): server (\S+) OK")


def _note_recovery(message: str, found: dict[_Key, _Gathered]) -> None:
    """A server that answers again is no longer an event."""
    if recovered := _RECOVERED.search(message):
        found.pop(("storage-not-responding", recovered[1]), None)


_KILLED = re.compile(
    r"(?P<limit>Memory cgroup out of memory)?.*\bKill(?:ed)? process (?P<pid>\d+)"
    r"(?: \((?P<name>.*?)\)|, )"
)
_CONSTRAINT = re.compile(
    r"oom-kill:constraint=(?P<constraint>\w+).*?task_memcg=(?P<cgroup>[^,]*),task=.*,pid=(?P<pid>\d+)"
)
_TASK_IN = re.compile(r"Task in (?P<cgroup>\S+) killed as a result of limit of")
_INVOKED = re.compile(r"^(?P<name>.+?) invoked oom-killer")
_CONTAINER = re.compile(r"(?:docker[-/]|libpod-|crio-|cri-containerd-|/)([0-9a-f]{12})[0-9a-f]{52}")
_LXC = re.compile(r"/lxc(?:\.payload[./]|/)(?P<name>[^/]+)")


class _OomReader:
    """Puts together the lines that the OOM killer prints about one process."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._found: dict[str, _Gathered] = {}
        self._groups: dict[str, dict[str, object]] = {}
        self._pending: str | None = None
        self._invokers: dict[str, _Gathered] = {}

    def read(self, line: KernelLine) -> bool:
        """Whether the line was one of them."""
        text = line.message
        if "oom-kill" in text or "oom-killer" in text:
            return self._read_cause(line)
        if "kill" not in text.lower():
            return False
        if group := _TASK_IN.search(text):
            self._pending = group["cgroup"]
            return True
        if not (killed := _KILLED.search(text)):
            return False
        self._kill(line, killed)
        return True

    def _read_cause(self, line: KernelLine) -> bool:
        if cause := _CONSTRAINT.search(line.message):
            limited = cause["constraint"] == "CONSTRAINT_MEMCG"
            self._groups[cause["pid"]] = {**_group(cause["cgroup"]), "memory_limited": limited}
        elif invoked := _INVOKED.search(line.message):
            self._invokers.setdefault(invoked["name"].strip(), _Gathered()).add(line)
        else:
            return False
        return True

    def _kill(self, line: KernelLine, killed: re.Match[str]) -> None:
        pid = killed["pid"]
        name = killed["name"] or self._names.get(pid) or f"process {pid}"
        fresh = pid not in self._names or self._names[pid] != name
        self._names[pid] = name
        limited = True if killed["limit"] or self._pending else None
        extra = {"memory_limited": limited, **self._groups.pop(pid, {})}
        if self._pending:
            extra |= _group(self._pending)
            self._pending = None
        gathered = self._found.setdefault(name, _Gathered())
        if fresh:
            gathered.add(line, **extra)
        else:  # old kernels print "Kill process" and then "Killed process"
            gathered.example = line.message[:300]

    def kills(self) -> dict[_Key, _Gathered]:
        """The kills by process name; if none is in the log, who asked for memory."""
        return {("oom-kill", name): one for name, one in (self._found or self._invokers).items()}


def _group(cgroup: str) -> dict[str, object]:
    return {"cgroup": cgroup, "container": container_of(cgroup)}


def container_of(cgroup: str) -> str | None:
    """The container that a control group belongs to: its short id, or its LXC name or number."""
    if found := _CONTAINER.search(cgroup):
        return found[1]
    lxc = _LXC.search(cgroup)
    return lxc["name"] if lxc else None
