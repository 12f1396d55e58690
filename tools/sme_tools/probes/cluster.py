"""Pacemaker clusters: nodes, resources, fencing and quorum."""

from __future__ import annotations

import re
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import with_options


class ClusterNode(Fact):
    """One node, as the cluster sees it."""

    name: str
    state: str
    """online, offline, unclean, standby, maintenance, pending"""
    remote: bool
    """Runs pacemaker-remote: no vote of its own."""


class FailedAction(Fact):
    """An operation that failed and that nobody has cleaned up."""

    action: str
    """`clusterfence_start_0 on test-host1`"""
    reason: str = "no reason given"


class Pacemaker(Fact):
    """One Pacemaker cluster."""

    name: str | None = None
    running: bool
    """Whether the cluster runs on the node that was asked."""
    has_quorum: bool | None = None
    coordinator: str | None = None
    """The designated coordinator; None while there is none."""
    nodes: tuple[ClusterNode, ...] = ()
    failed_resources: tuple[str, ...] = ()
    """Resources that are FAILED or blocked."""
    stopped_resources: tuple[str, ...] = ()
    """Resources that are stopped though nobody disabled them."""
    failed_actions: tuple[FailedAction, ...] = ()
    failed_fencing: tuple[str, ...] = ()
    """Fencing that failed: `reboot of r40 failed`."""
    warnings: tuple[str, ...] = ()
    """`no stonith devices and stonith-enabled is not false`"""
    daemons_down: tuple[str, ...] = ()
    """Of corosync, pacemaker and pcsd, and of the nodes' pcsd."""


@probe(
    "cluster.pacemaker",
    level=1,
    tool="crm_mon",
    needs_root=True,
    command="crm_mon -1 -r -f 2>&1 || { command -v pcs >/dev/null && pcs status 2>&1; }",
    ok_exit_codes=(0, 1, 102),
    reads=(
        *with_options(
            "pcs",
            "status|status --full|cluster status|status nodes|status cluster"
            "|status resources|resource status|status -f|status --debug",
        ),
        *with_options(
            "crm",
            "status|status full",
        ),
        *with_options(
            "crm_mon",
            "-1|-1rf|-1 -r -f|-1Afr|-r -1|-1 -r|-A -1|-1rfA|-1 -rf|--one-shot|-Afr1|-rf1|-1f",
        ),
        "pcs_status",
    ),
)
def pacemaker(output: str) -> Pacemaker:
    """Nodes, resources, failed actions and failed fencing. Source: crm_mon(8), pcs(8)."""
    if re.search(
        r"cluster is not currently running|cluster is not available"
        r"|connection to cluster failed|not connected",
        output,
        re.I,
    ):
        return Pacemaker(running=False)
    facts: dict[str, Any] = {"running": True, "warnings": _warnings(output)}
    for name, form in _HEADER.items():
        if match := form.search(output):
            facts[name] = match[1].strip()
    facts["has_quorum"] = _quorum(output)
    facts["nodes"] = _nodes(output)
    facts |= _resources(output)
    facts["failed_actions"] = _failed_actions(output)
    facts["failed_fencing"] = _failed_fencing(output)
    facts["daemons_down"] = _daemons(output)
    if not any(
        facts[key] for key in ("nodes", "failed_resources", "stopped_resources", "warnings")
    ):
        line = output.strip().split("\n")[0]
        if line and not _ANY.search(output):
            raise ProbeError("cluster.pacemaker", "no status of a cluster", line=line)
    return Pacemaker.model_validate(facts)


_ANY = re.compile(r"Cluster name:|Stack:|Current DC:|(?:Started|Stopped)(?: |:|$)", re.MULTILINE)
_HEADER = {
    "name": re.compile(r"^Cluster name: *(\S.*)$", re.MULTILINE),
    "coordinator": re.compile(r"Current DC: (?!NONE)(\S+)"),
}


def _quorum(output: str) -> bool | None:
    if re.search(r"partition WITHOUT quorum", output):
        return False
    return True if "partition with quorum" in output else None


_LISTED = re.compile(
    r"^\s*(?:\* )?(?P<kind>Remote|Guest|RemoteNode)?\s?(?P<state>Online|OFFLINE|Offline|Standby"
    r"|Maintenance|Pending|RemoteOnline|RemoteOFFLINE|RemoteOffline|GuestOnline"
    r"|Remote online|Remote offline)"
    r"(?: with resource\(s\) running)?:\s*\[?(?P<names>[^\]\n]*)\]?\s*$",
    re.MULTILINE,
)
_SINGLE = re.compile(
    r"^\s*(?:\* )?(?P<kind>Remote|Guest)?\s?[Nn]ode (?:List:)?(?P<name>[\w.@-]+)(?: \([\w-]+\))?: "
    r"(?P<state>.*\S)\s*$",
    re.MULTILINE,
)
_SINGLE_STATES = ("unclean", "standby", "maintenance", "pending", "offline", "online")


