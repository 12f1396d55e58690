"""Whether the clock is kept right, by whom, and how far off it is."""

from __future__ import annotations

import re
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.system_text import key_values, sections, span_s


class Clock(Fact):
    """The state of the machine's clock."""

    synchronised: bool | None
    service: str | None
    """chrony, ntpd or systemd-timesyncd; the machine may have none, or one that we can't ask."""
    service_active: bool | None
    source: str | None
    """The server or reference clock that the clock follows."""
    source_is_local: bool | None
    """It follows its own oscillator: the daemon calls that synchronised, the world does not."""
    stratum: int | None
    offset_s: float | None
    """How far the clock is off, as the time service sees it; positive or negative."""
    sources: int | None
    sources_reachable: int | None
    rtc_in_local_time: bool | None
    timezone: str | None


@probe(
    "system.clock",
    level=1,
    command="""echo @timedatectl
timedatectl show 2>/dev/null || timedatectl status 2>/dev/null
echo @timesync
timedatectl timesync-status 2>/dev/null
echo @tracking
chronyc -n -c tracking 2>/dev/null
echo @sources
chronyc -n -c sources 2>/dev/null
echo @ntpq
ntpq -pn 2>/dev/null
:""",
    reads=(
        "timedatectl", "timedatectl status", "timedatectl show", "timedatectl timesync-status",
        "chronyc sources", "chronyc -n sources", "chronyc sources -v", "chronyc sources -n",
        "chronyc tracking", "chronyc -n tracking", "chronyc -c tracking", "chronyc -c sources",
        "ntpq -p", "ntpq -pn", "ntpq -np", "ntpq -n -p", "ntpq -p -n", "ntpq -c rv",
    ),
)  # fmt: skip
def clock(output: str) -> Clock | None:
    """Clock synchronisation. Source: timedatectl(1), chronyc(1), ntpq(1)."""
    parts = sections(output)
    recorded = "\n".join(parts.pop(""))
    if recorded.strip():
        parts = {_kind(recorded): recorded.splitlines()}
    readers = {
        "timedatectl": _timedatectl,
        "timesync": _timesync,
        "ntpq": _ntpq,
        "sources": _sources,
        "tracking": _tracking,
        "variables": _variables,
    }
    found: dict[str, Any] = {}
    for name, read in readers.items():  # later ones know better
        if any(line.strip() for line in parts.get(name, [])):
            fresh = read([line for line in parts[name] if line.strip()])
            if fresh.get("service_active") is False and found.get("service_active"):
                continue  # chrony is installed, but another service keeps the time
            found.update({key: value for key, value in fresh.items() if value is not None})
    if not found:
        return None
    return Clock.model_validate({**dict.fromkeys(Clock.model_fields), **found})


def _kind(text: str) -> str:
    """Which tool printed this."""
    forms = {
        "timesync": r"^\s*(Packet count|Poll interval|Server):",
        "timedatectl": r"^\s*(Time ?zone|NTPSynchronized|Timezone)\s*[:=]",
        "tracking": r"^(506 |Reference ID\s*:|[0-9A-F]{8},)",
        "sources": r"^(MS Name/IP|[\^=#],[*+?x~ -],|(\d+ )?Number of sources = \d)",
        "ntpq": r"^\s*remote\s+refid\s|ntpq: (?:read|write): Connection refused|No association ID",
        "variables": r"^(?:assID|associd)=",
    }
    for kind, form in forms.items():
        if re.search(form, text, re.MULTILINE):
            return kind
    raise ProbeError("system.clock", line=text.strip().split("\n")[0])


def _timedatectl(lines: list[str]) -> dict[str, Any]:
    shown = key_values(lines)
    if "NTPSynchronized" in shown:
        return {
            "synchronised": _yes(shown["NTPSynchronized"]),
            "service_active": _yes(shown.get("NTP")),
            "rtc_in_local_time": _yes(shown.get("LocalRTC")),
            "timezone": shown.get("Timezone"),
        }
    told = {key.lower(): value for key, value in key_values(lines, ":").items()}
    active = "systemd-timesyncd.service active"
    in_use = told.get("ntp service") or told.get("network time on") or told.get("ntp enabled")
    return {
        "synchronised": _yes(told.get("system clock synchronized") or told.get("ntp synchronized")),
        "service": "systemd-timesyncd" if _yes(told.get(active)) else None,
        "service_active": _yes(in_use or told.get(active)),
        "rtc_in_local_time": _yes(told.get("rtc in local tz")),
        "timezone": (told.get("time zone") or told.get("timezone") or "").split(" ")[0] or None,
    }


def _yes(text: str | None) -> bool | None:
    return None if text is None or text == "n/a" else text in ("yes", "active")


def _timesync(lines: list[str]) -> dict[str, Any]:
    told = key_values(lines, ":")
    answered = told.get("Packet count", "0") != "0" or "Offset" in told
    stratum = told.get("Stratum")
    return {
        "service": "systemd-timesyncd",
        "service_active": True,
        "synchronised": None if answered else False,
        "source": told.get("Server", "").split(" ")[0] or None,
        "stratum": int(stratum) if stratum else None,
        "offset_s": _signed_s(told["Offset"]) if "Offset" in told else None,
    }


