"""What keeps pods running in a Kubernetes cluster, and the volumes they claim."""

from __future__ import annotations

import re
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.kubernetes_reading import (
    KUBECTL,
    Block,
    age_seconds,
    describe_blocks,
    events_of,
    json_items,
    refuse_complaint,
    table,
)
from sme_tools.probes.registry import probe

WORKLOADS = "kubernetes.workloads"
CLAIMS = "kubernetes.claims"
_HEADINGS = ("NAMESPACE", "NAME")


class Workload(Fact):
    """A Deployment, StatefulSet, DaemonSet, ReplicaSet or Job."""

    namespace: str
    kind: str
    name: str
    wanted: int
    """Replicas that should run; of a Job, the completions it needs."""
    ready: int
    """Replicas that are ready or, where that is told, available; of a Job, what has succeeded."""
    failed: bool = False
    """Whether a Job has ended without its completions."""
    age_seconds: float | None = None
    state: str
    """`0 of 3 replicas ready`, with the reason where that is told."""


def _workload(
    namespace: str | None,
    kind: str,
    name: str,
    *,
    wanted: int,
    ready: int,
    failed: bool = False,
    age: float | None = None,
    reason: str | None = None,
) -> Workload:
    noun = "completions reached" if kind == "Job" else "replicas ready"
    told = f" ({reason})" if reason and ready < wanted else ""
    return Workload(
        namespace=namespace or "default",
        kind=kind,
        name=name,
        wanted=wanted,
        ready=ready,
        failed=failed,
        age_seconds=age,
        state=f"{ready} of {wanted} {noun}{told}",
    )


@probe(
    WORKLOADS,
    level=2,
    tool="kubectl",
    timeout_s=8,
    command=KUBECTL + "k get deployments,statefulsets,daemonsets,jobs -A",
    reads=(
        *(
            f"kubectl {verb} {kind}"
            for verb in ("get", "describe")
            for kind in ("deployments", "statefulsets", "daemonsets", "replicasets", "jobs")
        ),
        "kubectl get all",
    ),
)
def workloads(output: str) -> list[Workload]:
    """Deployments, StatefulSets, DaemonSets and Jobs: how many replicas they have and lack.

    ReplicaSets are told only where nothing else is: a Deployment speaks for its own. Reads the
    tables, `describe` and `-o json`. Source: kubectl get, kubectl describe.
    """
    refuse_complaint(WORKLOADS, output)
    items = json_items(output)
    if items is not None:
        found = [_from_json(item) for item in items]
    elif described := describe_blocks(output):
        found = [_from_description(block) for block in described]
    else:
        rows = [_from_row(row) for row in table(WORKLOADS, output, _HEADINGS)]
        found = [workload for workload in rows if workload]
    return [one for one in found if one.kind != "ReplicaSet"] or found


_KINDS = {
    "deployment": "Deployment",
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
    "replicaset": "ReplicaSet",
    "job": "Job",
}


def _from_row(row: dict[str, str]) -> Workload | None:
    """A row, or None if its table lists something else (`kubectl get all`)."""
    prefix, _, name = row["name"].rpartition("/")
    kind = _KINDS.get(prefix.split(".")[0]) if prefix else _kind_of_table(row)
    if kind is None:
        return None
    share = re.fullmatch(r"(\d+)/(\d+)(?: of \d+)?", row.get("ready") or row.get("completions", ""))
    if share:
        ready, wanted = int(share[1]), int(share[2])
    else:
        ready = int(row.get("available") or row.get("ready") or row.get("successful", ""))
        wanted = int(row["desired"])
    return _workload(
        row.get("namespace"),
        kind,
        name or row["name"],
        wanted=wanted,
        ready=ready,
        failed=row.get("status") == "Failed",
        age=age_seconds(row.get("age", "")),
    )


def _kind_of_table(row: dict[str, str]) -> str | None:
    if "completions" in row or "successful" in row:
        return "Job"
    if "restarts" in row or not {"ready", "available"} & set(row):
        return None
    if "node selector" in row or "node-selector" in row:
        return "DaemonSet"
    if "up-to-date" in row:
        return "Deployment"
    return "ReplicaSet" if "desired" in row and "current" in row else "StatefulSet"


def _number(pattern: str, text: str) -> int:
    match = re.search(pattern, text)
    if match is None:
        raise ProbeError(WORKLOADS, "no count of replicas", line=text)
    return int(match[1])


def _from_description(block: Block) -> Workload:
    warnings = [f"{event.reason}: {event.message}" for event in events_of(block)]
    kind, wanted, ready, failed = _described_counts(block)
    return _workload(
        block.text("Namespace"),
        kind,
        block.text("Name"),
        wanted=wanted,
        ready=ready,
        failed=failed,
        reason=_unmet(block) or next(iter(warnings), None),
    )


