"""Bonded interfaces."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe

PROBE = "network.bonds"
_NO_MAC = "00:00:00:00:00:00"


class BondSlave(Fact):
    """One interface of a bond."""

    name: str
    up: bool
    speed_mbps: int | None
    """None while the link is down."""
    link_failures: int
    aggregator: int | None = None
    churned: bool = False
    """Whether LACP has given up on agreeing with the switch on this port."""


class Bond(Fact):
    """One bond."""

    name: str
    """`bond` if the recording does not say which."""
    mode: str
    up: bool
    lacp: bool
    lacp_partner_missing: bool
    """LACP is on, a link is up, and the other side has never sent a LACP packet."""
    slaves: list[BondSlave]
    slaves_total: int
    slaves_down: int
    slaves_churned: int
    aggregators: int
    """LACP: how many groups the links that are up fell into. Only one group carries traffic."""
    link_failures: int
    """How often a link was lost since the bond came up, all slaves together."""


@probe(
    PROBE,
    level=1,
    command="cd /proc/net/bonding 2>/dev/null || exit 127\n"
    'for bond in *; do echo "== $bond"; cat "$bond"; done',
    reads=(
        "cat /proc/net/bonding/*",
        "cat /proc/net/bonding/bond0",
        "cat /proc/net/bonding/bond1",
        "cat /proc/net/bonding/bond2",
        "cat /proc/net/bonding/bond3",
    ),
)
def bonds(output: str) -> list[Bond]:
    """Each bond: links that are down, LACP without a partner, ports that churn.

    Source: the kernel's Documentation/networking/bonding.rst.
    """
    parts = re.split(r"^== (\S+)\n", output, flags=re.MULTILINE)
    named = list(zip(parts[1::2], parts[2::2], strict=True))
    if parts[0].strip():
        recorded = re.split(r"^(?=Ethernet Channel Bonding Driver)", parts[0], flags=re.MULTILINE)
        named += [("bond", text) for text in recorded if text.strip()]
    return [_bond(name, text) for name, text in named]


def _field(text: str, name: str) -> str | None:
    found = re.search(rf"^\s*{re.escape(name)}: *(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else None


def _bond(name: str, text: str) -> Bond:
    head, *rest = re.split(r"^(?=Slave Interface: )", text, flags=re.MULTILINE)
    mode = _field(head, "Bonding Mode")
    if mode is None or _field(head, "MII Status") is None:
        raise ProbeError(PROBE, "no bonding mode or status", line=text.strip().split("\n")[0])
    slaves = [_slave(part) for part in rest]
    lacp = "802.3ad" in mode
    alive = [slave for slave in slaves if slave.up]
    return Bond(
        name=name,
        mode=mode,
        up=_field(head, "MII Status") == "up",
        lacp=lacp,
        lacp_partner_missing=lacp
        and bool(alive)
        and _field(head, "Partner Mac Address") == _NO_MAC,
        slaves=slaves,
        slaves_total=len(slaves),
        slaves_down=len(slaves) - len(alive),
        slaves_churned=sum(slave.churned for slave in alive),
        aggregators=len({slave.aggregator for slave in alive if slave.aggregator is not None}),
        link_failures=sum(slave.link_failures for slave in slaves),
    )


def _slave(text: str) -> BondSlave:
    speed = re.match(r"\d+", _field(text, "Speed") or "")
    aggregator = _field(text, "Aggregator ID")
    states = (_field(text, "Actor Churn State"), _field(text, "Partner Churn State"))
    name = _field(text, "Slave Interface")
    status = _field(text, "MII Status")
    if not name or not status:
        raise ProbeError(PROBE, "a slave without name or status", line=text.split("\n")[0])
    return BondSlave(
        name=name,
        up=status == "up",
        speed_mbps=int(speed[0]) if speed else None,
        link_failures=int(_field(text, "Link Failure Count") or 0),
        aggregator=int(aggregator) if aggregator and aggregator.isdigit() else None,
        churned="churned" in states,
    )
