"""Which names and addresses outside are no strangers, because the user's own hosts have them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sme_tools.safety.policy.addresses import ip_of, names

_SECOND_LEVEL = re.compile(r"(?:com?|net?|org|gov|edu|ac|or|go|ad|mil|gob|gouv|nom|ltd|plc|sch)")
"""What countries sell names below: `co.uk`, `com.au`."""
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")


@dataclass(frozen=True)
class OwnNetwork:
    """The addresses, and the domains with all that is below them, that a user's hosts have."""

    domains: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()

    @classmethod
    def of(cls, hosts: Iterable[str | None]) -> OwnNetwork:
        """The network of hosts with these names and addresses.

        Of `web1.corp.example`, whatever is in `corp.example` is in it; of a host at a
        dynamic DNS, a cloud or a hoster, only what is below its own name.
        """
        known = [host.lower().rstrip(".") for host in hosts if host]
        addresses = {str(address) for host in known if (address := ip_of(host)) is not None}
        domains = {_domain(host) for host in known if ip_of(host) is None and _NAME.fullmatch(host)}
        return cls(frozenset(domains), frozenset(addresses))

    def __or__(self, other: OwnNetwork) -> OwnNetwork:
        """The two together."""
        return OwnNetwork(self.domains | other.domains, self.addresses | other.addresses)

    def knows(self, host: str) -> bool:
        """Whether a name or an address is in it."""
        if (address := ip_of(host)) is not None:
            return str(address) in self.addresses
        name = host.lower().rstrip(".")
        return _NAME.fullmatch(name) is not None and any(
            name == domain or name.endswith(f".{domain}") for domain in self.domains
        )


def _domain(name: str) -> str:
    """The widest domain that surely belongs to whoever has the name."""
    parent = name.partition(".")[2]
    labels = parent.split(".")
    of_country = len(labels) == 2 and len(labels[1]) == 2 and _SECOND_LEVEL.fullmatch(labels[0])
    # Below a region of a cloud (`eu-1.compute.…`) as below the cloud itself.
    shared = any(parent == one or parent.endswith(f".{one}") for one in names().shared)
    return name if len(labels) < 2 or of_country or shared else parent


def rule(text: str) -> str:
    """A rule of `known` as it was written: a name, `*.domain`, an address or a network.

    Raises:
        ValueError: it is none of them, or a whole top-level domain.
    """
    if _network(text) is None and not _NAME.fullmatch(text.lower().removeprefix("*.")):
        raise ValueError(
            f"{text!r} is no name or address; such are: grafana.example.org, *.corp.example,"
            " 203.0.113.7, 203.0.113.0/24"
        )
    return text


def fits(text: str, host: str) -> bool:
    """Whether a rule of `known` speaks of this name or address."""
    network, address = _network(text), ip_of(host)
    if network is not None or address is not None:
        return network is not None and address is not None and address in network
    name, known = host.lower().rstrip("."), text.lower()
    if not _NAME.fullmatch(name):
        return False
    return name.endswith(known[1:]) if known.startswith("*.") else name == known


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
