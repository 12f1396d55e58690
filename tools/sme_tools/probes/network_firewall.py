"""Packet filters: which are there, whether they are on, and what they do by default."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe

PROBE = "network.firewall"


class Firewall(Fact):
    """One packet filter of the host."""

    tool: str
    """`ufw`, `firewalld`, `iptables` or `nftables`."""
    active: bool
    """Whether it filters what comes in: it is on, or it has rules or a policy for input."""
    input_policy: str | None = None
    """ACCEPT, DROP or REJECT: what happens to a packet that no rule takes."""
    input_rules: int | None = None
    blocks_all_input: bool = False
    """It drops whatever no rule takes, and has no rule that lets anything in."""


@probe(
    PROBE,
    level=2,
    needs_root=True,
    command='[ "$(id -u)" = 0 ] || exit 77\n'
    "tried=\n"
    "for tool in ufw firewall-cmd iptables nft; do\n"
    "  command -v $tool >/dev/null 2>&1 || continue\n"
    '  tried=1; echo "== $tool"\n'
    "  case $tool in\n"
    "    ufw) ufw status 2>/dev/null | head -n 60;;\n"
    "    firewall-cmd) firewall-cmd --state 2>&1;;\n"
    "    iptables) iptables -w 2 -S INPUT 2>/dev/null | head -n 200;;\n"
    "    nft) nft -s list chains 2>/dev/null | head -n 300;;\n"
    "  esac\n"
    "done\n"
    '[ -n "$tried" ] || exit 127',
    reads=(
        "ufw status",
        "ufw status verbose",
        "ufw status numbered",
        "iptables -L",
        "iptables -L -n",
        "iptables -nL",
        "iptables -L -v",
        "iptables -L -n -v",
        "iptables -nvL",
        "iptables -L -v -n",
        "iptables -vnL",
        "iptables -L -n --line-numbers",
        "iptables -S",
        "iptables -L --line-numbers",
        "iptables -t filter -L",
        "firewall-cmd --state",
        "firewall-cmd --list-all",
        "iptables-save",
    ),
)
def firewall(output: str) -> list[Firewall]:
    """Each packet filter and its default for incoming packets.

    Source: ufw(8), iptables(8), nft(8), firewall-cmd(1).
    """
    parts = re.split(r"^== (\S+)\n", output, flags=re.MULTILINE)
    found = list(_recorded(parts[0]))
    for tool, text in zip(parts[1::2], parts[2::2], strict=True):
        found += _READERS[tool](text) if text.strip() else []
    return found


def _recorded(text: str) -> Iterator[Firewall]:
    """The output of one tool alone, told by its first words."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return
    if any(line.startswith("Status: ") for line in lines):
        yield from _ufw(text)
    elif any(
        re.match(r"Chain \S+ \(|-[PNA] |\*(?:filter|nat|mangle|raw|security)$", line)
        for line in lines
    ):
        yield from _iptables(text)
    elif re.search(r"^  target: ", text, re.MULTILINE):
        yield from _zones(text)
    elif lines[0].strip() in ("running", "not running"):
        yield from _firewalld(text)
    else:
        raise ProbeError(PROBE, line=lines[0])


def _ufw(text: str) -> list[Firewall]:
    status = re.search(r"^Status: (\w+)", text, re.MULTILINE)
    if status is None:
        raise ProbeError(PROBE, "no status of ufw", line=text)
    default = re.search(r"^Default: (\w+) \(incoming\)", text, re.MULTILINE)
    policies = {"deny": "DROP", "reject": "REJECT", "allow": "ACCEPT"}
    rules = len(re.findall(r"\b(?:ALLOW|DENY|REJECT|LIMIT)\b", text))
    return [
        Firewall(
            tool="ufw",
            active=status[1] == "active",
            input_policy=policies.get(default[1]) if default else None,
            input_rules=rules,
        )
    ]


def _firewalld(text: str) -> list[Firewall]:
    return [Firewall(tool="firewalld", active=text.strip() == "running")]


_RULE = re.compile(
    r"(\d+ +)?([\d]+[KMGT]? +){0,2}(\S*) +(all|tcp|udp|icmp\S*|esp|ah|\d+) +(--|\S+)"
)


def _iptables(text: str) -> list[Firewall]:
    """The INPUT chain, of `iptables -L` with any options, or of `iptables -S`."""
    listed = re.search(r"^Chain INPUT \(policy (\w+)[^\n]*\n(.*?)(?=^Chain |\Z)", text, re.M | re.S)
    if listed:
        policy = listed[1]
        targets = [
            match[3] for line in listed[2].splitlines() if (match := _RULE.match(line.strip()))
        ]
    else:
        stated = re.search(r"^(?:-P INPUT|:INPUT) (\w+)", _filter_table(text), re.MULTILINE)
        if stated is None:
            return []  # another table than the filter
        policy = stated[1]
        targets = re.findall(r"^-A INPUT .*?-j (\S+)", _filter_table(text), re.MULTILINE)
    passing = [target for target in targets if target not in ("DROP", "REJECT", "LOG", "")]
    return [
        Firewall(
            tool="iptables",
            active=policy != "ACCEPT" or bool(targets),
            input_policy=policy,
            input_rules=len(targets),
            blocks_all_input=policy == "DROP" and not passing,
        )
    ]


def _filter_table(text: str) -> str:
    """Of iptables-save's tables the one that filters; other forms show one table alone."""
    if not re.search(r"^\*\w+$", text, re.MULTILINE):
        return text
    table = re.search(r"^\*filter\n(.*?)(?=^\*|\Z)", text, re.MULTILINE | re.DOTALL)
    return table[1] if table else ""


def _zones(text: str) -> list[Firewall]:
    """`firewall-cmd --list-all` and `--list-all-zones`: a zone with interfaces is active."""
    return [
        Firewall(tool="firewalld", active=re.search(r"^\S+ \(.*active", text, re.M) is not None)
    ]


def _nftables(text: str) -> list[Firewall]:
    """Chains with their hooks. iptables-nft keeps its own chains there, which count once."""
    hook = re.search(r"hook input priority [^;]+; policy (\w+);", text)
    return [
        Firewall(
            tool="nftables",
            active=hook is not None,
            input_policy=hook[1].upper() if hook else None,
        )
    ]


_READERS = {"ufw": _ufw, "firewall-cmd": _firewalld, "iptables": _iptables, "nft": _nftables}