def _signed_s(text: str) -> float:
    """`+1.234ms`, `-1min 2s`, `-91us` in seconds."""
    return round(-span_s(text) if text.startswith("-") else span_s(text), 9)


_NTPQ_ROW = re.compile(
    r"(?P<tally>[ x.#+*o~-])?(?P<remote>\S+)(?:\s+\([^)\s]*\)?)?\s+(?P<refid>\S+)"
    r"\s+(?P<stratum>\d+)\s+\S\s+\S+\s+\d+\S?\s+(?P<reach>[0-7]+)\s+[\d.-]+\s+(?P<offset>[+-]?[\d.]+)\s+[\d.]+\s*\Z"
)


def _ntpq(lines: list[str]) -> dict[str, Any]:
    """A peer table. The tally `*` marks the peer that is followed, `o` one with a PPS signal."""
    if re.search("Connection refused|No association", lines[0]):
        return {"service": "ntpd", "service_active": False, "synchronised": False}
    peers: list[re.Match[str]] = []
    name = ""
    for line in lines:
        # A long name stands on a line of its own, its figures on the next.
        row = _NTPQ_ROW.match(name + line)
        if row:
            peers.append(row)
            name = ""
        elif re.fullmatch(r"[ x.#+*o~-]\S+\s*", line) and not re.match("[=-]{3}", line):
            name = line.rstrip()
        elif not re.match(r"\s*remote\s+refid|=+\s*\Z|-+\s*\Z", line):
            raise ProbeError("system.clock", line=line)
    real = [peer for peer in peers if peer["refid"] != ".POOL."]
    chosen = next((peer for peer in real if peer["tally"] in ("*", "o")), None)
    answering = [peer for peer in real if int(peer["reach"], 8) > 0]
    best = chosen or (answering[0] if answering else None)
    return {
        "service": "ntpd",
        "service_active": True,
        "synchronised": chosen is not None,
        "source": chosen["remote"] if chosen else None,
        "source_is_local": bool(chosen and re.search("LOCA?L", chosen["remote"] + chosen["refid"])),
        "stratum": int(chosen["stratum"]) if chosen else None,
        "offset_s": round(float(best["offset"]) / 1000, 9) if best else None,
        "sources": len(real),
        "sources_reachable": len(answering),
    }


def _variables(lines: list[str]) -> dict[str, Any]:
    """The system variables of ntpq: `associd=0 status=0615 leap_none, sync_ntp, …`."""
    text = "\n".join(lines)
    in_step = re.search(r"\bleap_(?:none|add_sec|del_sec)\b", text) is not None
    return {
        "service": "ntpd",
        "service_active": True,
        "synchronised": in_step and "sync_unspec" not in text,
    }


_SOURCE_ROW = re.compile(
    r"[\^=#](?P<state>[*+?x~ -])\s+(?P<name>\S+)\s+(?P<stratum>\d+)\s+-?\d+"
    r"\s+(?P<reach>[0-7]+)\s+\S+\s+(?P<offset>[+-]?\d+\w+)\s*\[\s*[+-]?\d+\w+\]"
)


def _sources(lines: list[str]) -> dict[str, Any]:
    """`chronyc sources`, as text or CSV. The state `*` marks the source that is followed."""
    rows = []
    if lines[0].startswith("506 "):
        return {"service": "chrony", "service_active": False}
    for line in lines:
        words = line.split(",")
        if len(words) >= 10:
            keys = ("mode", "state", "name", "stratum", "poll", "reach", "last", "offset")
            rows.append(dict(zip(keys, words, strict=False)))
        elif row := _SOURCE_ROW.match(line):
            rows.append({**row.groupdict(), "offset": str(_signed_s(row["offset"]))})
        elif re.match(r"[\^=#][*+?x~ -][\s,]", line):
            raise ProbeError("system.clock", line=line)
    chosen = next((row for row in rows if row["state"] == "*"), None)
    return {
        "service": "chrony",
        "service_active": True,
        "synchronised": chosen is not None,
        "source": chosen["name"] if chosen else None,
        "stratum": int(chosen["stratum"]) if chosen else None,
        "offset_s": float(chosen["offset"]) if chosen else None,
        "sources": len(rows),
        "sources_reachable": sum(int(row["reach"], 8) > 0 for row in rows),
    }


def _tracking(lines: list[str]) -> dict[str, Any]:
    """`chronyc tracking`, as text or CSV."""
    if lines[0].startswith("506 "):  # «Cannot talk to daemon»
        return {"service": "chrony", "service_active": False}
    words = lines[0].split(",")
    if len(words) >= 14:
        identifier, name, stratum, leap = words[0], words[1], words[2], words[13]
        offset = float(words[4])
    else:
        told = key_values(lines, ":")
        identifier, _, name = told["Reference ID"].partition(" ")
        name, stratum, leap = name.strip("() "), told["Stratum"], told["Leap status"]
        system = re.match(r"([\d.]+) seconds (slow|fast)", told.get("System time", ""))
        offset = float(system[1]) * (-1 if system[2] == "slow" else 1) if system else 0.0
    followed = leap.strip() != "Not synchronised"
    return {
        "service": "chrony",
        "service_active": True,
        "synchronised": followed,
        "source": (name or None) if followed else None,
        "source_is_local": identifier.upper() == "7F7F0101" and followed,
        "stratum": int(stratum) if followed else None,
        "offset_s": offset if followed else None,
    }
