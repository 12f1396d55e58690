"""Which filesystem types hold data, and which only look like filesystems."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from sme_tools.probes.storage_reading import size_bytes

PSEUDO_TYPES = frozenset(
    [
        "autofs",
        "binder",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "cpuset",
        "ctfs",
        "debugfs",
        "devfs",
        "devpts",
        "devtmpfs",
        "efivarfs",
        "fdescfs",
        "fuse.gvfsd-fuse",
        "fuse.lxcfs",
        "fuse.portal",
        "fuse.snapfuse",
        "fusectl",
        "functionfs",
        "hugetlbfs",
        "linprocfs",
        "linsysfs",
        "mntfs",
        "mqueue",
        "nfsd",
        "none",
        "nsfs",
        "nullfs",
        "objfs",
        "openpromfs",
        "pipefs",
        "proc",
        "procfs",
        "pstore",
        "ramfs",
        "resctrl",
        "rootfs",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "sharefs",
        "smackfs",
        "sockfs",
        "spufs",
        "sysfs",
        "tracefs",
        "usbfs",
        "usbdevfs",
        "vfat.efivars",
        "xenfs",
    ]
)
"""Windows into the kernel: nothing is stored there, so nothing can fill up or be lost."""

IMAGE_TYPES = frozenset(
    [
        "squashfs",
        "iso9660",
        "udf",
        "erofs",
        "cramfs",
        "romfs",
        "cd9660",
        "hsfs",
        "fuse.squashfuse",
        "fuse.squashfuse_ll",
    ]
)
"""Read-only images: always full and never writable, by nature."""

MEMORY_TYPES = frozenset(["tmpfs", "zramfs", "mfs", "swap"])

NETWORK_TYPES = frozenset(
    [
        "9p",
        "acfs",
        "afpfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gfs2",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs3",
        "nfs4",
        "ocfs2",
        "orangefs",
        "smb2",
        "smb3",
        "smbfs",
        "webdav",
        "davfs",
        "fuse.davfs2",
        "virtiofs",
    ]
)

_SOURCE_TYPES = (
    (re.compile(r"^(map\b|systemd-1$|auto)"), "autofs"),
    (re.compile(r"^/dev/(sr|scd|cd|dvd)\d*"), "iso9660"),
    (re.compile(r"^(udev|dev)$"), "devtmpfs"),
    (re.compile(r"^shm$"), "tmpfs"),
    (re.compile(r"^overlay(fs)?(:|$)"), "overlay"),
    (re.compile(r"\.AppImage$"), "fuse.squashfuse"),
)


def type_from_source(source: str, mount: str) -> str | None:
    """The type that a source's name gives away where the output does not state it."""
    if source.startswith("/dev/loop") and re.match(r"^/(var/lib/snapd/)?snap/", mount):
        return "squashfs"
    if mount == "/rom":  # OpenWrt
        return "squashfs"
    if source in PSEUDO_TYPES or source in MEMORY_TYPES:
        return source
    return next((fstype for form, fstype in _SOURCE_TYPES if form.search(source)), None)


Kind = Literal["data", "memory", "network", "overlay", "image", "pseudo"]


def kind_of(fstype: str, source: str, mount: str) -> Kind:
    """What a mounted filesystem is for."""
    if fstype in PSEUDO_TYPES or re.match(r"/(proc|sys)(/|$)", mount):
        return "pseudo"
    if fstype in IMAGE_TYPES:
        return "image"
    if fstype in NETWORK_TYPES or re.match(r"//|[^/]+:/", source):
        return "network"
    if fstype in ("overlay", "overlayfs", "aufs", "unionfs", "fuse.fuse-overlayfs"):
        return "overlay"
    return "memory" if fstype in MEMORY_TYPES else "data"


_READ_ONLY_PLACES = re.compile(
    r"^/(boot|efi|etc|dev|gnu|lib/modules|lib/firmware|nix|oem|ostree|rom|snap|sysroot|usr)(/|$)"
    r"|^/run/(credentials|flatpak|host|secrets|systemd|user/\d+/doc)(/|$)"
    r"|^/run/\.containerenv$"
    r"|^/var/lib/(containers|docker|flatpak|kubelet|lxcfs|machines|snapd|waydroid)/"
    r"|^/var/snap/|^/var/run/secrets(/|$)|^/mnt/wsl|/\.zfs/snapshot/"
)
"""Where image-based systems (ostree, NixOS, OpenWrt, dm-verity), systemd's sandboxes and container
runtimes mount read-only on purpose."""

_MASK_BYTES = 64 * 1024
"""systemd and container runtimes hide a path under an empty read-only tmpfs of a page or so."""


def is_read_only_by_design(
    kind: Kind, fstype: str, source: str, mount: str, options: Sequence[str]
) -> bool:
    """Whether a filesystem of this kind at this place is read-only by design."""
    if kind in ("image", "pseudo", "overlay", "network"):
        return True
    if fstype in ("apfs", "hfs") or (fstype == "zfs" and "@" in source):
        return True  # a sealed system volume, a disk image, a snapshot
    if source.startswith("/dev/loop") and mount != "/":
        return True  # an image file; only a container's root lies on one to be written
    sizes = [option[5:] for option in options if option.startswith("size=")]
    if kind == "memory" and sizes and _tmpfs_bytes(sizes[-1]) <= _MASK_BYTES:
        return True
    return bool(_READ_ONLY_PLACES.search(mount))


def _tmpfs_bytes(size: str) -> float:
    try:
        return size_bytes(size)
    except ValueError:
        return float("inf")  # "50%" of memory
