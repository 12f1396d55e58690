"""Reading what nvidia-smi prints, in its forms, and what it says when it fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from sme_tools.analysis.log_lines import unwrapped
from sme_tools.errors import ProbeError
from sme_tools.probes.gpu_xml import gpus_of_xml

Status = Literal[
    "ok", "driver-not-answering", "version-mismatch", "no-devices", "device-lost", "library-missing"
]

_FAILURES: tuple[tuple[Status, re.Pattern[str]], ...] = (
    ("version-mismatch", re.compile(r"version mismatch", re.I)),
    (
        "driver-not-answering",
        re.compile(
            r"couldn't communicate with the NVIDIA driver|did not answer within"
            r"|Failed to initialize NVML: (?!.*(?:mismatch|not found))"
            r"|Driver Not Loaded|No NVIDIA driver",
            re.I,
        ),
    ),
    (
        "library-missing",
        re.compile(r"couldn't find lib\S*|NVML Shared Library|Library Not Found", re.I),
    ),
    ("device-lost", re.compile(r"GPU is lost|fallen off the bus", re.I)),
    ("no-devices", re.compile(r"No (?:NVIDIA )?(?:devices|GPUs?) were found", re.I)),
)
_BAD_DEVICE = re.compile(r"Unable to determine the device handle", re.I)


@dataclass
class Found:
    """What was read: for each GPU its values by the names of `--query-gpu`."""

    status: Status = "ok"
    message: str | None = None
    driver_version: str | None = None
    gpus: list[dict[str, str]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def read(output: str) -> Found:
    """Any of the forms of nvidia-smi. Raises ProbeError if it is none."""
    lines = [line for line in unwrapped(output) if line.strip()]
    found = Found()
    for line in lines:
        if _BAD_DEVICE.search(line):
            found.unreadable.append(line.strip())
    rest = [line for line in lines if line.strip() not in found.unreadable]
    _note_failure(rest, found)
    if found.status != "ok" and not any("GPU" in line or "," in line for line in rest[1:]):
        return found
    form = _form(rest)
    if form is not None:
        form(rest, found)
    elif found.unreadable:
        found.status = "device-lost"
        found.message = found.unreadable[0]
    elif found.status != "ok":
        pass
    elif lines:
        raise ProbeError("gpu.devices", "not an output of nvidia-smi", line=lines[0])
    else:
        found.status, found.message = "no-devices", "nvidia-smi printed nothing"
    return found


def _note_failure(lines: list[str], found: Found) -> None:
    for line in lines:
        for status, pattern in _FAILURES:
            if pattern.search(line):
                found.status, found.message = status, line.strip()
                return


_COLUMN = r"[a-z][a-z0-9_]+(?:\.[a-z0-9_.]+)?"


def _form(lines: list[str]) -> Callable[[list[str], Found], None] | None:
    text = "\n".join(lines)
    if "<nvidia_smi_log>" in text:
        return _read_xml
    if re.search(rf"^(?:{_COLUMN})(?: \[\S+\])?(?:, (?:{_COLUMN})(?: \[\S+\])?)+$", text, re.M):
        return _read_csv
    if re.search(r"^\d+, *[^,]+, *GPU-[0-9a-f-]+, ", text, re.M):
        return _read_bare
    if "NVSMI LOG" in text:
        return _read_query
    if re.search(r"^\|\s+NVIDIA-SMI|^\|=====", text, re.M):
        return _read_table
    if re.search(r"^\s*GPU\s+\d+:", text, re.M):
        return _read_list
    return None


def csv_rows(probe: str, output: str, key: str) -> list[dict[str, str]]:
    """The rows of nvidia-smi's CSV by column name, units dropped from the names."""
    lines = [line for line in unwrapped(output) if line.strip()]
    starts = [n for n, line in enumerate(lines) if key in re.split(r",\s*", line)]
    if not starts:
        raise ProbeError(probe, "not the CSV of nvidia-smi", line=lines[0] if lines else "")
    names = [re.sub(r" \[.*?\]$", "", name) for name in lines[starts[0]].split(", ")]
    rows = []
    for line in lines[starts[0] + 1 :]:
        cells = line.split(", ")
        if len(cells) != len(names):
            raise ProbeError(probe, "a row that does not fit its heading", line=line)
        rows.append(dict(zip(names, cells, strict=True)))
    return rows


