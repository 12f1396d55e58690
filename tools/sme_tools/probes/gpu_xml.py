"""Reading `nvidia-smi -q -x`: XML, taken apart without a parser that resolves entities."""

from __future__ import annotations

import re

_PATHS = {
    "name": (r"product_name",),
    "uuid": (r"uuid",),
    "pstate": (r"performance_state",),
    "memory.total": (r"fb_memory_usage", r"total"),
    "memory.used": (r"fb_memory_usage", r"used"),
    "utilization.gpu": (r"utilization", r"gpu_util"),
    "temperature.gpu": (r"temperature", r"gpu_temp"),
    "power.draw": (r"(?:gpu_)?power_readings", r"(?:(?:instant|average)_)?power_draw"),
    "power.limit": (r"(?:gpu_)?power_readings", r"(?:current_)?power_limit"),
    "pages.pending": (r"retired_pages", r"pending_(?:retirement|blacklist)"),
    "ecc.errors.uncorrected.volatile.total": (r"volatile", r"dram_uncorrectable"),
}
"""Of each value the elements that lead to it, as regular expressions of their names."""

_REASONS = {
    "hw_thermal_slowdown": "hw-thermal",
    "sw_thermal_slowdown": "sw-thermal",
    "hw_slowdown": "hw-slowdown",
    "hw_power_brake_slowdown": "power-brake",
    "sw_power_cap": "power-cap",
}


def gpus_of_xml(text: str) -> tuple[str | None, list[dict[str, str]]]:
    """The driver's version, and each GPU's values by the names of `--query-gpu`."""
    version = _inner(text, r"driver_version")
    blocks = re.findall(r"<gpu id=\"[^\"]*\">(.*?)(?:</gpu>|\Z)", text, re.DOTALL)
    return version, [_values(block, number) for number, block in enumerate(blocks)]


def _values(block: str, number: int) -> dict[str, str]:
    values = {"index": str(number), "name": "GPU"}
    for name, path in _PATHS.items():
        inner: str | None = block
        for element in path:
            inner = _inner(inner, element) if inner is not None else None
        if inner is not None:
            values[name] = inner.strip()
    active = re.findall(r"<clocks_\w+_reason_(\w+)>Active</", block)
    reasons = [_REASONS[reason] for reason in active if reason in _REASONS]
    if reasons:
        values["clocks_throttle_reasons.active"] = " ".join(reasons)
    return values


def _inner(text: str, element: str) -> str | None:
    found = re.search(rf"<({element})>(.*?)</\1>", text, re.DOTALL)
    return found[2] if found else None
