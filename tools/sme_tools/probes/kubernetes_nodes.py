"""Nodes of a Kubernetes cluster, and whether its API answers."""

from __future__ import annotations

import re
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.kubernetes_reading import (
    KUBECTL,
    Block,
    complaint,
    describe_blocks,
    json_items,
    refuse_complaint,
    table,
)
from sme_tools.probes.registry import probe


class KubernetesApi(Fact):
    """Whether the cluster that this host is configured for answers."""

    answering: bool
    message: str
    """`ok`, or what kubectl says."""
    on_this_host: bool
    """Whether the host itself carries the control plane's configuration."""


@probe(
    "kubernetes.api",
    level=1,
    tool="kubectl",
    timeout_s=8,
    command=KUBECTL
    + """\
k get --raw=/readyz 2>&1; echo
ls -d /etc/kubernetes/manifests/kube-apiserver.yaml /etc/rancher/k3s/k3s.yaml 2>/dev/null
exit 0
""",
    reads=("kubectl get --raw=/readyz", "kubectl cluster-info", "kubectl version"),
)
def api(output: str) -> KubernetesApi:
    """Whether the Kubernetes API is ready. Source: Kubernetes API health endpoints."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    local = [line for line in lines if line.startswith("/etc/")]
    said = complaint(output)
    rest = [line for line in lines if line not in local]
    if not rest:
        raise ProbeError("kubernetes.api", "no answer was recorded")
    failing = next(
        (line for line in rest if "check failed" in line or line.startswith("[-]")), said
    )
    return KubernetesApi(
        answering=failing is None, message=(failing or rest[0])[:300], on_this_host=bool(local)
    )


class Node(Fact):
    """A node of the cluster."""

    name: str
    ready: bool
    schedulable: bool
    roles: str | None = None
    version: str | None = None
    pressures: list[str]
    """Conditions that are true and should not be: `DiskPressure`, `MemoryPressure`, …"""
    reason: str | None = None
    """Why it is not ready, where that is told."""
    cpu_requested_percent: float | None = None
    memory_requested_percent: float | None = None
    """Share of the node's memory that its pods have reserved."""


@probe(
    "kubernetes.nodes",
    level=2,
    tool="kubectl",
    timeout_s=12,
    command=KUBECTL
    + """\
k get nodes -o wide || exit
k get nodes -o 'jsonpath={range .items[*]}{"\\ncondition "}{.metadata.name}\
{range .status.conditions[*]} {.type}={.status}{end}{end}'
""",
    reads=("kubectl describe nodes", "kubectl get nodes"),
)
def nodes(output: str) -> list[Node]:
    """Every node: ready or not, under pressure or not, how much of it is reserved.

    Reads the table, `-o json` and `describe`. Source: kubectl get, kubectl describe node.
    """
    refuse_complaint("kubernetes.nodes", output)
    items = json_items(output)
    if items is not None:
        return [_from_json(item) for item in items]
    if described := describe_blocks(output):
        return [_from_description(block) for block in described]
    rows = [line for line in output.splitlines() if not line.startswith("condition ")]
    conditions = _conditions(output)
    return [
        _from_row(row, conditions) for row in table("kubernetes.nodes", "\n".join(rows), ("NAME",))
    ]


def _conditions(output: str) -> dict[str, dict[str, str]]:
    found = {}
    for line in output.splitlines():
        if line.startswith("condition "):
            _, name, *pairs = line.split()
            found[name] = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return found


def _pressures(conditions: dict[str, str]) -> list[str]:
    return sorted(name for name, is_so in conditions.items() if name != "Ready" and is_so == "True")


def _from_row(row: dict[str, str], conditions: dict[str, dict[str, str]]) -> Node:
    states = row["status"].split(",")
    return Node(
        name=row["name"],
        ready="Ready" in states,
        schedulable="SchedulingDisabled" not in states,
        roles=None if row.get("roles") in (None, "<none>") else row["roles"],
        version=row.get("version"),
        pressures=_pressures(conditions.get(row["name"], {})),
    )


def _from_json(item: dict[str, Any]) -> Node:
    conditions = {one["type"]: one for one in item["status"].get("conditions", [])}
    ready = conditions.get("Ready", {})
    return Node(
        name=item["metadata"]["name"],
        ready=ready.get("status") == "True",
        schedulable=not item.get("spec", {}).get("unschedulable", False),
        version=item["status"].get("nodeInfo", {}).get("kubeletVersion"),
        pressures=_pressures({name: one["status"] for name, one in conditions.items()}),
        reason=None if ready.get("status") == "True" else ready.get("message"),
    )


_CONDITION = re.compile(r"^\s+(?P<type>[A-Z]\w+)\s+(?P<is>True|False|Unknown)\s{2,}(?P<rest>.*)$")
_ALLOCATED = re.compile(r"^\s+(cpu|memory)\s+\S+ \((\d+)%\)")


def _from_description(node: Block) -> Node:
    section = node.find("Conditions") or Block("", "")
    conditions = {match["type"]: match for match in map(_CONDITION.match, section.lines) if match}
    allocated = node.find("Allocated resources") or Block("", "")
    requested = {
        match[1]: float(match[2]) for match in map(_ALLOCATED.match, allocated.lines) if match
    }
    ready = conditions.get("Ready")
    is_ready = ready is not None and ready["is"] == "True"
    system = node.find("System Info") or Block("", "")
    return Node(
        name=node.text("Name"),
        ready=is_ready,
        schedulable=node.text("Unschedulable") != "true",
        roles=None if node.text("Roles") in ("", "<none>") else node.text("Roles"),
        version=system.text("Kubelet Version") or None,
        pressures=_pressures({name: match["is"] for name, match in conditions.items()}),
        reason=None if is_ready or ready is None else re.split(r"\s{2,}", ready["rest"])[-1],
        cpu_requested_percent=requested.get("cpu"),
        memory_requested_percent=requested.get("memory"),
    )
