"""Linux software RAID: what the kernel says of the arrays, and what mdadm says."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import percent, with_options


class MdArray(Fact):
    """One array, as the kernel sees it."""

    name: str
    """md0"""
    active: bool
    container: bool
    """Only holds the metadata of a firmware RAID (IMSM, DDF); always inactive, and rightly so."""
    read_only: bool
    level: str | None = None
    devices_wanted: int | None = None
    """None of levels without redundancy."""
    devices_missing: int
    """Slots with no working device."""
    failed_devices: tuple[str, ...]
    spare_devices: tuple[str, ...]
    slots: str | None = None
    """One letter a slot: U works, _ does not."""
    action: str | None = None
    """resync, recovery, check, reshape: what runs or waits now."""
    action_percent: float | None = None
    action_waits: bool = False
    """The action is PENDING or DELAYED."""


@probe(
    "storage.md_arrays",
    level=1,
    command="[ -r /proc/mdstat ] || exit 127; cat /proc/mdstat",
    reads=(
        *with_options(
            "cat",
            "/proc/mdstat|mdstat|proc/mdstat",
        ),
        "mdstat",
        "/proc/mdstat",
    ),
)
def md_arrays(output: str) -> list[MdArray]:
    """The software RAID arrays and their missing devices. Source: md(4), /proc/mdstat."""
    if output.strip() and not re.search(r"^(Personalities|unused devices|md)", output, re.M):
        raise ProbeError("storage.md_arrays", "not mdstat", line=output.strip().split("\n")[0])
    return [_array(block) for block in _blocks(output)]


def _blocks(output: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in output.splitlines():
        if re.match(r"^md\w*\s*:", line):
            if block:
                yield block
            block = [line]
        elif re.match(r"^(Personalities|unused|read_ahead|Event)", line):
            continue
        elif block and line.strip():
            block.append(line)
    if block:
        yield block


_HEAD = re.compile(
    r"^(?P<name>md\w*)\s*:\s*(?P<state>active|inactive)\s*(?P<flags>(?:\((?:auto-)?read-only\)\s*)*)"
    r"(?:(?P<level>linear|raid\d+|multipath|faulty|container)\s+)?(?P<devices>.*)$"
)
_DEVICE = re.compile(r"(\S+?)\[(\d+)\]((?:\([A-Z]\))*)")
_SLOTS = re.compile(r"\[(\d+)/(\d+)\]\s*\[([U_.]+)\]")
_ACTION = re.compile(
    r"(?P<action>resync|recovery|check|reshape|repair)\s*=\s*"
    r"(?:(?P<percent>\d+(?:\.\d+)?)%|(?P<waits>PENDING|DELAYED|REMOTE))"
)


def _array(block: list[str]) -> MdArray:
    head = _HEAD.match(block[0])
    if not head:
        raise ProbeError("storage.md_arrays", "not an array", line=block[0])
    text = "\n".join(block)
    devices = _DEVICE.findall(head["devices"])
    slots = _SLOTS.search(text)
    missing = 0
    if slots:
        missing = max(int(slots[1]) - int(slots[2]), slots[3].count("_") + slots[3].count("."))
    action = _ACTION.search(text)
    return MdArray(
        name=head["name"],
        active=head["state"] == "active",
        container="super external:" in text and not slots,
        # auto-read-only only means that nothing has been written yet.
        read_only=bool(re.search(r"\(read-only\)", head["flags"])),
        level=head["level"],
        devices_wanted=int(slots[1]) if slots else None,
        devices_missing=missing,
        failed_devices=tuple(name for name, _, flags in devices if "(F)" in flags),
        spare_devices=tuple(name for name, _, flags in devices if "(S)" in flags),
        slots=slots[3] if slots else None,
        action=action["action"] if action else None,
        action_percent=percent(action["percent"]) if action and action["percent"] else None,
        action_waits=bool(action and action["waits"]),
    )


class MdMemberState(Fact):
    """One device of an array."""

    device: str | None = None
    """None of a slot whose device was removed."""
    slot: int | None = None
    state: str
    """`active sync`, `spare rebuilding`, `faulty`, `removed`."""


class MdDetail(Fact):
    """One array, as mdadm sees it."""

    array: str
    """/dev/md0"""
    level: str | None = None
    state: str | None = None
    """`clean, degraded, recovering`"""
    container: bool
    degraded: bool
    """Lacks a working device, whether or not it is being rebuilt."""
    inactive: bool
    raid_devices: int | None = None
    active_devices: int | None = None
    failed_devices: int | None = None
    spare_devices: int | None = None
    action: str | None = None
    """Rebuild, Resync, Reshape, Check."""
    action_percent: float | None = None
    uuid: str | None = None
    faulty: tuple[str, ...]
    """Devices that the array has thrown out."""
    members: tuple[MdMemberState, ...]


@probe(
    "storage.md_details",
    level=2,
    tool="mdadm",
    needs_root=True,
    command="""\
