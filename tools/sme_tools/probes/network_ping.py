"""Whether other hosts answer an echo request."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe

PROBE = "network.ping"


class Ping(Fact):
    """What one host answered to echo requests."""

    target: str
    sent: int
    received: int
    loss_percent: float
    average_ms: float | None = None
    problem: str | None = None
    """What was said in place of an answer: `Destination Host Unreachable`, `unknown host`."""


@probe(
    PROBE,
    level=3,
    tool="ping",
    timeout_s=12,
    command="""\
{ ip route show default 2>/dev/null || route -n get default 2>/dev/null; } |
sed -n 's/.*via \\([0-9.]*\\) .*/\\1/p; s/^ *gateway: \\([0-9.]*\\)$/\\1/p' | sort -u | head -n 2 |
while read -r gateway; do ping -n -c 5 -W 1 "$gateway" 2>&1; done
exit 0""",
    reads=("ping",),
)
def pings(output: str) -> list[Ping]:
    """Loss and delay to the default gateways, or to any host of a recorded ping.

    Reads iputils, busybox, BSD, macOS and Windows (English). Source: ping(8).
    """
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    found = list(_runs(lines))
    if lines and not found:
        raise ProbeError(PROBE, line=lines[0])
    return found


_START = re.compile(r"PING6?(?:\([\d=+ ]+ bytes\))? *(?P<target>[^\s(]*)|Pinging (?P<windows>\S+) ")
_NAMELESS = re.compile(
    r"(?:ping6?: )?(?:connect|sendto|sendmsg): .*"
    r"|ping6?: (?:(?:unknown host|cannot resolve|bad address) '?(?P<before>[^\s':]+)"
    r"|(?P<after>\S+): ).*",
    re.IGNORECASE,
)
_SUMMARY = re.compile(
    r"(?P<sent>\d+) packets transmitted, (?P<received>\d+)(?: packets)? received"
    r"|Packets: Sent = (?P<wsent>\d+), Received = (?P<wreceived>\d+)"
)
_TIMES = re.compile(r"(?:rtt|round-trip)\b.* = [\d.]+/(?P<average>[\d.]+)/|Average = (?P<w>\d+)ms")
_ANSWER = re.compile(r"\d+ bytes from .*(?:time|seq)[=<]|Reply from .*time[=<]|\d+ bytes from .*: ")
_SILENCE = re.compile(
    r"(?:Destination (?:\w+ )?(?:\w+ )?[Uu]nreachable|Time to live exceeded|Request time(?:d )?out"
    r"|no answer yet|Network is unreachable|General failure|TTL expired)",
)


def _runs(lines: list[str]) -> Iterator[Ping]:
    """The lines of each call of ping make one fact."""
    run: list[str] = []
    for line in lines:
        if run and (_START.match(line) or _NAMELESS.match(line)):
            yield from _ping(run)
            run = []
        run.append(line)
    yield from _ping(run)


def _ping(lines: list[str]) -> Iterator[Ping]:
    text = "\n".join(lines)
    start = next(filter(None, map(_START.match, lines)), None)
    nameless = next(filter(None, map(_NAMELESS.match, lines)), None)
    if nameless and not _SUMMARY.search(text):
        target = (
            nameless["before"] or nameless["after"] or (start and start["target"]) or "the host"
        )
        yield _told(target.strip("'"), 0, 0, None, nameless[0])
        return
    if start is None:
        return
    told = re.search(r"^--- (\S+) ping6? statistics ---$", text, re.MULTILINE)
    named = start["windows"] if "-->" in lines[0] else start["target"] or start["windows"]
    target = (told and told[1]) or named or _address(lines[0])
    answers = [line for line in lines if _ANSWER.match(line) and not _SILENCE.search(line)]
    silences = [found[0] for line in lines if (found := _SILENCE.search(line))]
    summary, times = _SUMMARY.search(text), _TIMES.search(text)
    if summary:
        sent = int(summary["sent"] or summary["wsent"])
        received = min(int(summary["received"] or summary["wreceived"]), sent)
        if "Reply from" in text and not answers:  # Windows counts `unreachable` as a reply
            received = 0
    else:
        sent, received = len(answers) + len(silences), len(answers)
    average = float(times["average"] or times["w"]) if times else None
    said = [text for text in silences if "nreachable" in text] or silences
    yield _told(target, sent, received, average, said[-1] if said else None)


def _address(line: str) -> str:
    """Of `PING6(56=40+8+8 bytes) fe80::1 --> fe80::2`, and of a name that was left out."""
    found = re.search(r"--> (\S+)|\(([0-9a-fA-F:.]+)\)", line)
    return (found[1] or found[2]) if found else "the host"


def _told(target: str, sent: int, received: int, average: float | None, said: str | None) -> Ping:
    loss = 100.0 if not sent else round(100 * (sent - received) / sent, 1)
    return Ping(
        target=target,
        sent=sent,
        received=received,
        loss_percent=loss,
        average_ms=average,
        problem=(said or ("no answer" if not received else None)) if loss else None,
    )