def _described_counts(block: Block) -> tuple[str, int, int, bool]:
    """Kind, wanted and ready replicas, and whether a job failed."""
    replicas = block.text("Replicas")
    if pods := block.text("Pods Statuses"):
        needed = block.text("Completions")
        wanted = int(needed) if needed.isdigit() else 1
        ready = _number(r"(\d+) (?:Succeeded|Completed)", pods)
        active = _number(r"(\d+) (?:Active|Running)", pods)
        failed = not active and ready < wanted and _number(r"(\d+) Failed", pods) > 0
        return "Job", wanted, ready, failed
    if scheduled := block.text("Desired Number of Nodes Scheduled"):
        available = block.text("Number of Nodes Scheduled with Available Pods")
        return "DaemonSet", int(scheduled), int(available or 0), False
    wanted = _number(r"(\d+) desired", replicas)
    if available_now := re.search(r"(\d+) available", replicas):
        return "Deployment", wanted, int(available_now[1]), False
    kind = "ReplicaSet" if "current" in replicas else "StatefulSet"
    return kind, wanted, _number(r"(\d+) Running", block.text("Pods Status")), False


def _unmet(block: Block) -> str | None:
    """The reason of a condition that should be true; that of the progress tells the most."""
    lines = (block.find("Conditions") or Block("", "")).lines
    found = {
        match[1]: match[2]
        for line in lines
        if (match := re.match(r"\s+(Available|Progressing)\s+False\s+(\S+)", line))
    }
    return found.get("Progressing") or found.get("Available")


def _from_json(item: dict[str, Any]) -> Workload:
    spec, status = item.get("spec", {}), item.get("status", {})
    kind = str(item.get("kind", ""))
    if kind not in _KINDS.values():
        raise ProbeError(WORKLOADS, f"not a workload: {kind or 'no kind'}")
    wanted = {
        "Job": spec.get("completions", 1),
        "DaemonSet": status.get("desiredNumberScheduled", 0),
    }.get(kind, spec.get("replicas", 1))
    ready = {"Job": status.get("succeeded", 0), "DaemonSet": status.get("numberAvailable", 0)}.get(
        kind, status.get("availableReplicas", status.get("readyReplicas", 0))
    )
    conditions = {one["type"]: one for one in status.get("conditions", [])}
    unmet: dict[str, Any] = next(
        (one for one in conditions.values() if one.get("status") == "False"), {}
    )
    return _workload(
        item["metadata"].get("namespace"),
        kind,
        item["metadata"]["name"],
        wanted=wanted or 0,
        ready=ready or 0,
        failed=conditions.get("Failed", {}).get("status") == "True",
        reason=unmet.get("reason"),
    )


class VolumeClaim(Fact):
    """A PersistentVolumeClaim."""

    namespace: str
    name: str
    status: str
    """`Bound`, `Pending` or `Lost`."""
    storage_class: str | None = None
    age_seconds: float | None = None
    waits_for_pod: bool = False
    """Whether it waits, as it should, for the first pod that uses it."""
    warning: str | None = None
    """The latest among its events."""
    state: str
    """The status, with the warning if there is one."""


@probe(
    CLAIMS,
    level=3,
    tool="kubectl",
    timeout_s=8,
    command=KUBECTL + "k get pvc -A",
    reads=("kubectl get pvc", "kubectl describe pvc"),
)
def claims(output: str) -> list[VolumeClaim]:
    """The claims for volumes, and why they are not bound. Source: kubectl get, kubectl describe."""
    refuse_complaint(CLAIMS, output)
    if described := describe_blocks(output):
        return [_described_claim(block) for block in described]
    return [
        VolumeClaim(
            namespace=row.get("namespace", "default"),
            name=row["name"].rpartition("/")[2],
            status=row["status"],
            storage_class=row.get("storageclass") or None,
            age_seconds=age_seconds(row.get("age", "")),
            state=row["status"],
        )
        for row in table(CLAIMS, output, _HEADINGS)
    ]


def _described_claim(block: Block) -> VolumeClaim:
    warnings = events_of(block)
    if not block.text("Status"):
        raise ProbeError(CLAIMS, "no status of a claim", line=block.text("Name"))
    events = " ".join((block.find("Events") or Block("", "")).lines)
    return VolumeClaim(
        namespace=block.text("Namespace") or "default",
        name=block.text("Name"),
        status=block.text("Status").split(" ")[0],
        storage_class=block.text("StorageClass") or None,
        waits_for_pod="WaitForFirstConsumer" in events and not warnings,
        warning=warnings[-1].message if warnings else None,
        state=": ".join([block.text("Status"), *(event.message for event in warnings[-1:])]),
    )