[ -r /proc/mdstat ] || exit 127
for name in $(sed -n 's/^\\(md[^ ]*\\) *:.*/\\1/p' /proc/mdstat); do
  mdadm --detail "/dev/$name" || exit
done""",
    reads=with_options(
        "mdadm",
        "--detail|-D|--misc --detail|-Q --detail|--detail /dev/md0|--detail /dev/md1"
        "|--detail /dev/md2|--detail /dev/md126|--detail /dev/md127|-D /dev/md0"
        "|-D /dev/md1|-D /dev/md2|-D /dev/md126|-D /dev/md127|--detail /dev/md*"
        "|-D /dev/md*|--detail /dev/md/*|--query --detail|-QD|-Q -D",
    ),
)
def md_details(output: str) -> list[MdDetail]:
    """Each software RAID array with its members, as mdadm --detail tells. Source: mdadm(8)."""
    parts = re.split(r"^(/dev/\S+):\s*$", output, flags=re.MULTILINE)
    if len(parts) == 1 and output.strip() and not output.lstrip().startswith("mdadm:"):
        raise ProbeError("storage.md_details", "no array", line=output.strip().split("\n")[0])
    return [_detail(*pair) for pair in zip(parts[1::2], parts[2::2], strict=True)]


_MEMBER = re.compile(r"^\s*(?:\d+|-)\s+\d+\s+\d+\s+(\d+|-)(?:\s+(\S.*?))?\s*$")


def _detail(array: str, text: str) -> MdDetail:
    fields: dict[str, str] = {}
    members = []
    for line in text.splitlines():
        if member := _MEMBER.match(line):
            members.append(_member(member[1], member[2] or ""))
        elif named := re.match(r"^\s*([A-Z][\w ]*?)\s*:\s+(.*?)\s*$", line):
            fields.setdefault(named[1], named[2])
    state = fields.get("State")
    action = next((k for k in fields if k.endswith(" Status")), None)
    wanted, active = _count(fields, "Raid Devices"), _count(fields, "Active Devices")
    words = set(re.split(r"[,\s]+", state or ""))
    gaps = any(member.state.startswith("removed") for member in members)
    return MdDetail(
        array=array,
        level=fields.get("Raid Level"),
        state=state,
        container=fields.get("Raid Level") == "container",
        degraded=bool(words & {"degraded", "FAILED"})
        or (wanted is not None and active is not None and active < wanted)
        or gaps,
        inactive="inactive" in words or "Not" in words,
        raid_devices=wanted,
        active_devices=active,
        failed_devices=_count(fields, "Failed Devices"),
        spare_devices=_count(fields, "Spare Devices"),
        action=action.removesuffix(" Status") if action else None,
        action_percent=percent(fields[action].split("%")[0]) if action else None,
        uuid=fields.get("UUID", "").split(" ")[0] or None,
        faulty=tuple(m.device or "?" for m in members if m.state.startswith("faulty")),
        members=tuple(members),
    )


def _member(slot: str, rest: str) -> MdMemberState:
    words = rest.split()
    device = words.pop() if words and words[-1].startswith("/") else None
    return MdMemberState(
        device=device, slot=None if slot == "-" else int(slot), state=" ".join(words) or "member"
    )


def _count(fields: dict[str, str], name: str) -> int | None:
    value = fields.get(name, "").split(" ")[0]
    return int(value) if value.isdigit() else None
