"""SMART: what the disks say of themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import json_documents, with_options
from sme_tools.probes.storage_smart_text import smart_text_as_json


class SmartDisk(Fact):
    """One disk's health. A figure that its kind does not keep is left out."""

    device: str
    model: str = "unknown model"
    protocol: str | None = None
    """ATA, SCSI, NVMe"""
    passed: bool | None = None
    """The disk's own overall verdict; a disk can fail for months and still pass."""
    temperature_celsius: float | None = None
    power_on_hours: int | None = None
    reallocated_sectors: int | None = None
    pending_sectors: int | None = None
    """Sectors that could not be read and wait to be rewritten or remapped."""
    uncorrectable_sectors: int | None = None
    interface_crc_errors: int | None = None
    """A bad cable or connector rather than a bad disk; counts for life."""
    failing_attributes: tuple[str, ...] = ()
    """Attributes below their threshold now."""
    self_test_failed: bool | None = None
    """Whether the latest self-test ended with an error."""
    wear_percent: float | None = None
    """Share of an SSD's rated writes that is used up; can exceed 100."""
    spare_percent: float | None = None
    spare_threshold_percent: float | None = None
    media_errors: int | None = None
    """Of NVMe: reads or writes that could not be recovered."""
    critical_warnings: tuple[str, ...] = ()
    """Of NVMe: what the controller warns of now."""
    grown_defects: int | None = None
    """Of SCSI."""
    uncorrected_errors: int | None = None
    """Of SCSI: reads, writes and verifications that failed for good."""
    problem: str | None = None
    """Why the disk could not be asked."""


@probe(
    "storage.smart",
    level=2,
    tool="smartctl",
    needs_root=True,
    timeout_s=20,
    # Only RAID controllers need the type that the scan names; "-d scsi" would hide ATA attributes.
    # -n standby leaves a sleeping disk asleep. Before 7.0 there is no -j, and the text names no
    # device: its name is printed below it.
    command="""\
[ "$(id -u)" = 0 ] || exit 77
smartctl --scan | while read -r device option type rest; do
  case $type in
  megaraid*|cciss*|areca*|3ware*|aacraid*|hpt*|sssraid*|usb*|sat+*) set -- -d "$type" ;;
  *) set -- ;;
  esac
  smartctl -n standby -j -a "$@" "$device" 2>&1 || [ $? -ne 1 ] \\
    || { smartctl -n standby -a "$@" "$device"; echo "$device:"; }
done
:""",
    reads=with_options(
        "smartctl",
        "|-a|-x|-H|-i -H|-j -a|-A|--all|-j -x|-a -j|--xall|-iA|-HA|--health|-x -j"
        "|--all --json|-a /dev/sda|-a /dev/sdb|-a /dev/sdc|-a /dev/nvme0"
        "|-a /dev/nvme0n1|-a /dev/ada0|-x /dev/sda|-x /dev/sdb|-x /dev/sdc"
        "|-x /dev/nvme0|-x /dev/nvme0n1|-x /dev/ada0|-H /dev/sda|-H /dev/sdb"
        "|-H /dev/sdc|-H /dev/nvme0|-H /dev/nvme0n1|-H /dev/ada0|-A /dev/sda"
        "|-A /dev/sdb|-A /dev/sdc|-A /dev/nvme0|-A /dev/nvme0n1|-A /dev/ada0"
        "|-j -a /dev/sda|-j -a /dev/sdb|-j -a /dev/sdc|-j -a /dev/nvme0"
        "|-j -a /dev/nvme0n1|-j -a /dev/ada0|-a -j /dev/sda|-a -j /dev/sdb"
        "|-a -j /dev/sdc|-a -j /dev/nvme0|-a -j /dev/nvme0n1|-a -j /dev/ada0"
        "|--all /dev/sda|--all /dev/sdb|--all /dev/sdc|--all /dev/nvme0"
        "|--all /dev/nvme0n1|--all /dev/ada0|-a -d megaraid,0 /dev/sda"
        "|-a -d sat /dev/sda",
    ),
)
def smart(output: str) -> list[SmartDisk]:
    """Each disk's SMART health, errors and wear. Source: smartctl(8)."""
    disks = []
    for report in _reports(output):
        argv = report.get("smartctl", {}).get("argv") or ["disk"]
        device = report.get("device", {}).get("name") or argv[-1]
        messages = report.get("smartctl", {}).get("messages", [])
        if "smart_status" not in report and not _figures(report):
            problem = "; ".join(message["string"] for message in messages)
            if problem and "STANDBY" not in problem.upper():
                disks.append(SmartDisk(device=device, problem=problem))
            continue
        facts = {
            "device": device,
            "model": report.get("model_name") or report.get("scsi_model_name") or "unknown model",
            "protocol": report.get("device", {}).get("protocol"),
            "passed": report.get("smart_status", {}).get("passed"),
            "temperature_celsius": report.get("temperature", {}).get("current"),
            "power_on_hours": report.get("power_on_time", {}).get("hours"),
        }
        disks.append(SmartDisk.model_validate(facts | _ata(report) | _nvme(report) | _scsi(report)))
    return disks


