"""Routes, and whether the next hop of the default route is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import pairwise
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe

ROUTES = "network.routes"
GATEWAYS = "network.gateway_reachable"

_NOT_FORWARDING = ("unreachable", "blackhole", "prohibit", "throw")
_OTHER_TYPES = ("local", "broadcast", "multicast", "anycast", "nat")
_FLAGS = r"[A-Za-z0-9!]+"


class Route(Fact):
    """One route of the main table."""

    destination: str
    """`default` or a network such as `10.0.2.0/24`."""
    gateway: str | None = None
    interface: str | None = None
    metric: int | None = None
    dead: bool = False
    """Whether its interface has no link: the kernel says linkdown or dead."""


# The default route comes first in ip's own order, so the cut costs nothing that checks need; a
# router with a full table would otherwise send megabytes.
@probe(
    ROUTES,
    level=1,
    command="{ ip route show 2>/dev/null || route -n 2>/dev/null || netstat -rn; } | head -n 300\n"
    "ip -6 route show default 2>/dev/null | head -n 20",
    reads=(
        "ip route",
        "ip r",
        "ip route show",
        "ip route list",
        "ip -4 route",
        "ip -6 route",
        "ip -j route",
        "route",
        "route -n",
        "route -ee",
        "route -vn",
        "netstat -r",
        "netstat -rn",
        "netstat -nr",
        "netstat -rne",
    ),
)
def routes(output: str) -> list[Route]:
    """The routes, the default route first. Source: ip-route(8), route(8), netstat(1)."""
    if output.lstrip().startswith("["):
        return [_from_json(item) for item in json.loads(output) if item.get("dst")]
    lines = [line for line in output.splitlines() if line.strip()]
    found = list(_read(lines))
    return sorted(found, key=lambda route: route.destination != "default")


def _from_json(item: dict[str, Any]) -> Route:
    return Route(
        destination=item["dst"],
        gateway=item.get("gateway"),
        interface=item.get("dev"),
        metric=item.get("metric"),
        dead=bool({"linkdown", "dead"} & set(item.get("flags", []))),
    )


def _read(lines: list[str]) -> Iterator[Route]:
    columns: list[str] = []
    destination = ""
    for line in lines:
        words = line.split()
        if words[0] == "Destination":
            columns = line.replace("Next Hop", "Gateway").split()
        elif re.match(r"Kernel IP|Routing tables|Internet6?:$", line):
            columns = []
        elif columns:
            route = _from_table(columns, words, line)
            if route:
                yield route
        elif words[0] == "nexthop":
            yield _from_ip(destination, words)
        elif words[0] in _NOT_FORWARDING or words[0] in _OTHER_TYPES:
            continue
        elif line[0].isspace() or _is_destination(words[0]):
            destination = words[0]
            if "via" in words or "dev" in words:
                yield _from_ip(destination, words[1:])
        else:
            raise ProbeError(ROUTES, "unknown form of route", line=line)


def _is_destination(word: str) -> bool:
    return word == "default" or re.fullmatch(r"[0-9a-fA-F.:]+(/\d+)?", word) is not None


def _from_ip(destination: str, words: list[str]) -> Route:
    value = dict(pairwise(words))
    gateway = value.get("via")
    if gateway in ("inet", "inet6"):
        gateway = value[gateway]
    return Route(
        destination=destination,
        gateway=gateway,
        interface=value.get("dev"),
        metric=int(value["metric"]) if "metric" in value else None,
        dead="linkdown" in words or "dead" in words,
    )


def _from_table(columns: list[str], words: list[str], line: str) -> Route | None:
    """A row of `route` or `netstat -r`, Linux or BSD. Routes that reject are left out."""
    row = dict(zip(columns, words, strict=False))
    flags = row.get("Flags") or row.get("Flag")
    interface = row.get("Iface") or row.get("Netif") or row.get("If")
    if flags is None or interface is None or not re.fullmatch(_FLAGS, flags):
        raise ProbeError(ROUTES, "unknown form of route", line=line)
    if "!" in flags:
        return None
    gateway = row.get("Gateway", "*")
    metric = row.get("Metric") or row.get("Met")
    return Route(
        destination=_destination(row["Destination"], row.get("Genmask")),
        gateway=None if gateway in ("*", "0.0.0.0", "::") or "#" in gateway else gateway,
        interface=interface,
        metric=int(metric) if metric else None,
    )


def _destination(destination: str, mask: str | None) -> str:
    if destination in ("default", "::/0") or (destination, mask) == ("0.0.0.0", "0.0.0.0"):
        return "default"
    if mask and "/" not in destination and mask != "255.255.255.255":
        return f"{destination}/{IPv4Network(f'0.0.0.0/{mask}').prefixlen}"
    return destination


class Gateway(Fact):
    """The next hop of a default route, and what the neighbour table knows of it."""

    address: str
    interface: str
    state: str | None
    """REACHABLE, STALE, DELAY, PROBE, PERMANENT, INCOMPLETE or FAILED; None without an entry."""


@probe(
    GATEWAYS,
    level=2,
    tool="ip",
    command="ip route show default\necho\n"
    "ip route show default | sed -n 's/.*via \\([^ ]*\\) .*/\\1/p' | sort -u | head -n 8 |\n"
    'while read -r gateway; do ip neigh show "$gateway"; done',
)
def gateways(output: str) -> list[Gateway]:
    """Whether the gateway of each default route answers ARP. Source: ip-neighbour(8)."""
    routed, _, known = output.partition("\n\n")
    states = {}
    for line in known.splitlines():
        words = line.split()
        if len(words) >= 4 and words[1] == "dev":
            states[words[0], words[2]] = words[-1]
    found = [
        Gateway(
            address=route.gateway,
            interface=route.interface,
            state=states.get((route.gateway, route.interface)),
        )
        for route in _read([line for line in routed.splitlines() if line.strip()])
        if route.gateway and route.interface
    ]
    return list(dict.fromkeys(found))
