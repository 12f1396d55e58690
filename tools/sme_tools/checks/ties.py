"""What belongs together on a host: which mount a path is on, which disk a device is made of.

Conditions may call these: `on_mount(path, mount)`, `on_disk(device, disk)`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from sme_tools.facts import Facts

_PARTITION = re.compile(r"(?<=\d)p\d+$|(?<=[a-z])\d+$")
"""The number of a partition: nvme0n1p2, sda1."""


def ties(facts: Facts) -> Mapping[str, Callable[..., bool]]:
    """The functions for one host's facts, by name."""
    mounts = _mounts(facts)
    parents = _parents(facts)

    def on_mount(path: str, mount: str) -> bool:
        """Whether the path is on the filesystem that is, or should be, mounted there.

        The mount of a container, `SOURCE:DESTINATION`, is where its source is.
        """
        path = path.split(":/")[0]
        if not _below(path, mount):
            return False
        return not any(_below(path, m) and len(m) > len(mount) for m in mounts)

    def on_disk(device: str, disk: str) -> bool:
        """Whether the device is that disk or made of it; a device nobody lists may be."""
        one, other = _plain(device), _plain(disk)
        if other in _ancestry(one, parents) or one in _ancestry(other, parents):
            return True
        return bool(parents) and not (one in parents and other in parents)

    return {"on_mount": on_mount, "on_disk": on_disk}


def _mounts(facts: Facts) -> set[str]:
    listed = [*(facts.get("storage.filesystems") or []), *(facts.get("storage.mounts") or [])]
    return {item["mount"] for item in listed if "mount" in item}


def _parents(facts: Facts) -> dict[str, set[str]]:
    """What each block device is made of, by name."""
    found: dict[str, set[str]] = defaultdict(set)
    for device in facts.get("storage.block_devices") or []:
        found[device["name"]] |= set(device.get("parents") or ())
    return dict(found)


def _ancestry(name: str, parents: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = {name}
    while waiting:
        one = waiting.pop()
        if one in reached:
            continue
        reached |= {one, _PARTITION.sub("", one)} if one not in parents else {one}
        waiting |= parents.get(one, set())
    return reached


def _plain(device: str) -> str:
    """`/dev/mapper/pve-root` and `pve-root` are one; so are nvme0 and nvme0n1."""
    name = device.removeprefix("/dev/").removeprefix("mapper/")
    return f"{name}n1" if re.fullmatch(r"nvme\d+", name) else name


def _below(path: Any, mount: Any) -> bool:  # noqa: ANN401 - what a condition hands over
    if not isinstance(path, str) or not isinstance(mount, str):
        return False
    return path == mount or path.startswith(mount.rstrip("/") + "/")