def _read_csv(lines: list[str], found: Found) -> None:
    good: list[str] = []
    for line in lines:
        (good if "," in line else found.unreadable).append(line)
    first = re.split(r",| \[", good[0])[0]
    for number, row in enumerate(csv_rows("gpu.devices", "\n".join(good), first)):
        row.setdefault("index", str(number))
        row["name"] = row.get("name") or row.get("gpu_name") or "GPU"
        for old, new in (("clocks_event_reasons.active", "clocks_throttle_reasons.active"),):
            if old in row:
                row[new] = row[old]
        found.driver_version = row.get("driver_version") or found.driver_version
        found.gpus.append(row)


def _read_bare(lines: list[str], found: Found) -> None:
    """CSV without its heading that begins with index, name and uuid, in this order."""
    for line in lines:
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) >= 3 and cells[0].isdigit():
            found.gpus.append(dict(zip(("index", "name", "uuid"), cells, strict=False)))
        else:
            found.unreadable.append(line)


def _read_xml(lines: list[str], found: Found) -> None:
    found.driver_version, found.gpus = gpus_of_xml("\n".join(lines))
    if not found.gpus:
        found.status, found.message = "no-devices", "the document lists no GPU"


_LISTED = re.compile(r"^\s*GPU\s+(\d+):\s*(.+?)\s*\(UUID:\s*([^)\s]+)\s*\)\s*$")
_SLICE = re.compile(r"^\s+(?:MIG|GPU instance|Device) ")


def _read_list(lines: list[str], found: Found) -> None:
    """`GPU 0: NAME (UUID: GPU-…)`, with the lines of MIG slices below."""
    for line in lines:
        if match := _LISTED.match(line):
            values = {"index": match[1], "name": match[2], "uuid": match[3]}
            found.gpus.append(values)
            if re.search(r"Unknown Error|ERR!|GPU is lost", line):
                found.unreadable.append(line.strip())
        elif not _SLICE.match(line):
            found.unreadable.append(line.strip())


_HEAD = re.compile(
    r"^\|\s+(\d+)\s{2,}(.+?)\s{2,}(?:On|Off|N/A|Default|WDDM|TCC)?.*?\|\s*([0-9A-Fa-f]{8}:\S+)?"
)
_STATE = re.compile(
    r"^\|\s*(?P<fan>\S+(?: \S)?)\s+(?P<heat>\d+C|N/A|ERR!)\s+(?P<pstate>\S+)\s+"
    r"(?P<draw>\S+)\s*/\s*(?P<limit>\S+)\s*\|\s*(?P<used>\S+)\s*/\s*(?P<total>\S+)\s*\|\s*(?P<load>\S+)"
)
_BROKEN = re.compile(r"^\|\s*ERR!.*\|")


def _read_table(lines: list[str], found: Found) -> None:
    """The table that plain `nvidia-smi` draws; its look has changed little since 2012."""
    if version := re.search(r"Driver Version:\s*([\d.]+)", "\n".join(lines)):
        found.driver_version = version[1]
    for line in lines:
        if re.match(r"^\|\s+(?:Processes|MIG devices)", line):
            break
        if state := _STATE.match(line):
            if found.gpus:
                found.gpus[-1] |= {
                    "temperature.gpu": state["heat"].rstrip("C"),
                    "pstate": state["pstate"],
                    "power.draw": state["draw"].rstrip("W"),
                    "power.limit": state["limit"].rstrip("W"),
                    "memory.used": state["used"],
                    "memory.total": state["total"],
                    "utilization.gpu": state["load"].rstrip("%"),
                }
        elif _BROKEN.match(line):
            found.unreadable.append(" ".join(line.split()))
            if found.gpus:
                found.gpus[-1]["pstate"] = "ERR!"
        elif head := _HEAD.match(line):
            found.gpus.append({"index": head[1], "name": head[2]})
    if not found.gpus and found.status == "ok" and not found.unreadable:
        found.status, found.message = "no-devices", "the table lists no GPU"


