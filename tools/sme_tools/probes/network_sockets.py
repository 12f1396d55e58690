"""What the kernel counts about connections: conntrack entries, TCP states, full queues."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe

CONNTRACK = "network.conntrack"
SOCKETS = "network.sockets"


class Conntrack(Fact):
    """The table of tracked connections; when it is full, new connections are dropped."""

    count: int
    max: int
    used_percent: float


@probe(
    CONNTRACK,
    level=1,
    command="cd /proc/sys/net/netfilter 2>/dev/null && [ -r nf_conntrack_count ] || exit 127\n"
    "for name in count max; do\n"
    "  printf 'net.netfilter.nf_conntrack_%s = ' $name; cat nf_conntrack_$name\n"
    "done",
    reads=("sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max",),
)
def conntrack(output: str) -> Conntrack:
    """How full the table of tracked connections is. Source: kernel nf_conntrack-sysctl.rst."""
    values = dict(re.findall(r"nf_conntrack_(count|max) *= *(\d+)", output))
    if set(values) != {"count", "max"}:
        raise ProbeError(CONNTRACK, "count or maximum missing", line=output)
    count, maximum = int(values["count"]), int(values["max"])
    # Another network namespace may have lifted the limit: 0 means that there is none.
    used = round(100 * count / maximum, 1) if maximum else 0.0
    return Conntrack(count=count, max=maximum, used_percent=used)


class Sockets(Fact):
    """TCP connections by state, and what was refused."""

    established: int
    syn_recv: int
    """Half-open: many at once are a flood, or a service that accepts nothing."""
    fin_wait: int
    time_wait: int
    close_wait: int
    """The peer has closed, our program has not: many are a leak in that program."""
    orphans: int
    orphans_max: int | None
    """None in a network namespace, as of a container: the limit is the machine's."""
    memory_pages: int
    memory_max_pages: int | None
    """None in the same place."""
    ephemeral_ports: int
    """How many ports outgoing connections may take."""
    listen_overflows: int
    """Connections dropped since boot because a program did not accept them in time."""
    listen_overflows_per_hour: float
    retransmitted_percent: float
    """Share of the TCP segments sent since boot that had to be sent again."""


@probe(
    SOCKETS,
    level=4,
    command="[ -r /proc/net/sockstat ] || exit 127\n"
    "cat /proc/uptime /proc/net/sockstat\n"
    "printf 'orphans_max %s\\n' \"$(cat /proc/sys/net/ipv4/tcp_max_orphans 2>/dev/null)\"\n"
    "printf 'tcp_mem %s\\n' \"$(cat /proc/sys/net/ipv4/tcp_mem 2>/dev/null)\"\n"
    "printf 'ports %s\\n' \"$(cat /proc/sys/net/ipv4/ip_local_port_range)\"\n"
    "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |\n"
    "awk '$4 ~ /^[0-9A-F][0-9A-F]$/ { n[$4]++ } END { for (s in n) print \"state\", s, n[s] }'\n"
    "grep -h '^Tcp' /proc/net/netstat /proc/net/snmp",
)
def sockets(output: str) -> Sockets:
    """TCP states, orphans, memory, overflows and retransmissions. Source: proc_net(5), tcp(7).

    Raises:
        ProbeError: one of the kernel's tables is missing.
    """
    states = {
        int(code, 16): int(n) for code, n in re.findall(r"^state (\w\w) (\d+)$", output, re.M)
    }
    stat = re.search(r"^TCP: inuse \d+ orphan (\d+) tw (\d+) alloc \d+ mem (\d+)", output, re.M)
    ports = re.search(r"^ports (\d+)\s+(\d+)", output, re.M)
    orphans = re.search(r"^orphans_max (\d+)", output, re.M)
    memory = re.search(r"^tcp_mem \d+\s+\d+\s+(\d+)", output, re.M)
    if stat is None or ports is None:
        raise ProbeError(SOCKETS, "a table is missing", line=output[:120])
    uptime_s = float(output.split()[0])
    extended, basic = _counters(output, "TcpExt"), _counters(output, "Tcp")
    overflows = extended["ListenOverflows"]
    return Sockets(
        established=states.get(1, 0),
        syn_recv=states.get(3, 0),
        fin_wait=states.get(4, 0) + states.get(5, 0),
        time_wait=int(stat[2]),
        close_wait=states.get(8, 0),
        orphans=int(stat[1]),
        orphans_max=int(orphans[1]) if orphans else None,
        memory_pages=int(stat[3]),
        memory_max_pages=int(memory[1]) if memory else None,
        ephemeral_ports=int(ports[2]) - int(ports[1]) + 1,
        listen_overflows=overflows,
        listen_overflows_per_hour=round(overflows / (uptime_s / 3600), 2) if uptime_s else 0.0,
        retransmitted_percent=round(100 * basic["RetransSegs"] / max(basic["OutSegs"], 1), 3),
    )


def _counters(output: str, table: str) -> dict[str, int]:
    """A table of /proc/net/netstat: one line of names, one of figures."""
    names, figures = re.findall(rf"^{table}: (.*)$", output, re.MULTILINE)
    return dict(zip(names.split(), map(int, figures.split()), strict=True))
