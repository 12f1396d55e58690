"""Pods: which are not well, and why."""

from __future__ import annotations

import re
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.kubernetes_reading import (
    KUBECTL,
    NOTHING_FOUND,
    Block,
    WarningEvent,
    age_seconds,
    describe_blocks,
    events_of,
    json_items,
    refuse_complaint,
    table,
)
from sme_tools.probes.registry import probe


class Pod(Fact):
    """A pod as `kubectl get pods` shows it."""

    namespace: str
    name: str
    status: str
    """`Running`, `Completed`, `CrashLoopBackOff`, `Init:Error`, …, as kubectl words it."""
    ready_containers: int
    containers: int
    restarts: int
    last_restart_seconds: float | None = None
    """How long ago the last restart was; None if there was none or kubectl does not say."""
    age_seconds: float | None = None
    node: str | None = None


@probe(
    "kubernetes.pods",
    level=2,
    tool="kubectl",
    timeout_s=8,
    command=KUBECTL + "k get pods -A -o wide",
    reads=("kubectl get pods", "kubectl get pods -A", "kubectl get all"),
)
def pods(output: str) -> list[Pod]:
    """Every pod: its state, how many of its containers are ready, how often they restarted.

    Reads the table as well as `-o json`. Source: kubectl get.
    """
    refuse_complaint("kubernetes.pods", output)
    items = json_items(output)
    if items is not None:
        return [_from_json(item) for item in items]
    rows = table("kubernetes.pods", output, ("NAMESPACE", "NAME"))
    return [_from_row(row) for row in rows if not _is_other(row)]


def _is_other(row: dict[str, str]) -> bool:
    """Whether the row is of another table of `kubectl get all`."""
    return "/" in row["name"] and not row["name"].startswith("pod/")


def _from_row(row: dict[str, str]) -> Pod:
    ready = re.fullmatch(r"(\d+)/(\d+)", row["ready"])
    restarts = re.fullmatch(r"(\d+)(?: \((\S+) ago\))?", row["restarts"])
    if not ready or not restarts:
        raise ProbeError("kubernetes.pods", line=" ".join(row.values()))
    node = row.get("node", "<none>")
    return Pod(
        namespace=row.get("namespace", "default"),
        name=row["name"].removeprefix("pod/"),
        status=row["status"],
        ready_containers=int(ready[1]),
        containers=int(ready[2]),
        restarts=int(restarts[1]),
        last_restart_seconds=age_seconds(restarts[2]) if restarts[2] else None,
        age_seconds=age_seconds(row.get("age", "")),
        node=None if node == "<none>" else node,
    )


def _from_json(item: dict[str, Any]) -> Pod:
    status = item.get("status", {})
    containers = status.get("containerStatuses", [])
    return Pod(
        namespace=item["metadata"].get("namespace", "default"),
        name=item["metadata"]["name"],
        status=_shown_status(item),
        ready_containers=sum(bool(one.get("ready")) for one in containers),
        containers=len(item.get("spec", {}).get("containers", [])),
        restarts=sum(int(one.get("restartCount", 0)) for one in containers),
        node=item.get("spec", {}).get("nodeName"),
    )


