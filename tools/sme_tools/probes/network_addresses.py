"""Interfaces and their addresses, from ip(8) or ifconfig(8)."""

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

PROBE = "network.addresses"

_VIRTUAL = re.compile(
    r"(lo\d*|docker|br\d|br-|virbr|veth|vnet|tap|tun|utun|wg|tailscale|zt|cni|cali|flannel|vxlan|gre"
    r"|geneve|sit|ip6|ipip|ifb|dummy|nlmon|ovs-|br-int|br-tun|br-ex|vmbr|vmnet|fwbr|fwpr|fwln|lxc"
    r"|lxd|podman|kube|nodelocaldns|gif|stf|awdl|llw|p2p|bridge|ap\d|anpi|ppp|team|bond|vlan)"
)


def is_virtual(interface: str) -> bool:
    """Whether the name is one that software interfaces get: no cable can be pulled there."""
    return _VIRTUAL.match(interface) is not None or interface.endswith("-nic")


class Address(Fact):
    """One address of an interface."""

    address: str
    family: str
    """`inet` or `inet6`."""
    prefix_length: int | None
    scope: str
    """`global`, `link`, `host` or `site`."""
    dynamic: bool | None = None
    """Whether DHCP or router advertisements gave it; None where the tool does not say."""
    duplicate: bool = False
    """Whether the kernel found another host with this address (IPv6 only)."""


class Interface(Fact):
    """One network interface."""

    name: str
    virtual: bool
    up: bool
    """Whether it was switched on (`ip link set … up`)."""
    carrier: bool | None = None
    """Whether the other end of the cable answers; None where the tool does not say."""
    mac: str | None = None
    mtu: int | None = None
    master: str | None = None
    """The bridge or bond it belongs to."""
    addresses: list[Address]
    addressed: bool
    """Whether it has an address that others can use (scope global)."""
    link_local_only: bool
    """Whether its only IPv4 address is of 169.254.0.0/16: nobody answered the DHCP request."""


@probe(
    PROBE,
    level=1,
    command="ip -j addr 2>/dev/null || ip addr 2>/dev/null || ifconfig -a",
    reads=(
        "ip addr",
        "ip link",
        "ip a",
        "ip address",
        "ip addr show",
        "ip a s",
        "ip -d addr",
        "ip -j addr",
        "ip -j a",
        "ifconfig",
        "ifconfig -a",
    ),
)
def addresses(output: str) -> list[Interface]:
    """Every interface, whether it has a link, and its addresses. Source: ip-address(8)."""
    if output.lstrip().startswith("["):
        return [_from_json(item) for item in json.loads(output) if item]
    blocks = list(_blocks(output))
    if not blocks:
        raise ProbeError(PROBE, "no interface found", line=output[:120])
    return [_from_ip(block) if block[0][0].isdigit() else _from_ifconfig(block) for block in blocks]


def _blocks(output: str) -> Iterator[list[str]]:
    """The lines of each interface: a head that begins in the first column, and what follows."""
    block: list[str] = []
    for line in output.splitlines():
        if re.match(r"\d+: \S+: <|[\w.@-]+: flags=|\S+ +Link encap:", line):
            if block:
                yield block
            block = [line]
        elif re.match(r"\d+: ", line):
            raise ProbeError(PROBE, "unknown form of interface", line=line)
        elif block and line.strip():
            block.append(line)
    if block:
        yield block


def _interface(
    name: str,
    addresses: list[Address],
    *,
    up: bool,
    carrier: bool | None,
    mac: str | None,
    mtu: int | None,
    master: str | None = None,
) -> Interface:
    v4 = [a.address for a in addresses if a.family == "inet"]
    return Interface(
        name=name,
        virtual=is_virtual(name),
        up=up,
        carrier=carrier,
        addresses=addresses,
        addressed=any(
            a.scope == "global" and not a.address.startswith("169.254.") for a in addresses
        ),
        link_local_only=bool(v4) and all(a.startswith("169.254.") for a in v4),
        mac=mac,
        mtu=mtu,
        master=master,
    )


def carrier_of(flags: list[str]) -> bool | None:
    """What the flags of ip(8) say about the link: NO-CARRIER, LOWER_UP or nothing."""
    if "NO-CARRIER" in flags:
        return False
    return True if "LOWER_UP" in flags else None


