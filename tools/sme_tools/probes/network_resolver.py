"""Do the configured nameservers answer?

The probe asks each nameserver of resolv.conf by itself, all at once, so that a dead one is named.
Where the nameserver is the stub of systemd-resolved, the servers behind it are asked as well: the
stub answers from its cache long after the network has gone.

What is asked is the address of a.root-servers.net: no hosts file, search domain or local zone
answers it, every resolver that reaches the Internet can, and it tells nobody anything about the
host. NXDOMAIN is a good answer too: a nameserver that has its own view of the world gives it. A
nameserver that stays silent is asked again without recursion, which it can answer by itself; so a
silent nameserver is told from one that lives but cannot reach others.

No DNS tool is needed where bash is: a DNS packet is 36 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe

PROBE = "network.resolver"
ASKED = "a.root-servers.net"

Answer = Literal["resolved", "refused", "failed", "no-recursion", "none"]


class Nameserver(Fact):
    """One nameserver and what it answered."""

    address: str
    upstream: bool
    """Whether it stands behind the local stub, and is not in resolv.conf itself."""
    answer: Answer
    """resolved: an address, or that the name does not exist; refused: it serves others only;
    failed: it tried and could not (SERVFAIL); no-recursion: it lives, but had no answer in time;
    none: silent, unreachable, or no DNS server there."""
    code: str | None = None
    """The response code: NOERROR, NXDOMAIN, SERVFAIL, REFUSED, …"""
    problem: str | None = None
    """What the system said, if it said something: `Connection refused`."""
    duration_s: float


class Resolver(Fact):
    """Whether names can be resolved."""

    asked: str
    nameservers: list[Nameserver]
    configured: int
    """How many nameservers resolv.conf names; none on a machine that does without DNS."""
    silent: int
    """How many of those asked gave no answer at all."""
    answering: bool
    """A configured nameserver answers and, where that is the local stub, one behind it."""
    resolving: bool
    """One that counts for `answering` also resolved the name, or knew that it does not exist."""


# ask_bash sends the query with recursion desired (01 00) and, 1 s later, without (00 00). bash
# writes its output line by line, so the packet may hold no byte 0a; dd takes one datagram.
_COMMAND = r"""
[ -r /etc/resolv.conf ] || { echo 'configured'; exit 0; }
servers=$(awk '$1 == "nameserver" { print $2 }' /etc/resolv.conf | awk '!seen[$0]++' | head -n 3)
behind=
case " $(echo $servers) " in
*" 127.0.0.53 "*)
  grep -qs '^ *DNSOverTLS *= *\(yes\|opportunistic\)' /etc/systemd/resolved.conf \
    /etc/systemd/resolved.conf.d/*.conf ||
  behind=$(awk '$1 == "nameserver" { print $2 }' /run/systemd/resolve/resolv.conf 2>/dev/null |
    awk '!seen[$0]++' | head -n 3);;
esac
echo configured $servers
clock() { read -r up rest 2>/dev/null </proc/uptime || up=$(date +%s); echo "$up"; }
within() {
  seconds=$1; shift
  "$@" </dev/null & child=$!
  { sleep "$seconds"; kill $child; } </dev/null >/dev/null 2>&1 9>&- & watch=$!
  wait $child 2>/dev/null; kill $watch 2>/dev/null
}
ask_bash() {
  for flags in '\x01\x00' '\x00\x00'; do
    answer=$({ within 1 bash -c '
      header="\x5d\x53$1\x00\x01\x00\x00\x00\x00\x00\x00"
      exec 3<>"/dev/udp/$0/53" &&
      printf "$header\x01a\x0croot-servers\x03net\x00\x00\x01\x00\x01" >&3 &&
      exec dd bs=512 count=1 <&3' "$1" "$flags" 2>&9 |
      od -An -v -tx1; } 9>&1 2>/dev/null | grep -v -e ' records ' -e ' copied')
    case $answer in
      *[0-9a-f]' '[0-9a-f][0-9a-f]' '*) echo "packet $flags" $answer; return;;
      ?*) printf '%s\n' "$answer" | head -n 2; return;;
    esac
  done
}
ask_tool() {
  case $how in
    dig) within 3 dig +time=2 +tries=1 "@$1" a.root-servers.net. A;;
    nslookup) within 3 nslookup a.root-servers.net. "$1";;
    busybox) within 3 busybox nslookup a.root-servers.net. "$1";;
    host) within 3 host -W 2 a.root-servers.net. "$1";;
    drill) within 3 drill a.root-servers.net. "@$1" A;;
  esac 2>&1 | head -n 30
}
how=none
if command -v bash >/dev/null && command -v od >/dev/null &&
  ! bash -c 'exec 3<>/dev/udp/127.0.0.1/53' 2>&1 | grep -q 'No such file'; then how=bash
else for tool in dig nslookup host drill busybox; do
  command -v $tool >/dev/null && { how=$tool; break; }
done; fi
[ $how != none ] || [ -z "$servers" ] || { echo 'no tool that can ask a nameserver' >&2; exit 1; }
ask() {
  began=$(clock)
  if [ $how = bash ]; then said=$(ask_bash "$2"); else said=$(ask_tool "$2"); fi
  printf '== %s %s %s %s %s\n%s\n' "$1" "$2" $how "$began" "$(clock)" "$said"
}
for server in $servers; do ask configured "$server" & done
for server in $behind; do ask upstream "$server" & done
wait
"""

_CODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")


@probe(PROBE, level=1, command=_COMMAND, timeout_s=8, reads=("dig", "nslookup", "host"))
def resolver(output: str) -> Resolver:
    """Whether each configured nameserver answers a real query. Source: RFC 1035, resolv.conf(5).

    Reads what dig, nslookup and host print as well: then of the server and the name they asked.
    """
    lines = output.strip().splitlines()
    if lines and not lines[0].startswith("configured") and (recorded := asked_by_hand(output)):
        return _stated(recorded, "what was asked")
    if not lines or not lines[0].startswith("configured"):
        raise ProbeError(PROBE, line=lines[0] if lines else "")
    parts = re.split(r"^== (\w+) (\S+) (\w+) (\S+) (\S+)\n", output, flags=re.MULTILINE)
    asked = sorted(
        (_nameserver(*parts[at : at + 6]) for at in range(1, len(parts), 6)),
        key=lambda server: (server.upstream, server.address),
    )
    configured = lines[0].split()[1:]
    if len([server for server in asked if not server.upstream]) != len(configured):
        raise ProbeError(PROBE, "not every nameserver was asked", line=lines[0])
    return _stated(asked, ASKED)


def _stated(asked: list[Nameserver], name: str) -> Resolver:
    return Resolver(
        asked=name,
        nameservers=asked,
        configured=sum(not server.upstream for server in asked),
        silent=sum(server.answer == "none" for server in asked),
        answering=_every_stage(asked, lambda server: server.answer != "none"),
        resolving=_every_stage(asked, lambda server: server.answer == "resolved"),
    )


def _every_stage(asked: list[Nameserver], holds: Callable[[Nameserver], bool]) -> bool:
    """Whether it holds for one nameserver of resolv.conf, and for one behind the stub if any."""
    stages = [[s for s in asked if s.upstream == upstream] for upstream in (False, True)]
    return any(stages) and all(any(map(holds, stage)) for stage in stages if stage)


def _nameserver(kind: str, address: str, how: str, began: str, ended: str, said: str) -> Nameserver:
    answer, code, problem = _packet(said) if how == "bash" else _tool_says(said)
    return Nameserver(
        address=address,
        upstream=kind == "upstream",
        answer=answer,
        code=code,
        problem=problem,
        duration_s=round(float(ended) - float(began), 2),
    )


def _meaning(code: str) -> Answer:
    if code in ("NOERROR", "NXDOMAIN"):
        return "resolved"
    return "refused" if code in ("REFUSED", "NOTIMP") else "failed"


def _packet(said: str) -> tuple[Answer, str | None, str | None]:
    """A reply in hexadecimal: identity, flags with the response code in the last four bits, …"""
    reply = re.match(r"packet \\x(\d\d)\\x00 ((?:[0-9a-f]{2} ?)+)", said)
    if reply is None:
        complaint = said.strip().split("\n")[0].rpartition(": ")[2]
        return "none", None, complaint or None
    data = bytes.fromhex(reply[2])
    if len(data) < 12 or data[:2] != b"\x5d\x53" or not data[2] & 0x80:
        raise ProbeError(PROBE, "not a DNS answer", line=said)
    number = data[3] & 0x0F
    code = _CODES[number] if number < len(_CODES) else f"RCODE{number}"
    return ("no-recursion" if reply[1] == "00" else _meaning(code)), code, None


def _tool_says(said: str) -> tuple[Answer, str | None, str | None]:
    """What dig, nslookup (of BIND or busybox), host or drill printed."""
    stated = re.search(r"\b(?:status|rcode): (\w+)|\b(SERVFAIL|NXDOMAIN|REFUSED|FORMERR)\b", said)
    if stated:
        code = (stated[1] or stated[2]).upper()
        return _meaning(code), code, None
    answered = r"^Address[^:]*: *198\.41\.0\.4|has address|^Non-authoritative answer|No answer$"
    if re.search(answered, said, re.MULTILINE) or re.search(r"^Aliases:\s*\Z", said, re.MULTILINE):
        return "resolved", "NOERROR", None
    # busybox of before 2018 says nothing more precise than this.
    if "can't resolve 'a.root-servers.net" in said and "timed out" not in said:
        return "none", None, "can't resolve"
    problem = re.search(r"timed out|no servers could be reached|refused|unreachable", said)
    return "none", None, problem[0] if problem else said.strip().split("\n")[-1][:80] or None


_BY_HAND = re.compile(
    r"->>HEADER<<-|^;; (?:connection timed out|communications error|no servers could be reached)"
    r"|^; <<>> |^;; XFR size|^Server:\s+\S|\bhas (?:IPv6 )?address \S|^Host \S+ not found:"
    r"|^\S+\.\s+\d+\s+IN\s+[A-Z]+\s|^\S+ domain name pointer ",
    re.MULTILINE,
)


def asked_by_hand(output: str) -> list[Nameserver]:
    """The servers that somebody asked with dig, nslookup or host; none if this is no such output.

    A server that refuses is then one that fails: it was asked for that very name.
    """
    if not _BY_HAND.search(output):
        return []
    blocks = [b for b in re.split(r"^(?=; <<>> |Server:\s)", output, flags=re.M) if b.strip()]
    if len(blocks) > 1 and blocks[0].startswith(";; "):  # dig complains before it says its name
        blocks[:2] = [blocks[0] + blocks[1]]
    return [_by_hand(block) for block in blocks if _BY_HAND.search(block)]


def _by_hand(said: str) -> Nameserver:
    server = re.search(
        r"^;; SERVER: ([^#\s]+)|^Server:\s+(\S+)|^;; .* error to ([^#\s]+)#", said, re.MULTILINE
    )
    took = re.search(r"^;; Query time: (\d+) (m|u)?sec", said, re.MULTILINE)
    silent = re.search(r"timed out|no servers could be reached|connection refused", said)
    stated = re.search(r"\b(?:status|rcode): (\w+)|\b(SERVFAIL|NXDOMAIN|REFUSED|FORMERR)\b", said)
    code = (stated[1] or stated[2]).upper() if stated else None
    answer: Answer = "none" if silent and not code else _meaning(code or "NOERROR")
    if "Transfer failed" in said or answer == "refused":
        answer = "failed"
    unit = {"m": 1000, "u": 1_000_000}.get(took[2] or "m", 1) if took else 1
    return Nameserver(
        address=(server[1] or server[2] or server[3]) if server else "of this host",
        upstream=False,
        answer=answer,
        code=code,
        problem=silent[0] if answer == "none" and silent else None,
        duration_s=round(int(took[1]) / unit, 3) if took else 0,
    )
