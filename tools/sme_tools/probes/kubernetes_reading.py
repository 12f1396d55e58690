"""Reading what kubectl prints: tables, `describe` texts, quantities, ages, and its complaints."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from sme_tools.analysis.log_lines import unwrapped
from sme_tools.errors import ProbeError
from sme_tools.facts import Fact

KUBECTL = """\
for file in /etc/kubernetes/admin.conf /etc/rancher/k3s/k3s.yaml /var/lib/k0s/pki/admin.conf; do
  [ -z "$KUBECONFIG" ] && [ ! -r "$HOME/.kube/config" ] && [ -r $file ] && KUBECONFIG=$file
done
[ -n "$KUBECONFIG" ] || [ -r "$HOME/.kube/config" ] || exit 127
export KUBECONFIG
[ -n "$KUBECONFIG" ] || unset KUBECONFIG
k() { kubectl --request-timeout=5s "$@" </dev/null; }
"""
"""Shell text that defines `k`; it ends with 127 where no cluster is configured."""

_COMPLAINT = re.compile(
    r"^(?:error: |Error from server(?! \(NotFound\))|The connection to the server"
    r"|Unable to connect to the server"
    r"|E\d{4} .*(?:couldn't get|memcache)|.*You must be logged in to the server)"
)


NOTHING_FOUND = re.compile(
    r"No (?:resources|events) found|Error from server \(NotFound\)|Command `"
)
"""kubectl's way to say that there is no such object; what ran it may add that it failed."""


def complaint(output: str) -> str | None:
    """What kubectl complains of, if that is what it printed."""
    return next((line.strip() for line in unwrapped(output) if _COMPLAINT.match(line)), None)


def refuse_complaint(probe: str, output: str) -> None:
    """Raise ProbeError if kubectl gave a complaint in place of an answer."""
    if said := complaint(output):
        raise ProbeError(probe, "kubectl gave no answer", line=said)


def json_items(output: str) -> list[dict[str, Any]] | None:
    """The items of a `-o json` document, or None if this is none."""
    text = "\n".join(unwrapped(output)).strip()
    if not text.startswith("{"):
        return None
    document = json.loads(text)
    return list(document["items"]) if "items" in document else [document]


def table(probe: str, output: str, first: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The rows of kubectl's tables by column name, in lower case; there may be several tables.

    `first` are the names that a heading may begin with. Columns begin where their headings do;
    a cell that is wider than that shifts nothing, because two spaces end a cell.
    """
    names: list[str] | None = None
    starts: list[int] = []
    for line in unwrapped(output):
        if not line.strip() or NOTHING_FOUND.match(line):
            continue
        if line.split()[0] in first:
            matches = list(re.finditer(r"\S+(?: \S+)*", line))
            names = [match[0].lower() for match in matches]
            starts = [match.start() for match in matches]
        elif names is None:
            raise ProbeError(probe, "not a table of kubectl", line=line)
        else:
            yield _row(line, names, starts)


def _row(line: str, names: list[str], starts: list[int]) -> dict[str, str]:
    cells = re.split(r"\s{2,}", line.strip())
    if len(cells) != len(names):
        ends = [*starts[1:], len(line)]
        cells = [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]
    return dict(zip(names, cells, strict=False))


_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}


def quantity(text: str) -> float:
    """A Kubernetes quantity as a plain number: `250m` is 0.25, `64Mi` 67108864.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(m|n|u|[KMGTP]i|[kMGTP])?", text)
    if not match:
        raise ValueError(f"not a quantity: {text!r}")
    unit = match[2] or ""
    small = {"m": 1e-3, "u": 1e-6, "n": 1e-9}
    return float(match[1]) * {**_UNITS, **_BINARY, **small}[unit]


def age_seconds(text: str) -> float | None:
    """An age such as `44d`, `2d1h`, `7m47s`; None for `<unknown>`."""
    parts = re.findall(r"(\d+)([ydhms])", text)
    size = {"y": 365 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}
    return float(sum(int(count) * size[unit] for count, unit in parts)) if parts else None


class Block:
    """A line of a `describe` text with the lines that are indented below it."""

    def __init__(self, key: str, value: str) -> None:
        self.key = key
        self.value = value
        self.blocks: list[Block] = []
        self.lines: list[str] = []
        """All lines below, as they stand."""

    def find(self, key: str) -> Block | None:
        """The first block of this name directly below."""
        return next((block for block in self.blocks if block.key == key), None)

    def text(self, key: str) -> str:
        """The value of a block directly below, or the empty string."""
        block = self.find(key)
        return block.value if block else ""


def describe_blocks(output: str) -> list[Block]:
    """The objects of a `kubectl describe`, each a block whose blocks are its fields."""
    objects: list[Block] = []
    stack: list[tuple[int, Block]] = []
    for line in unwrapped(output):
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if indent == 0 and line.startswith("Name:"):
            objects.append(Block("", ""))
            stack = [(-1, objects[-1])]
        if not objects:
            continue
        while len(stack) > 1 and stack[-1][0] >= indent:
            stack.pop()
        for _, block in stack:
            block.lines.append(line)
        match = re.match(r"([\w() ./-]+?):(?:\s+(.*))?$", line.strip())
        if match:
            found = Block(match[1], (match[2] or "").strip())
            stack[-1][1].blocks.append(found)
            stack.append((indent, found))
    return objects


class WarningEvent(Fact):
    """A warning among an object's events."""

    reason: str
    message: str
    count: int


_EVENT = re.compile(
    r"^\s+Warning\s+(?P<reason>\S+)\s+(?P<age>\S+(?: \(x(?P<count>\d+) over [^)]+\))?)\s+"
    r"(?P<source>\S+(?:, \S+)?)\s+(?P<message>\S.*)$"
)


def events_of(described: Block) -> list[WarningEvent]:
    """The warnings among the events of a described object."""
    events = described.find("Events") or Block("", "")
    found = [_EVENT.match(line) for line in events.lines]
    return [
        WarningEvent(reason=m["reason"], message=m["message"][:300], count=int(m["count"] or 1))
        for m in found
        if m
    ]
