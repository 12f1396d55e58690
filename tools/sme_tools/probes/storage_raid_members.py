"""What the superblocks on the disks say of the arrays they belong to."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import with_options


class MdMember(Fact):
    """One disk's RAID superblock: what its array looked like when this disk was last written."""

    device: str
    array_uuid: str | None = None
    array_name: str | None = None
    level: str | None = None
    state: str | None = None
    """clean, active"""
    role: str | None = None
    """`Active device 0`, `spare`, `Replacement device 1`"""
    raid_devices: int | None = None
    slots: str | None = None
    """One letter a slot: A active, . missing, R being replaced."""
    slots_missing: int
    failed_devices: int | None = None
    """Told by old superblocks (0.90) and by DDF containers."""
    events: str | None = None
    """A member with a lower count than its siblings was left behind."""
    checksum_correct: bool | None = None
    action: str | None = None
    """What was going on when it was written: `replacing`, `recovering`, `reshaping`."""
    bad_blocks: bool
    """The superblock's bad block log has entries: `Bad Blocks present`."""
    degraded_volumes: tuple[str, ...]
    """Volumes of a firmware RAID whose state is not optimal."""


@probe(
    "storage.md_members",
    level=2,
    tool="mdadm",
    needs_root=True,
    command="""\
command -v lsblk >/dev/null 2>&1 || exit 127
for device in $(lsblk -n -r -p -o NAME,FSTYPE \\
  | awk '$2 ~ /^(linux|isw|ddf)_raid_member$/ {print $1}' | sort -u); do
  mdadm --examine "$device" || exit
done""",
    reads=with_options(
        "mdadm",
        "--examine|-E|--misc --examine|--examine /dev/sd*|--examine /dev/sda"
        "|--examine /dev/sdb|--examine /dev/sda1|--examine /dev/sdb1|-E /dev/sda"
        "|-E /dev/sdb|-E /dev/sda1|-E /dev/sdb1|-E /dev/sd*|-E /dev/sd*1"
        "|--examine /dev/sd*1",
    ),
)
def md_members(output: str) -> list[MdMember]:
    """Each RAID member's superblock, as mdadm --examine tells. Source: mdadm(8)."""
    parts = re.split(r"^(/dev/\S+):\s*$", output, flags=re.MULTILINE)
    if "Total Devices : " in output and "Magic : " not in output:
        raise ProbeError("storage.md_members", "an array (mdadm --detail), not its members")
    if len(parts) == 1 and output.strip() and "No md superblock" not in output:
        raise ProbeError("storage.md_members", "no superblock", line=output.strip().split("\n")[0])
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return [_member(device, text) for device, text in pairs if "MBR Magic" not in text]


_FIELD = re.compile(r"^\s*([A-Za-z][\w ]*?(?:\[\d+\])?) : (.*?)\s*$", re.MULTILINE)
_OLD_ROW = re.compile(r"^\s*\d+\s+\d+\s+\d+\s+\d+\s+(\d+)\s+(\S.*)$", re.MULTILINE)


def _member(device: str, text: str) -> MdMember:
    fields = dict(_FIELD.findall(text))
    slots = fields.get("Array State", "").split(" ")[0] or None
    volumes = [
        f"volume {name[6:-1]}: {value}"
        for name, value in fields.items()
        if name.startswith("state[") and not value.startswith("Optimal")
    ]
    intel = fields.get("Map State", "normal")
    if not intel.startswith("normal"):
        volumes.append(f"map state: {intel}")
    gone = [state for _, state in _OLD_ROW.findall(text) if re.match(r"faulty|removed", state)]
    missing = slots.count(".") if slots else sum("removed" in state for state in gone)
    failed = fields.get("Failed Devices") or fields.get("Failed Disks", "")
    return MdMember(
        device=device,
        array_uuid=(fields.get("Array UUID") or fields.get("UUID", "").split(" ")[0]) or None,
        array_name=fields.get("Name", "").split(" ")[0] or None,
        level=fields.get("Raid Level"),
        state=fields.get("State"),
        role=fields.get("Device Role"),
        raid_devices=int(n) if (n := fields.get("Raid Devices", "")).isdigit() else None,
        slots=slots,
        slots_missing=missing,
        failed_devices=int(failed) if failed.isdigit() else None,
        events=fields.get("Events"),
        checksum_correct=fields["Checksum"].endswith("- correct") if "Checksum" in fields else None,
        action=_action(fields, slots),
        bad_blocks="bad blocks present" in fields.get("Bad Block Log", "").lower(),
        degraded_volumes=tuple(volumes),
    )


def _action(fields: dict[str, str], slots: str | None) -> str | None:
    if slots and "R" in slots:
        return "replacing"
    if "Recovery Offset" in fields:
        return "recovering"
    if "Reshape pos'n" in fields or "Delta Devices" in fields:
        return "reshaping"
    busy = re.search(r"recovering|resyncing|reshaping", fields.get("State", ""))
    return busy[0] if busy else None
