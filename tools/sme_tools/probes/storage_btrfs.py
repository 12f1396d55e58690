"""Btrfs: errors that its devices have given."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import with_options


class BtrfsDevice(Fact):
    """One device of a Btrfs filesystem, and its errors since the counters were last reset."""

    device: str
    write_errors: int = 0
    read_errors: int = 0
    flush_errors: int = 0
    corruption_errors: int = 0
    generation_errors: int = 0
    errors: int = 0
    """All of them."""


@probe(
    "storage.btrfs_devices",
    level=2,
    tool="btrfs",
    needs_root=True,
    command="""\
grep -q ' btrfs ' /proc/mounts || exit 127
[ "$(id -u)" = 0 ] || exit 77
awk '$3 == "btrfs" && !seen[$1]++ {print $2}' /proc/mounts |
while read -r mount; do btrfs device stats "$(printf '%b' "$mount")"; done
:""",
    reads=with_options(
        "btrfs",
        "device stats|device stats /|dev stats|device stats -c /|dev stats /"
        "|device stats -c|device stats -s",
    ),
)
def btrfs_devices(output: str) -> list[BtrfsDevice]:
    """Write, read, flush, corruption and generation errors. Source: btrfs-device(8)."""
    found: dict[str, dict[str, int]] = {}
    for line in output.splitlines():
        if not line.strip() or line.startswith("WARNING"):
            continue
        match = re.match(r"^\[(.+)\]\.(\w+?)_(?:io_)?err(?:or)?s?\s+(\d+)\s*$", line)
        if not match:
            raise ProbeError("storage.btrfs_devices", "not an error counter", line=line)
        found.setdefault(match[1], {})[f"{match[2]}_errors"] = int(match[3])
    return [
        BtrfsDevice.model_validate({"device": device, "errors": sum(counts.values()), **counts})
        for device, counts in found.items()
    ]
