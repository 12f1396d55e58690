"""What network cards have agreed on with the other end of the cable."""

from __future__ import annotations

import re
from typing import Literal

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe

PROBE = "network.links"


class Link(Fact):
    """The physical link of one interface."""

    interface: str
    link: bool | None = None
    """Whether the other end answers; None where the driver does not tell."""
    speed_mbps: int | None = None
    duplex: Literal["full", "half"] | None = None
    best_mbps: int | None = None
    """The fastest mode that this card supports."""


@probe(
    PROBE,
    level=3,
    tool="ethtool",
    command="""\
for device in /sys/class/net/*/device; do
  [ -e "$device" ] || continue
  name=${device%/device}; ethtool "${name##*/}" 2>/dev/null
done
exit 0""",
    reads=("ethtool",),
)
def links(output: str) -> list[Link]:
    """Speed, duplex and link of each network card. Source: ethtool(8)."""
    parts = re.split(r"^Settings for (\S+?):\s*$", output, flags=re.MULTILINE)
    if len(parts) == 1 and output.strip():
        raise ProbeError(PROBE, "no settings of an interface", line=output.strip().split("\n")[0])
    return [_link(name, text) for name, text in zip(parts[1::2], parts[2::2], strict=True)]


def _link(name: str, text: str) -> Link:
    speed = re.search(r"^\s*Speed: (\d+)Mb/s", text, re.MULTILINE)
    duplex = re.search(r"^\s*Duplex: (Full|Half)", text, re.MULTILINE)
    linked = re.search(r"^\s*Link detected: (yes|no)", text, re.MULTILINE)
    modes = re.search(r"^\s*Supported link modes:(.*?)^\s*Support", text, re.M | re.DOTALL)
    supported = re.findall(r"\b(\d+)base", modes[1]) if modes else []
    half = duplex is not None and duplex[1] == "Half"
    return Link(
        interface=name,
        link=linked[1] == "yes" if linked else None,
        speed_mbps=int(speed[1]) if speed else None,
        duplex=None if duplex is None else "half" if half else "full",
        best_mbps=max(map(int, supported), default=None),
    )