def _reports(output: str) -> Iterator[dict[str, Any]]:
    found = False
    if '"json_format_version"' in output:
        yield from (document for document in json_documents(output) if "smartctl" in document)
        found = True
    for part in re.split(r"(?=^smartctl \d)", output, flags=re.MULTILINE):
        if part.startswith("smartctl "):
            yield smart_text_as_json(part)
            found = True
    if not found and output.strip():
        raise ProbeError(
            "storage.smart", "no report of smartctl", line=output.strip().split("\n")[0]
        )


def _figures(report: dict[str, Any]) -> bool:
    return any(
        name in report
        for name in (
            "ata_smart_attributes",
            "nvme_smart_health_information_log",
            "scsi_error_counter_log",
            "scsi_grown_defect_list",
        )
    )


def _ata(report: dict[str, Any]) -> dict[str, Any]:
    table = report.get("ata_smart_attributes", {}).get("table", [])
    raw = {row["id"]: int(row["raw"]["value"]) & 0xFFFFFFFF for row in table}
    log = report.get("ata_smart_self_test_log", {})
    tests = (log.get("extended") or log.get("standard") or {}).get("table", [])
    return {
        "reallocated_sectors": raw.get(5),
        "pending_sectors": raw.get(197),
        "uncorrectable_sectors": raw.get(198),
        "interface_crc_errors": raw.get(199),
        "failing_attributes": tuple(
            row["name"] for row in table if row.get("when_failed") == "now"
        ),
        "self_test_failed": not tests[0]["status"].get("passed", True) if tests else None,
        "wear_percent": _ata_wear(table),
    }


def _ata_wear(table: list[dict[str, Any]]) -> float | None:
    """Of the attributes that count an SSD's life down from 100. Source: smartmontools drivedb."""
    for row in table:
        if re.search(
            r"wear_leveling|media_wearout|life_left|lifetime_remain|life_remaining",
            row["name"],
            re.I,
        ):
            value = row.get("value", 0)
            return float(100 - value) if 0 < value <= 100 else None
    return None


_NVME_WARNINGS = (
    "available spare below its threshold",
    "temperature outside its limits",
    "reliability degraded by media errors",
    "read-only",
    "backup of volatile memory failed",
    "persistent memory read-only",
)
"""The bits of Critical Warning. Source: NVM Express base specification, SMART / Health log."""


def _nvme(report: dict[str, Any]) -> dict[str, Any]:
    log = report.get("nvme_smart_health_information_log")
    if not log:
        return {}
    bits = log.get("critical_warning", 0)
    return {
        "wear_percent": log.get("percentage_used"),
        "spare_percent": log.get("available_spare"),
        "spare_threshold_percent": log.get("available_spare_threshold"),
        "media_errors": log.get("media_errors"),
        "critical_warnings": tuple(
            text for bit, text in enumerate(_NVME_WARNINGS) if bits & (1 << bit)
        ),
        "temperature_celsius": log.get("temperature"),
        "power_on_hours": log.get("power_on_hours"),
    }


def _scsi(report: dict[str, Any]) -> dict[str, Any]:
    counters = report.get("scsi_error_counter_log")
    facts: dict[str, Any] = {}
    if counters:
        facts["uncorrected_errors"] = sum(
            kind.get("total_uncorrected_errors", 0) for kind in counters.values()
        )
    if "scsi_grown_defect_list" in report:
        facts["grown_defects"] = report["scsi_grown_defect_list"]
    return facts