_QUERY_NAMES = {
    ("", "Product Name"): "name",
    ("", "GPU UUID"): "uuid",
    ("", "Performance State"): "pstate",
    ("FB Memory Usage", "Total"): "memory.total",
    ("FB Memory Usage", "Used"): "memory.used",
    ("Utilization", "Gpu"): "utilization.gpu",
    ("Utilization", "GPU"): "utilization.gpu",
    ("Temperature", "GPU Current Temp"): "temperature.gpu",
    ("Power Readings", "Power Draw"): "power.draw",
    ("GPU Power Readings", "Power Draw"): "power.draw",
    ("GPU Power Readings", "Average Power Draw"): "power.draw",
    ("GPU Power Readings", "Instantaneous Power Draw"): "power.draw",
    ("Power Readings", "Power Limit"): "power.limit",
    ("GPU Power Readings", "Current Power Limit"): "power.limit",
    ("Retired Pages", "Pending Page Blacklist"): "pages.pending",
    ("Retired Pages", "Pending"): "pages.pending",
    ("Volatile", "DRAM Uncorrectable"): "ecc.errors.uncorrected.volatile.total",
}
_QUERY_THROTTLE = {
    "HW Thermal Slowdown": "hw-thermal",
    "SW Thermal Slowdown": "sw-thermal",
    "HW Slowdown": "hw-slowdown",
    "HW Power Brake Slowdown": "power-brake",
    "SW Power Cap": "power-cap",
}


def _read_query(lines: list[str], found: Found) -> None:
    """`nvidia-smi -q`: indented `name : value` lines under headings."""
    section = ""
    for line in lines:
        text = line.strip()
        name, colon, value = (part.strip() for part in text.partition(" : "))
        if re.match(r"^GPU [0-9A-Fa-f]{8}:", line):
            found.gpus.append({"index": str(len(found.gpus)), "name": "?"})
            section = ""
        elif not colon:
            section = text
        elif name == "Driver Version":
            found.driver_version = value
        elif not found.gpus:
            continue
        elif name in _QUERY_THROTTLE and value == "Active":
            reasons = found.gpus[-1].get("clocks_throttle_reasons.active", "")
            found.gpus[-1]["clocks_throttle_reasons.active"] = f"{reasons} {_QUERY_THROTTLE[name]}"
        else:
            indent = len(line) - len(line.lstrip())
            key = _QUERY_NAMES.get(("" if indent <= 4 else section, name))
            if (key and key not in found.gpus[-1]) or key == "name":
                found.gpus[-1][key or "name"] = value.split(" ")[0] if key != "name" else value


_BITS = {
    0x04: "power-cap",
    0x08: "hw-slowdown",
    0x20: "sw-thermal",
    0x40: "hw-thermal",
    0x80: "power-brake",
}
"""Of clocks_event_reasons.active; source: nvml.h, nvmlClocksEventReasons."""


def throttle_reasons(text: str) -> list[str]:
    """The reasons in a bit mask such as `0x0000000000000040`, or in words."""
    if match := re.fullmatch(r"\s*0x([0-9A-Fa-f]+)\s*", text):
        mask = int(match[1], 16)
        return [name for bit, name in _BITS.items() if mask & bit]
    return sorted(word for word in text.split() if word in _BITS.values())


def known(text: str | None) -> str | None:
    """The text, or None for what nvidia-smi writes where there is nothing: N/A, [Not Supported]."""
    nothing = r"N/A|Not Supported|Unknown|ERR!|Insufficient|^\s*$|GPU is lost"
    if text is None or re.search(nothing, text):
        return None
    return text.strip()


def number(text: str | None) -> float | None:
    """A figure with or without its unit, or None."""
    match = re.match(r"\d+(?:\.\d+)?", known(text) or "")
    return float(match[0]) if match else None


def whole(text: str | None) -> int | None:
    """A count, or None."""
    figure = number(text)
    return None if figure is None else int(figure)


def mebibytes(text: str | None) -> int | None:
    """`24576` or `24576MiB` in bytes, or None."""
    figure = number(text)
    return None if figure is None else int(figure * 1024 * 1024)
