"""Ceph: health, and the storage daemons (OSDs) that are down or full."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import json_documents, size_bytes, with_options


class CephOsd(Fact):
    """One object storage daemon."""

    name: str
    """osd.6"""
    host: str | None = None
    device_class: str | None = None
    up: bool
    weight: float | None = None
    """1.0 takes its full share; 0 is out."""
    destroyed: bool
    """Taken away for good and waiting for a new disk."""


@probe(
    "cluster.ceph_osds",
    level=2,
    tool="ceph",
    needs_root=True,
    timeout_s=15,
    command="ceph --connect-timeout 8 osd tree -f json",
    reads=(
        *with_options(
            "ceph",
            "osd tree|osd tree -f json|osd tree --format json|osd tree down"
            "|osd tree -f json-pretty|osd tree --format json-pretty|osd df tree|osd tree up",
        ),
        "ceph_osd_tree",
    ),
)
def ceph_osds(output: str) -> list[CephOsd]:
    """The OSDs with their host and whether they are up. Source: Ceph's `osd tree`, since Hammer."""
    documents = list(json_documents(output))
    if documents:
        return list(_from_tree(documents[0]))
    if not re.search(r"^\s*ID\s.*TYPE NAME", output, re.MULTILINE):
        if not output.strip():
            return []
        raise ProbeError("cluster.ceph_osds", "no tree of OSDs", line=output.strip().split("\n")[0])
    return list(_from_text(output))


def _from_tree(document: dict[str, Any]) -> Iterator[CephOsd]:
    nodes = document["nodes"]
    hosts = {
        child: node["name"]
        for node in nodes
        if node["type"] == "host"
        for child in node.get("children", [])
    }
    for node in [*nodes, *document.get("stray", [])]:
        if node["type"] == "osd":
            yield CephOsd(
                name=node["name"],
                host=hosts.get(node["id"]),
                device_class=node.get("device_class"),
                up=node.get("status") == "up",
                weight=node.get("reweight"),
                destroyed=node.get("status") == "destroyed",
            )


_TREE_OSD = re.compile(
    r"^\s*\d+\s+(?:(?P<class>[a-z]\w*)\s+)?[\d.]+\s+(?P<name>osd\.\d+)\s+(?P<status>up|down|destroyed|DNE)"
    r"(?:\s+(?P<weight>[\d.]+))?"
)
_DF_OSD = re.compile(
    r"^\s*\d+\s+(?:(?P<class>[a-z]\w*)\s+)?[\d.]+\s+(?P<weight>[\d.]+)\s.*\s(?P<status>up|down|destroyed)?\s+(?P<name>osd\.\d+)\s*$"
)


def _from_text(output: str) -> Iterator[CephOsd]:
    host: str | None = None
    for line in output.splitlines():
        if found := re.search(r"\bhost (\S+)\s*$", line):
            host = found[1]
        elif match := _TREE_OSD.match(line) or _DF_OSD.match(line):
            yield CephOsd(
                name=match["name"],
                host=host,
                device_class=match["class"],
                up=match["status"] in (None, "up"),
                weight=float(match["weight"]) if match["weight"] else None,
                destroyed=match["status"] == "destroyed",
            )
        elif re.search(r"\bosd\.\d+", line):
            raise ProbeError("cluster.ceph_osds", "not an OSD", line=line)


class CephHealth(Fact):
    """The state of a Ceph cluster."""

    status: str
    """HEALTH_OK, HEALTH_WARN, HEALTH_ERR"""
    warnings: tuple[str, ...]
    """One sentence each: `1 osds down`, `Degraded data redundancy: …`."""
    muted: tuple[str, ...] = ()
    """Codes that an operator has silenced."""
    osds: int | None = None
    osds_up: int | None = None
    osds_in: int | None = None
    used_percent: float | None = None
    placement_groups: int | None = None
    placement_groups_clean: int | None = None


