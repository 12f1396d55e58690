"""ZFS datasets: which of them should be mounted and are not, and which are out of space."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import optional_size, with_options


class ZfsDataset(Fact):
    """One filesystem or volume of a pool."""

    name: str
    used_bytes: int
    available_bytes: int | None = None
    """What is left for it: of the pool, or of its quota."""
    mount: str | None = None
    """Where it belongs; None of volumes and of those that have no place or a legacy one."""
    can_mount: str | None = None
    """on, off, noauto"""
    mounted: bool | None = None


@probe(
    "storage.zfs_datasets",
    level=2,
    tool="zfs",
    command="zfs list -H -p -t filesystem -o name,used,available,mountpoint,canmount,mounted",
    reads=with_options(
        "zfs",
        "list|list -t filesystem|list -r|list -p|list -t all",
    ),
)
def zfs_datasets(output: str) -> list[ZfsDataset]:
    """The ZFS filesystems with their place and space. Source: zfs-list(8)."""
    datasets = []
    for line in output.splitlines():
        if not line.strip() or re.match(r"NAME\s+USED|no datasets available", line):
            continue
        fields = line.split("\t") if "\t" in line else re.split(r"\s+", line.strip(), maxsplit=4)
        if len(fields) not in (5, 6):
            raise ProbeError("storage.zfs_datasets", "not a dataset", line=line)
        if "@" in fields[0]:
            continue
        # zfs list of people has REFER before the mount point and nothing after it.
        mount, can_mount, mounted = fields[3:6] if len(fields) == 6 else (fields[4], None, None)
        datasets.append(
            ZfsDataset(
                name=fields[0],
                used_bytes=optional_size(fields[1]) or 0,
                available_bytes=optional_size(fields[2]),
                mount=mount if mount.startswith("/") else None,
                can_mount=can_mount,
                mounted={"yes": True, "no": False}.get(mounted or ""),
            )
        )
    return datasets
