"""What goes on in a Kubernetes cluster: use of cpu and memory, and warnings."""

from __future__ import annotations

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.kubernetes_reading import (
    KUBECTL,
    age_seconds,
    complaint,
    quantity,
    refuse_complaint,
    table,
)
from sme_tools.probes.registry import probe


class NodeUse(Fact):
    """What a node uses. None where the metrics server has no sample of it."""

    name: str
    cpu_cores: float | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    memory_percent: float | None = None


class PodUse(Fact):
    """What a pod uses."""

    namespace: str
    name: str
    cpu_cores: float
    memory_bytes: int


class Top(Fact):
    """Use of cpu and memory, as far as the cluster measures it."""

    available: bool
    message: str | None = None
    """Why there are no measurements."""
    nodes: list[NodeUse]
    pods: list[PodUse]


@probe(
    "kubernetes.top",
    level=4,
    tool="kubectl",
    timeout_s=8,
    command=KUBECTL + "k top nodes 2>&1\nexit 0",
    reads=("kubectl top nodes", "kubectl top pods"),
)
def top(output: str) -> Top:
    """Cpu and memory that nodes and pods use, if the cluster has a metrics server.

    Source: kubectl top.
    """
    if said := complaint(output):
        if "etrics" not in said and "etrics" not in output:
            raise ProbeError("kubernetes.top", "kubectl gave no answer", line=said)
        return Top(available=False, message=said.removeprefix("error: "), nodes=[], pods=[])
    rows = list(table("kubernetes.top", output, ("NAMESPACE", "NAME", "POD")))
    return Top(
        available=True,
        nodes=[_node(row) for row in rows if "memory%" in row or "memory(%)" in row],
        pods=[_pod(row) for row in rows if not {"memory%", "memory(%)"} & set(row)],
    )


def _node(row: dict[str, str]) -> NodeUse:
    cpu, memory = row["cpu(cores)"], row["memory(bytes)"]
    cpu_share = row.get("cpu%") or row.get("cpu(%)", "")
    memory_share = row.get("memory%") or row.get("memory(%)", "")
    return NodeUse(
        name=row["name"],
        cpu_cores=None if "unknown" in cpu else round(quantity(cpu), 6),
        cpu_percent=None if "unknown" in cpu_share else float(cpu_share.rstrip("%")),
        memory_bytes=None if "unknown" in memory else int(quantity(memory)),
        memory_percent=None if "unknown" in memory_share else float(memory_share.rstrip("%")),
    )


def _pod(row: dict[str, str]) -> PodUse:
    return PodUse(
        namespace=row.get("namespace", "default"),
        name=row.get("pod") or row["name"],
        cpu_cores=round(quantity(row["cpu(cores)"]), 6),
        memory_bytes=int(quantity(row["memory(bytes)"])),
    )


class ClusterEvent(Fact):
    """A kind of warning about one object."""

    namespace: str
    object: str
    """`pod/web-6f5c`, `node/worker1`."""
    reason: str
    message: str
    """The latest."""
    events: int
    last_seen_seconds: float | None = None
    """How long ago."""


@probe(
    "kubernetes.events",
    level=3,
    tool="kubectl",
    timeout_s=8,
    command=KUBECTL
    + """\
answer=$(k get events -A --field-selector type=Warning --sort-by=.lastTimestamp) || exit
printf '%s\\n' "$answer" | head -n 1
printf '%s\\n' "$answer" | tail -n +2 | tail -n 300
""",
    reads=("kubectl get events", "kubectl events"),
)
def events(output: str) -> list[ClusterEvent]:
    """Warnings of the cluster by object and reason, the latest last. Source: kubectl."""
    refuse_complaint("kubernetes.events", output)
    found: dict[tuple[str, str, str], ClusterEvent] = {}
    for row in table("kubernetes.events", output, ("NAMESPACE", "LAST")):
        if row["type"] != "Warning":
            continue
        key = (row.get("namespace", "default"), row["object"], row["reason"])
        earlier = found.pop(key, None)
        found[key] = ClusterEvent(
            namespace=key[0],
            object=key[1],
            reason=key[2],
            message=row["message"][:300],
            events=1 + (earlier.events if earlier else 0),
            last_seen_seconds=age_seconds(row["last seen"].split(" ")[0]),
        )
    return list(found.values())
