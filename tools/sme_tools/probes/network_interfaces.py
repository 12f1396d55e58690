"""Traffic and error counters of interfaces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.network_addresses import carrier_of, is_virtual
from sme_tools.probes.registry import probe

PROBE = "network.interfaces"


class InterfaceCounters(Fact):
    """What one interface counted since it came up. A figure the tool lacks is left out."""

    name: str
    virtual: bool
    carrier: bool | None = None
    rx_bytes: int | None = None
    rx_packets: int
    rx_errors: int
    rx_dropped: int | None = None
    """Frames that were received but not wanted or not taken: often unknown protocols, no loss."""
    rx_overruns: int | None = None
    tx_bytes: int | None = None
    tx_packets: int
    tx_errors: int
    tx_dropped: int | None = None
    carrier_errors: int | None = None
    collisions: int | None = None
    errors: int
    error_percent: float
    """The worse of the two directions: errors among all frames, good and bad."""
    dropped_percent: float
    """Received frames that were dropped, among all received ones."""


@probe(
    PROBE,
    level=1,
    command="ip -j -s link 2>/dev/null || cat /proc/net/dev 2>/dev/null || netstat -i -b -n",
    reads=(
        "ip -s link",
        "ip -s l",
        "ip -s -d link",
        "ip -d -s link",
        "ip -s link show",
        "ip -j -s link",
        "ip -s addr",
        "cat /proc/net/dev",
        "netstat -i",
        "netstat -in",
        "netstat -ib",
        "netstat -ibn",
        "ifconfig",
        "ifconfig -a",
    ),
)
def interfaces(output: str) -> list[InterfaceCounters]:
    """Packets, errors, drops and overruns of each interface since it came up.

    Source: ip-link(8), proc_net(5), netstat(8), ifconfig(8).
    """
    lines = [line for line in output.splitlines() if line.strip()]
    if output.lstrip().startswith("["):
        return [_from_json(item) for item in json.loads(output) if item]
    for form, reader in _READERS:
        if any(re.match(form, line) for line in lines[:3]):
            return [_counters(name, values) for name, values in reader(lines)]
    raise ProbeError(PROBE, line=lines[0] if lines else "")


def _share(part: int, whole: int) -> float:
    return round(100 * part / whole, 4) if whole > 0 else 0.0


def _counters(name: str, values: dict[str, Any]) -> InterfaceCounters:
    rx, tx = values["rx_packets"], values["tx_packets"]
    rx_errors, tx_errors = values["rx_errors"], values["tx_errors"]
    dropped = values.get("rx_dropped") or 0
    return InterfaceCounters(
        name=name,
        virtual=is_virtual(name),
        errors=rx_errors + tx_errors,
        error_percent=max(_share(rx_errors, rx + rx_errors), _share(tx_errors, tx + tx_errors)),
        dropped_percent=_share(dropped, rx + dropped),
        **values,
    )


def _from_json(item: dict[str, Any]) -> InterfaceCounters:
    counted = item.get("stats64") or item["stats"]
    values = {
        f"{way}_{key}": counted[way][key]
        for way in ("rx", "tx")
        for key in ("bytes", "packets", "errors", "dropped")
    }
    values["rx_overruns"] = counted["rx"].get("over_errors", counted["rx"].get("missed"))
    values["carrier_errors"] = counted["tx"].get("carrier_errors")
    values["collisions"] = counted["tx"].get("collisions")
    values["carrier"] = carrier_of(item["flags"])
    return _counters(item["ifname"], values)


_IP_NAMES = {"overrun": "rx_overruns", "missed": "rx_overruns", "carrier": "carrier_errors"}
_IP_NAMES |= {"collsns": "collisions"}
_BOTH = ("bytes", "packets", "errors", "dropped")


def _from_ip(lines: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """`ip -s link`: a line of column names that begins with RX: or TX:, and one of figures."""
    name, values = "", dict[str, Any]()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        head = re.match(r"\d+: ([^:@\s]+)\S*: <([^>]*)>", line)
        if head:
            if "tx_packets" in values:
                yield name, values
            name, values = head[1], {"carrier": carrier_of(head[2].split(","))}
        elif (columns := re.match(r"\s+(RX|TX):\s+(.*errors.*)", line)) and name:
            way = columns[1].lower()
            names = columns[2].split()
            for column, figure in zip(names, following.split(), strict=True):
                if column in _BOTH:
                    values[f"{way}_{column}"] = int(figure)
                elif column in _IP_NAMES:
                    values[_IP_NAMES[column]] = int(figure)
    if "tx_packets" not in values:
        raise ProbeError(PROBE, "no counters (they need ip -s)", line=lines[-1])
    yield name, values


_PROC_COLUMNS = [
    "rx_bytes",
    "rx_packets",
    "rx_errors",
    "rx_dropped",
    "rx_overruns",
    "_",
    "_",
    "_",
    "tx_bytes",
    "tx_packets",
    "tx_errors",
    "tx_dropped",
    "_",
    "collisions",
    "carrier_errors",
    "_",
]


def _from_proc(lines: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """/proc/net/dev: two lines of heading, then `name:` and 16 figures."""
    for line in lines[2:]:
        name, _, figures = line.rpartition(":")
        counted = zip(_PROC_COLUMNS, map(int, figures.split()), strict=True)
        yield name.strip(), {key: value for key, value in counted if key != "_"}


_NETSTAT_NAMES = {
    "RX-OK": "rx_packets",
    "RX-ERR": "rx_errors",
    "RX-DRP": "rx_dropped",
    "RX-OVR": "rx_overruns",
    "TX-OK": "tx_packets",
    "TX-ERR": "tx_errors",
    "TX-DRP": "tx_dropped",
}


def _from_netstat(lines: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """`netstat -i` of net-tools; flags (`BMRU`) end the line."""
    while not lines[0].startswith("Iface"):
        lines = lines[1:]
    columns = lines[0].split()
    for line in lines[1:]:
        words = line.split()
        if "no statistics available" in line:
            continue
        counted = zip(columns, words, strict=True)
        values: dict[str, Any] = {
            _NETSTAT_NAMES[column]: int(word)
            for column, word in counted
            if column in _NETSTAT_NAMES
        }
        flags = words[-1]
        if "U" in flags:
            values["carrier"] = "R" in flags
        yield words[0], values


_BSD_NAMES = {
    "Ipkts": "rx_packets",
    "Ierrs": "rx_errors",
    "Idrop": "rx_dropped",
    "Ibytes": "rx_bytes",
    "Opkts": "tx_packets",
    "Oerrs": "tx_errors",
    "Obytes": "tx_bytes",
    "Coll": "collisions",
}


def _from_bsd(lines: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """`netstat -i` of BSD and macOS: only the <Link#…> lines count frames.

    The address column may be empty, so the figures are told from the right.
    """
    columns = [name for name in lines[0].split() if name in _BSD_NAMES]
    for line in lines[1:]:
        words = line.split()
        if "<Link#" not in line:
            continue
        counted = zip(columns, words[-len(columns) :], strict=True)
        yield words[0].rstrip("*"), {_BSD_NAMES[column]: int(word) for column, word in counted}


_IFCONFIG_NAMES = {"overruns": "rx_overruns", "carrier": "carrier_errors"}


def _from_ifconfig(lines: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """`RX packets 8061  bytes …` of net-tools 2 or `RX packets:36 errors:0 …` of net-tools 1."""
    name, values = "", dict[str, Any]()
    for line in lines:
        if not line[0].isspace():
            if "tx_errors" in values:
                yield name, values
            name, values = re.split(r":? ", line, maxsplit=1)[0], {}
            continue
        way = re.match(r"\s+(RX|TX) ", line)
        for ours, theirs, figure in re.findall(r"((RX|TX)? ?\b[a-z]+)[: ](\d+)", line):
            word = ours.removeprefix("RX").removeprefix("TX").strip()
            side = theirs or (way[1] if way else "")
            if word in ("packets", "errors", "dropped", "bytes") and side:
                values[f"{side.lower()}_{word}"] = int(figure)
            elif word == "collisions" or (side == "TX" and word == "carrier"):
                values[_IFCONFIG_NAMES.get(word, word)] = int(figure)
            elif side == "RX" and word == "overruns":
                values["rx_overruns"] = int(figure)
    if "tx_errors" in values:
        yield name, values


_READERS = (
    (r"\d+: \S+: <", _from_ip),
    (r"Inter-\|", _from_proc),
    (r"Iface ", _from_netstat),
    (r"Name +Mtu ", _from_bsd),
    (r"\S+: flags=|\S+ +Link encap:", _from_ifconfig),
)