def _from_json(item: dict[str, Any]) -> Interface:
    found = [
        Address(
            address=a["local"],
            family=a["family"],
            prefix_length=a.get("prefixlen"),
            scope=a.get("scope", "global"),
            dynamic=bool(a.get("dynamic", False)),
            duplicate=bool(a.get("dadfailed", False)),
        )
        for a in item.get("addr_info", [])
        if "local" in a
    ]
    return _interface(
        item["ifname"],
        found,
        up="UP" in item["flags"],
        carrier=carrier_of(item["flags"]),
        mac=item.get("address"),
        mtu=item.get("mtu"),
        master=item.get("master"),
    )


def _from_ip(block: list[str]) -> Interface:
    head = re.match(r"\d+: ([^:@\s]+)\S*: <([^>]*)>(.*)", block[0])
    if head is None:
        raise ProbeError(PROBE, "unknown form of interface", line=block[0])
    flags = head[2].split(",")
    options = head[3].split()
    values = dict(pairwise(options))
    mac = None
    found = []
    for line in block[1:]:
        words = line.split()
        if words[0].startswith("link/"):
            mac = words[1] if len(words) > 1 else None
        elif words[0] in ("inet", "inet6"):
            found.append(_ip_address(words))
    return _interface(
        head[1],
        found,
        up="UP" in flags,
        carrier=carrier_of(flags),
        mac=mac,
        mtu=int(values["mtu"]) if "mtu" in values else None,
        master=values.get("master"),
    )


def _ip_address(words: list[str]) -> Address:
    """A line such as `inet 10.8.0.1 peer 10.8.0.2/32 brd … scope global dynamic eth0`."""
    address, _, length = words[1].partition("/")
    if "peer" in words:
        length = words[words.index("peer") + 1].partition("/")[2]
    return Address(
        address=address,
        family=words[0],
        prefix_length=int(length) if length else None,
        scope=words[words.index("scope") + 1] if "scope" in words else "global",
        dynamic="dynamic" in words,
        duplicate="dadfailed" in words,
    )


def _from_ifconfig(block: list[str]) -> Interface:
    """One interface of net-tools 1 and 2, busybox, BSD or macOS."""
    text = "\n".join(block)
    name = re.split(r":? ", block[0], maxsplit=1)[0]
    flags = _ifconfig_flags(text)
    mac = re.search(r"(?:ether|HWaddr) ([0-9A-Fa-f:]{11,})", text)
    mtu = re.search(r"(?:mtu |MTU:)(\d+)", text)
    status = re.search(r"^\s+status: (.+)$", text, re.MULTILINE)
    carrier: bool | None = "RUNNING" in flags if "UP" in flags else None
    if status:
        carrier = status[1].strip() in ("active", "associated")
    return _interface(
        name,
        list(_ifconfig_addresses(block)),
        up="UP" in flags,
        carrier=carrier,
        mac=mac[1] if mac else None,
        mtu=int(mtu[1]) if mtu else None,
    )


def _ifconfig_flags(text: str) -> list[str]:
    modern = re.search(r"flags=\w+<([^>]*)>", text)
    if modern:
        return modern[1].split(",")
    classic = re.search(r"^\s+((?:[A-Z]+ )+) *MTU:", text, re.MULTILINE)
    return classic[1].split() if classic else []


def _ifconfig_addresses(block: list[str]) -> Iterator[Address]:
    for line in block[1:]:
        words = line.replace("addr:", " ").split()
        if words[:1] == ["inet"] and len(words) > 1:
            address, _, length = words[1].partition("/")
            mask = re.search(r"(?:netmask |Mask:)(\S+)", line)
            yield Address(
                address=address,
                family="inet",
                prefix_length=int(length) if length else _mask_length(mask[1]) if mask else None,
                scope="host" if address.startswith("127.") else "global",
            )
        elif words[:1] == ["inet6"] and len(words) > 1:
            address, _, length = words[1].partition("/")
            prefix = re.search(r"prefixlen (\d+)", line)
            yield Address(
                address=address.partition("%")[0],
                family="inet6",
                prefix_length=int(length) if length else int(prefix[1]) if prefix else None,
                scope=_scope6(address),
                duplicate="duplicated" in words,
            )


def _mask_length(mask: str) -> int:
    if mask.startswith("0x"):
        return int(mask, 16).bit_count()
    return IPv4Network(f"0.0.0.0/{mask}").prefixlen


def _scope6(address: str) -> str:
    if address == "::1" or address.startswith("::1/"):
        return "host"
    return "link" if address.lower().startswith("fe80:") else "global"
