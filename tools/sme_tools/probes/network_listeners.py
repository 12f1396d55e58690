"""Listening sockets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe

PROBE = "network.listeners"


class Listener(Fact):
    """One socket that waits for connections (TCP) or datagrams (UDP)."""

    protocol: str
    """`tcp` or `udp`; of both address families."""
    address: str
    """Without brackets and zone; `*` where it is every address."""
    port: int
    process: str | None = None
    """None without root, except for one's own."""
    pid: int | None = None
    queue: int | None = None
    """TCP: connections that wait to be accepted. None where the tool does not say."""
    backlog: int | None = None
    """TCP: how many may wait; ss(8) alone shows it."""


@probe(
    PROBE,
    level=1,
    command="ss -tulpn 2>/dev/null || netstat -tulpn 2>/dev/null ||\n"
    "cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 2>/dev/null",
    reads=(
        "ss -H -tulpn",
        "ss -tulnp",
        "ss -tuln",
        "ss -tlnp",
        "ss -tln",
        "ss -lntp",
        "ss -lnt",
        "ss -lntu",
        "ss -lntup",
        "ss -tulpen",
        "ss -plnt",
        "netstat -tulnp",
        "netstat -tuln",
        "netstat -tlnp",
        "netstat -lntp",
        "netstat -lnp",
        "netstat -plnt",
        "netstat -plunt",
        "netstat -lntup",
        "netstat -ln",
        "netstat -an",
        "netstat -l",
        "netstat -a",
        "netstat",
        "ss -a",
        "cat /proc/net/tcp",
        "cat /proc/net/tcp6",
    ),
)
def listeners(output: str) -> list[Listener]:
    """Every listening TCP and bound UDP socket, and who holds it. Source: ss(8), netstat(8).

    Ports that the tool shows by an uncommon name (asked without -n) are left out.
    """
    lines = [line for line in output.splitlines() if line.strip()]
    if any("local_address" in line for line in lines[:1]):
        return list(_from_proc(lines))
    return list(_from_tool(lines))


_WORDS = re.compile(r"(Netid|State|Active|Proto|Recv-Q|\(|Kernel)")
_OTHERS = (
    "unix",
    "raw",
    "icmp",
    "u_",
    "nl",
    "p_",
    "v_",
    "sctp",
    "dccp",
    "mptcp",
    "vsock",
    "tipc",
    "icm",
    "kctl",
    "kevt",
)
_STATES = ("LISTEN", "UNCONN", "ESTAB", "ESTABLISHED", "TIME_WAIT", "TIME-WAIT", "CLOSE_WAIT")


def _from_tool(lines: list[str]) -> Iterator[Listener]:
    """Rows of ss (protocol, state, two queues, …) or netstat (protocol, two queues, …, state).

    ss leaves the protocol out when only one was asked for.
    """
    for line in lines:
        words = line.split()
        if re.match(r"Active (UNIX|LOCAL|Multipath)", line):
            return
        if re.match(r"(Tcpcb|Socket|PCB) +Proto", line):
            continue
        if re.match(r"[0-9a-f]{8,16} +(tcp|udp|icm)", line):  # BSD's -A: an address in the kernel
            words = words[1:]
        if _WORDS.match(line) or words[0].startswith(_OTHERS):
            continue
        if words[0] in _STATES:
            words = ["tcp", *words] if words[0] != "UNCONN" else ["udp", *words]
        if not re.match(r"(tcp|udp)", words[0]) or len(words) < 5:
            raise ProbeError(PROBE, "unknown form of socket", line=line)
        found = _from_netstat(words, line) if words[1].isdigit() else _from_ss(words, line)
        if found:
            yield found


def _from_ss(words: list[str], line: str) -> Listener | None:
    if words[1] not in ("LISTEN", "UNCONN"):
        return None
    address, port = _endpoint(words[4], line)
    if port is None:
        return None
    holder = re.search(r'\(\("([^"]+)",(?:pid=)?(\d+)', line)
    tcp = words[1] == "LISTEN"
    return Listener(
        protocol=words[0][:3],
        address=address,
        port=port,
        process=holder[1] if holder else None,
        pid=int(holder[2]) if holder else None,
        queue=int(words[2]) if tcp else None,
        backlog=int(words[3]) if tcp else None,
    )


def _from_netstat(words: list[str], line: str) -> Listener | None:
    tcp = words[0].startswith("tcp")
    if tcp and "LISTEN" not in words:
        return None
    if not tcp and ("ESTABLISHED" in words or not re.search(r"[:.]\*$", words[4])):
        return None
    address, port = _endpoint(words[3], line)
    if port is None:
        return None
    holder = re.search(r"\s(\d+)/(\S+)", line)
    return Listener(
        protocol=words[0][:3],
        address=address,
        port=port,
        process=holder[2].rstrip(":") if holder else None,
        pid=int(holder[1]) if holder else None,
    )


_NAMES = (
    "ftp=21 ssh=22 telnet=23 smtp=25 domain=53 bootps=67 bootpc=68 tftp=69 http=80 "
    "kerberos=88 pop3=110 sunrpc=111 rpcbind=111 ntp=123 netbios-ns=137 netbios-dgm=138 "
    "netbios-ssn=139 imap=143 imap2=143 snmp=161 snmptrap=162 bgp=179 ldap=389 https=443 "
    "microsoft-ds=445 syslog=514 printer=515 ipp=631 submission=587 ldaps=636 domain-s=853 "
    "rsync=873 imaps=993 pop3s=995 openvpn=1194 nfs=2049 mysql=3306 ms-wbt-server=3389 "
    "mdns=5353 postgresql=5432 amqp=5672 x11=6000 http-alt=8080 https-alt=8443 "
    "zabbix-agent=10050"
)
_PORTS = {name: int(port) for name, _, port in (pair.partition("=") for pair in _NAMES.split())}
"""Of services(5), the ones that servers listen on."""


def _endpoint(text: str, line: str) -> tuple[str, int | None]:
    """Address and port; None for a port of an unknown name."""
    match = re.fullmatch(r"(.*)[:.](\d+|\*|[a-zA-Z][\w-]*)", text)
    if match is None:
        raise ProbeError(PROBE, "no address with a port", line=line)
    address = match[1].strip("[]").partition("%")[0].removesuffix("]")
    port = int(match[2]) if match[2].isdigit() else _PORTS.get(match[2])
    return ("*" if address in ("", "*", "0.0.0.0", "::") else address), port


def _from_proc(lines: list[str]) -> Iterator[Listener]:
    """/proc/net/tcp and udp: addresses in hexadecimal; state 0A listens, 07 is an unbound peer."""
    kinds = iter(("tcp", "tcp", "udp", "udp"))
    kind = "tcp"
    for line in lines:
        words = line.split()
        if "local_address" in line:
            kind = next(kinds, "udp")
            continue
        address, _, port = words[1].partition(":")
        if words[3] == ("0A" if kind == "tcp" else "07"):
            number = int(port, 16)
            yield Listener(protocol=kind, address=_address(address), port=number)


def _address(text: str) -> str:
    """The kernel prints each 32-bit word in the byte order of the machine (little-endian)."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    packed = b"".join(words)
    address = IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)
    return "*" if address.is_unspecified else str(address)