@probe(
    "cluster.ceph_health",
    level=1,
    tool="ceph",
    needs_root=True,
    command="ceph --connect-timeout 5 status -f json",
    reads=(
        *with_options(
            "ceph",
            "-s|status|health|health detail|-s -f json|status -f json|health detail -f json"
            "|-s -f json-pretty|health detail -f json-pretty|status --format json-pretty|-w"
            "|health detail --format json-pretty|health -f json",
        ),
        "ceph_health",
        "ceph_s",
        "ceph_health_detail",
    ),
)
def ceph_health(output: str) -> CephHealth:
    """The cluster's own verdict, its reasons and its space. Source: ceph status, health."""
    documents = list(json_documents(output))
    facts = _health_json(documents[0]) if documents else _health_text(output)
    if "status" not in facts:
        raise ProbeError("cluster.ceph_health", "no health", line=output.strip().split("\n")[0])
    return CephHealth.model_validate(facts)


def _health_json(document: dict[str, Any]) -> dict[str, Any]:
    health = document.get("health") or document
    checks = health.get("checks", {})
    old = [entry.get("summary", "") for entry in health.get("summary", [])]
    facts: dict[str, Any] = {
        "warnings": tuple(
            check["summary"]["message"] if "summary" in check else check["message"]
            for check in checks.values()
            if not check.get("muted")
        )
        or tuple(old),
        "muted": tuple(code for code, check in checks.items() if check.get("muted")),
    }
    status = health.get("status") or health.get("overall_status") or document.get("overall_status")
    if status:
        facts["status"] = status
    osds = document.get("osdmap", {})
    osds = osds.get("osdmap", osds)
    pgs = document.get("pgmap", {})
    facts |= {
        "osds": osds.get("num_osds"),
        "osds_up": osds.get("num_up_osds"),
        "osds_in": osds.get("num_in_osds"),
        "placement_groups": pgs.get("num_pgs"),
        "placement_groups_clean": sum(
            state["count"]
            for state in pgs["pgs_by_state"]
            if state["state_name"].startswith("active+clean")
        )
        if "pgs_by_state" in pgs
        else None,
    }
    if not status and facts["placement_groups"] is not None:
        clean = facts["placement_groups_clean"] == facts["placement_groups"]
        facts["status"] = "HEALTH_OK" if clean else "HEALTH_WARN"
    if pgs.get("bytes_total"):
        facts["used_percent"] = round(100 * pgs["bytes_used"] / pgs["bytes_total"], 1)
    return facts


def _health_text(output: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"warnings": ()}
    status = re.search(r"\b(HEALTH_(?:OK|WARN|ERR))\b[ \t]*(.*)", output)
    if not status:
        return facts
    facts["status"] = status[1]
    if status[1] != "HEALTH_OK":
        first = re.sub(r"^\(muted:.*?\)", "", status[2]).strip()
        below = _indented(output[status.end() :]) if not first else []
        facts["warnings"] = tuple(
            part.strip() for part in first.split(";") if part.strip()
        ) or tuple(below)
    if osds := re.search(r"(\d+) osds: (\d+) up(?: \([^)]*\))?, (\d+) in", output):
        facts |= {"osds": int(osds[1]), "osds_up": int(osds[2]), "osds_in": int(osds[3])}
    if usage := re.search(r"usage:\s+(.+?) used, (.+?) / (.+?) avail", output):
        used, _, total = (size_bytes(part.replace(" ", "")) for part in usage.groups())
        facts["used_percent"] = round(100 * used / total, 1) if total else None
    if pgs := re.search(r"(\d+) pgs[:;,]", output) or re.search(r"pools, (\d+) pgs", output):
        facts["placement_groups"] = int(pgs[1])
    return facts


def _indented(rest: str) -> list[str]:
    """The warnings on the lines under `health:`, up to the blank line or the next heading."""
    lines = []
    for line in rest.split("\n")[1:]:
        if not line.strip() or re.match(r"^\s{0,6}\w+:\s*$", line):
            break
        lines.append(line.strip())
    return lines