def _shown_status(item: dict[str, Any]) -> str:
    """What kubectl's table shows as STATUS; after printPod of the Kubernetes sources."""
    status = item.get("status", {})
    shown = status.get("reason") or status.get("phase", "Unknown")
    if item["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for one in status.get("initContainerStatuses", []):
        reason = _reason(one.get("state", {}))
        if reason and reason not in ("Completed", "PodInitializing"):
            return f"Init:{reason}"
    for one in reversed(status.get("containerStatuses", [])):
        shown = _reason(one.get("state", {})) or shown
    return str(shown)


def _reason(state: dict[str, Any]) -> str | None:
    for name in ("waiting", "terminated"):
        inner = state.get(name)
        if inner:
            return inner.get("reason") or f"ExitCode:{inner.get('exitCode', '?')}"
    return None


class PodContainer(Fact):
    """A container of a described pod."""

    name: str
    init: bool
    state: str
    """`Running`, `Waiting`, `Terminated`."""
    reason: str | None = None
    """`CrashLoopBackOff`, `ImagePullBackOff`, `PodInitializing`, …"""
    message: str | None = None
    last_reason: str | None = None
    """How it ended before: `Error`, `OOMKilled`, `StartError`, `Completed`."""
    last_message: str | None = None
    last_exit_code: int | None = None
    ready: bool
    restarts: int
    image: str | None = None


class PodDetails(Fact):
    """A pod as `kubectl describe` shows it."""

    namespace: str
    name: str
    phase: str
    node: str | None = None
    containers: list[PodContainer]
    warnings: list[WarningEvent]
    trouble: str | None = None
    """Why it does not run: the gravest reason among containers and events; None if it is well."""
    trouble_message: str | None = None


@probe(
    "kubernetes.pod_details",
    level=3,
    tool="kubectl",
    timeout_s=20,
    command=KUBECTL
    + """\
k get pods -A --no-headers | awk '{split($3, r, "/")}
  $4 != "Completed" && $4 != "Succeeded" && (r[1] != r[2] || $4 != "Running") {print $1, $2}' |
head -n 8 | while read -r namespace name; do k describe pod -n "$namespace" "$name"; echo; done
""",
    reads=("kubectl describe pods",),
)
def pod_details(output: str) -> list[PodDetails]:
    """Why pods do not run: container states and the warnings of their events. Live, of at most 8.

    Source: kubectl describe pod.
    """
    refuse_complaint("kubernetes.pod_details", output)
    objects = describe_blocks(output)
    if output.strip() and not objects and not NOTHING_FOUND.match(output):
        raise ProbeError("kubernetes.pod_details", line=output)
    return [_details(described) for described in objects]


def _details(pod: Block) -> PodDetails:
    containers = [
        _container(block, init=section == "Init Containers")
        for section in ("Init Containers", "Containers")
        for block in (pod.find(section) or Block("", "")).blocks
    ]
    warnings = events_of(pod)
    trouble, message = _trouble(containers, warnings, pod.text("Reason"))
    return PodDetails(
        namespace=pod.text("Namespace") or "default",
        name=pod.text("Name"),
        phase=pod.text("Status").split(" ")[0],
        node=None if pod.text("Node") in ("", "<none>") else pod.text("Node").split("/")[0],
        containers=containers,
        warnings=warnings,
        trouble=trouble,
        trouble_message=message,
    )


def _container(block: Block, *, init: bool) -> PodContainer:
    state = block.find("State") or Block("", "")
    last = block.find("Last State") or Block("", "")
    code = last.text("Exit Code") or state.text("Exit Code")
    return PodContainer(
        name=block.key,
        init=init,
        state=state.value or "Unknown",
        reason=state.text("Reason") or None,
        message=state.text("Message") or None,
        last_reason=last.text("Reason") or None,
        last_message=last.text("Message") or None,
        last_exit_code=int(code) if code.lstrip("-").isdigit() else None,
        ready=block.text("Ready") == "True",
        restarts=int(block.text("Restart Count") or 0),
        image=block.text("Image") or None,
    )


def _exit(container: PodContainer) -> str:
    code = "" if container.last_exit_code is None else f", exit code {container.last_exit_code}"
    return f"container {container.name}{code}, {container.restarts} restarts"


_WELL = {"", "Completed", "PodInitializing", "ContainerCreating"}
_EVENT_REASONS = (
    "FailedScheduling",
    "FailedMount",
    "FailedAttachVolume",
    "FailedCreatePodSandBox",
    "Evicted",
    "Unhealthy",
)


def _trouble(
    containers: list[PodContainer], warnings: list[WarningEvent], reason: str
) -> tuple[str | None, str | None]:
    if reason and reason not in _WELL:  # Evicted, NodeLost, OutOfcpu
        return reason, "see its events"
    for one in containers:
        if (one.reason or "") not in _WELL:
            ended = f" after {one.last_reason}" if one.last_reason else ""
            return f"{one.reason}{ended}", one.last_message or one.message or _exit(one)
    for one in containers:
        if one.last_reason in ("OOMKilled", "StartError", "ContainerCannotRun") and one.restarts:
            return one.last_reason, one.last_message or _exit(one)
    if containers and all(one.ready or one.reason == "Completed" for one in containers):
        return None, None
    for one in containers:
        if one.restarts and any(event.reason == "BackOff" for event in warnings):
            return f"Not ready after {one.last_reason or 'a restart'}", _exit(one)
    worst = next(
        (event for name in _EVENT_REASONS for event in warnings if event.reason == name), None
    )
    return (worst.reason, worst.message) if worst else (None, None)
