"""Temperatures of processor, board and disks."""

from __future__ import annotations

import re

from sme_tools.facts import Fact
from sme_tools.probes.registry import probe


class TemperatureSensor(Fact):
    """One temperature that the hardware reports."""

    sensor: str
    celsius: float
    high_celsius: float | None
    critical_celsius: float | None
    """Where the hardware protects itself: it throttles or switches off."""


@probe(
    "system.temperature",
    level=2,
    command="""found=
for chip in /sys/class/hwmon/hwmon[0-9]*; do
  read -r name 2>/dev/null <"$chip/name" || continue
  for input in "$chip"/temp[0-9]*_input; do
    read -r now 2>/dev/null <"$input" || continue
    found=1 base=${input%_input} label= max= crit=
    read -r label 2>/dev/null <"${base}_label" || label=${base##*/}
    read -r max 2>/dev/null <"${base}_max"
    read -r crit 2>/dev/null <"${base}_crit"
    echo "$name $label|$now|$max|$crit"
  done
done
[ "$found" ] || for zone in /sys/class/thermal/thermal_zone[0-9]*; do
  read -r now 2>/dev/null <"$zone/temp" || continue
  read -r name <"$zone/type"; found=1 crit=
  for point in "$zone"/trip_point_*_type; do
    read -r kind 2>/dev/null <"$point" && [ "$kind" = critical ] &&
      read -r crit <"${point%_type}_temp"
  done
  echo "$name|$now||$crit"
done
[ "$found" ] || exit 127""",
    reads=("sensors",),
)
def temperature(output: str) -> list[TemperatureSensor]:
    """Temperatures of processor, board and disks. Source: kernel docs hwmon/sysfs-interface."""
    found = []
    if re.search(r"^Adapter: ", output, re.MULTILINE):
        output = _sensors(output)
    for line in output.splitlines():
        name, now, high, critical = line.split("|")
        celsius = int(now) / 1000
        if 0 < celsius < 150:  # an unconnected sensor reads as 0, -128 or 255
            found.append(
                TemperatureSensor(
                    sensor=name,
                    celsius=round(celsius, 1),
                    high_celsius=_threshold(high),
                    critical_celsius=_threshold(critical),
                )
            )
    return found


def _sensors(output: str) -> str:
    """The text of sensors(1) in the probe's own form."""
    rows = []
    chip = ""
    for line in output.splitlines():
        if re.fullmatch(r"[\w.-]+-[\w-]+", line.strip()) and not line.startswith(" "):
            chip = line.rsplit("-", 2)[0]
        elif now := re.match(r"([^:]+):\s+([+-]\d+(?:\.\d+)?)\W{0,3}C\b", line):
            high = re.search(r"\bhigh\s*=\s*([+-]\d+(?:\.\d+)?)", line)
            limit = re.search(r"\bcrit\s*=\s*([+-]\d+(?:\.\d+)?)", line)
            thousandths = [
                str(round(float(text) * 1000)) if text else ""
                for text in (now[2], high and high[1], limit and limit[1])
            ]
            rows.append("|".join((f"{chip} {now[1]}", *thousandths)))
    return "\n".join(rows)


def _threshold(text: str) -> float | None:
    """A limit in °C; boards without one give 0, 65261 or less than nothing."""
    celsius = int(text or 0) / 1000
    return round(celsius, 1) if 30 <= celsius <= 150 else None
