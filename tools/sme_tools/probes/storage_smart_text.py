"""The text of smartctl, read into the fields of its JSON form."""

from __future__ import annotations

import re
from typing import Any

_FIELD = re.compile(r"^([A-Z][\w /()%+.-]*?):\s+(\S.*?)\s*$", re.MULTILINE)
_ATTRIBUTE = re.compile(
    r"^\s*(?P<id>\d{1,3}) (?P<name>[\w/ -]+?)\s+(?:0x[0-9a-f]{4}|[POSRCK-]{6})"
    r"\s+(?P<value>\d{3}|---)\s+(?P<worst>\d{3}|---)\s+(?P<threshold>\d{3}|---)\s+(?:\S+\s+\S+\s+)?(?P<failed>-|\S*FAIL\S*|"
    r"In_the_past|Past|NOW)\s+(?P<raw>\d+)",
    re.MULTILINE,
)
_SELF_TEST = re.compile(r"^# ?1\s+\S+(?: \S+)*?\s{2,}(\S.*?)\s{2,}", re.MULTILINE)
_SCSI_COUNTERS = re.compile(r"^(read|write|verify):((?:\s+[\d.]+){7})\s*$", re.MULTILINE)
_COUNT = re.compile(r"^\D*?([\d,.\s]+)")


def smart_text_as_json(text: str) -> dict[str, Any]:
    """One disk's report as the JSON form names its fields, as far as the text states them.

    Source: smartctl(8); the layout of smartmontools 5.4 to 7.4.
    """
    fields = dict(_FIELD.findall(text))
    report: dict[str, Any] = {
        "device": {"name": _device(text, fields), "protocol": _protocol(text)},
        "smartctl": {
            "messages": [
                {"string": m} for m in re.findall(r"^(?:Smartctl|Read Device) .*", text, re.M)
            ]
        },
    }
    model = fields.get("Device Model") or fields.get("Model Number") or fields.get("Product")
    if model:
        report["model_name"] = model
    verdict = re.search(r"self-assessment test result: (\w+)|SMART Health Status: (.+)", text)
    if verdict:
        report["smart_status"] = {"passed": (verdict[1] or verdict[2]).strip() in ("PASSED", "OK")}
    if table := [_attribute(row) for row in _ATTRIBUTE.finditer(text)]:
        report["ata_smart_attributes"] = {"table": table}
        _from_attributes(report, table)
    if test := _SELF_TEST.search(text):
        passed = not re.search(r"failure|failed|fatal", test[1], re.IGNORECASE)
        report["ata_smart_self_test_log"] = {
            "standard": {"table": [{"status": {"passed": passed}}]}
        }
    if "NVMe Log" in text or "Critical Warning" in fields:
        report["nvme_smart_health_information_log"] = _nvme(fields)
    _scsi(report, text, fields)
    return report


def _device(text: str, fields: dict[str, str]) -> str:
    """smartctl's text does not name the device: its serial number must do."""
    named = re.search(r"^(/dev/\S+?):?\s*$", text, re.MULTILINE)
    serial = fields.get("Serial Number") or fields.get("Serial number")
    return named[1] if named else serial or fields.get("Device Model", "disk")


def _protocol(text: str) -> str | None:
    if "NVMe" in text:
        return "NVMe"
    if re.search(r"^(Transport protocol|Vendor):", text, re.MULTILINE):
        return "SCSI"
    return "ATA" if re.search(r"^(ATA Version|Device Model)", text, re.MULTILINE) else None


def _attribute(row: re.Match[str]) -> dict[str, Any]:
    return {
        "id": int(row["id"]),
        "name": row["name"].strip(),
        "value": _number(row["value"]),
        "when_failed": "now" if row["failed"] in ("FAILING_NOW", "NOW") else "",
        "raw": {"value": int(row["raw"])},
    }


def _from_attributes(report: dict[str, Any], table: list[dict[str, Any]]) -> None:
    raw = {row["id"]: row["raw"]["value"] for row in table}
    if 9 in raw:
        report["power_on_time"] = {"hours": raw[9]}
    if temperature := raw.get(194, raw.get(190)):
        report["temperature"] = {"current": temperature & 0xFF}


def _nvme(fields: dict[str, str]) -> dict[str, Any]:
    named = {
        "temperature": "Temperature",
        "available_spare": "Available Spare",
        "available_spare_threshold": "Available Spare Threshold",
        "percentage_used": "Percentage Used",
        "media_errors": "Media and Data Integrity Errors",
        "power_on_hours": "Power On Hours",
    }
    log: dict[str, Any] = {
        name: _number(fields[title]) for name, title in named.items() if title in fields
    }
    log["critical_warning"] = int(fields.get("Critical Warning", "0x00"), 16)
    return log


def _scsi(report: dict[str, Any], text: str, fields: dict[str, str]) -> None:
    counters = {
        match[1]: {"total_uncorrected_errors": int(float(match[2].split()[-1]))}
        for match in _SCSI_COUNTERS.finditer(text)
    }
    if counters:
        report["scsi_error_counter_log"] = counters
    if "Elements in grown defect list" in fields:
        report["scsi_grown_defect_list"] = _number(fields["Elements in grown defect list"])
    if "Current Drive Temperature" in fields:
        report["temperature"] = {"current": _number(fields["Current Drive Temperature"])}


def _number(text: str) -> int:
    """The whole number a value begins with: "1,234", "35 Celsius", "0%"; 0 of "---"."""
    match = _COUNT.match(text)
    digits = re.sub(r"\D", "", match[1]) if match else ""
    return int(digits or 0)