def _nodes(output: str) -> list[ClusterNode]:
    """Nodes are listed by state in brackets, or one by one where their state is unusual."""
    found: dict[str, ClusterNode] = {}
    # PCSD Status names the nodes again, by the state of another daemon.
    text = re.split(r"^PCSD Status|^Daemon Status", output, flags=re.MULTILINE)[0]
    for match in _LISTED.finditer(text):
        state = match["state"].lower()
        names = re.sub(r"\(\d+\)", "", match["names"])
        for name in names.split():
            remote = bool(match["kind"]) or "remote" in state or "guest" in state
            plain = state.replace("remote", "").replace("guest", "").strip()
            found[name] = ClusterNode(name=name, state=plain, remote=remote)
    for match in _SINGLE.finditer(text):
        words = match["state"].lower()
        state = next((known for known in _SINGLE_STATES if known in words), None)
        if state:
            name = match["name"]
            found[name] = ClusterNode(name=name, state=state, remote=bool(match["kind"]))
    return list(found.values())


_RESOURCE = re.compile(
    r"^\s*(?:\* )?(?P<name>\S+)\s+\((?:[\w-]+:)+[\w.@-]+\):\s+(?P<state>.*\S)\s*$", re.MULTILINE
)
_SET_STOPPED = re.compile(r"^\s*(?:\* )?Stopped: \[ ?(?P<nodes>[^\]]*)\]", re.MULTILINE)


def _resources(output: str) -> dict[str, tuple[str, ...]]:
    failed, stopped = [], []
    for match in _RESOURCE.finditer(output):
        state = match["state"]
        if re.search(r"\bFAILED\b|\bblocked\b|\bORPHANED FAILED\b", state):
            failed.append(f"{match['name']}: {state}")
        elif re.match(r"Stopped\b", state) and not re.search(r"disabled|unmanaged", state):
            stopped.append(match["name"])
    return {"failed_resources": tuple(failed), "stopped_resources": tuple(stopped)}


def _section(output: str, title: str) -> str:
    """The lines under a heading, up to a blank line or the next heading."""
    match = re.search(rf"^{title}:[ \t]*\n((?:[ \t*].*\n?)*)", output, re.MULTILINE)
    return match[1] if match else ""


def _failed_actions(output: str) -> tuple[FailedAction, ...]:
    text = _section(output, r"Failed (?:Resource )?[Aa]ctions")
    found = []
    for item in re.split(r"^\s*\* |^ {2,4}(?=\w+_\w+_\d+ )", text, flags=re.MULTILINE):
        if match := re.match(r"(\S+(?: on \S+)?)[,:]?\s*(.*)", " ".join(item.split())):
            why = re.search(
                r"exitreason='([^']+)'|(?:returned |)'([^']*)'|status='?([\w ]+)", match[2]
            )
            reason = next((group for group in why.groups() if group), "") if why else ""
            found.append(FailedAction(action=match[1], reason=reason or "no reason given"))
    return tuple(found)


def _failed_fencing(output: str) -> tuple[str, ...]:
    text = _section(output, r"Failed (?:Fencing|Stonith) [Aa]ctions")
    return tuple(dict.fromkeys(re.findall(r"^\s*\* (.+? failed)\b", text, re.MULTILINE)))


def _warnings(output: str) -> tuple[str, ...]:
    found = re.findall(r"^\s*(?:\* )?WARNING: *(.+?)\s*$", output, re.MULTILINE)
    block = re.search(r"^WARNINGS:[ \t]*\n((?:\S.*\n|[ \t]+\S.*\n)+)", output, re.MULTILINE)
    if block:
        found += [line.strip() for line in block[1].splitlines()]
    return tuple(dict.fromkeys(found))


def _daemons(output: str) -> tuple[str, ...]:
    down = []
    status = re.split(r"^(PCSD Status|Daemon Status):.*$", output, flags=re.MULTILINE)
    for heading, text in zip(status[1::2], status[2::2], strict=True):
        for name, state in re.findall(r"([\w.@-]+)(?: \([\w.-]+\))?: +([\w/-]+)", text):
            if heading == "PCSD Status" and state in ("Offline", "Unable"):
                down.append(f"pcsd on {name}: {state.lower()}")
            elif heading == "Daemon Status" and re.match(r"(inactive|failed)/enabled", state):
                down.append(f"{name}: {state}")
    return tuple(down)


class Quorum(Fact):
    """The votes of a corosync cluster."""

    quorate: bool
    nodes: int | None = None
    expected_votes: int | None = None
    total_votes: int | None = None
    quorum_votes: int | None = None


@probe(
    "cluster.quorum",
    level=1,
    tool="corosync-quorumtool",
    needs_root=True,
    command="corosync-quorumtool -s",
    ok_exit_codes=(0, 1, 2),
    reads=(
        *with_options(
            "corosync-quorumtool",
            "|-s|-siH|-l -s|-i",
        ),
        *with_options(
            "pcs",
            "quorum status",
        ),
        "pcs_quorum_status",
    ),
)
def quorum(output: str) -> Quorum | None:
    """Whether the corosync cluster has a majority. Source: corosync-quorumtool(8)."""
    fields = dict(re.findall(r"^([A-Z][\w ]*?):\s+(\S.*?)\s*$", output, re.MULTILINE))
    if "Quorate" not in fields:
        if re.search(r"Cannot initialize|not running|CS_ERR", output):
            return None
        raise ProbeError("cluster.quorum", "no line 'Quorate'", line=output.strip().split("\n")[0])

    def count(name: str) -> int | None:
        value = fields.get(name, "").split(" ")[0]
        return int(value) if value.isdigit() else None

    return Quorum(
        quorate=fields["Quorate"].startswith("Yes"),
        nodes=count("Nodes"),
        expected_votes=count("Expected votes"),
        total_votes=count("Total votes"),
        quorum_votes=count("Quorum"),
    )
