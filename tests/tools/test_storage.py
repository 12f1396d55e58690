"""Storage and cluster: what can't be read is named, and thresholds leave no gap."""

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_tools.checks.check import shipped_checks
from sme_tools.checks.run import run_checks
from sme_tools.errors import ProbeError
from sme_tools.facts import Facts
from sme_tools.probes.registry import find_probe, probes_that_read

CHECKS = [check for check in shipped_checks() if check.id.split(".")[0] in ("storage", "cluster")]


def findings(**values):
    facts = Facts.from_document(values, "test")
    return [(finding.check, finding.severity) for finding in run_checks(CHECKS, facts).findings]


def read(probe, text):
    return find_probe(probe).read(text)


@pytest.mark.parametrize(
    ("probe", "text", "named"),
    [
        (
            "storage.filesystems",
            "Filesystem 1K-blocks Used Available Use% Mounted on\nsda 0\n",
            "sda 0",
        ),
        ("storage.filesystems", "Filesystem 1x-blocks Used Mounted on\n", "1x-blocks"),
        ("storage.mounts", "/dev/sda1 /boot type ext4 (rw)\n", "/dev/sda1 /boot"),
        ("storage.fstab", "/dev/sda1 /boot\n", "/dev/sda1 /boot"),
        ("storage.block_devices", "lsblk: command not found\n", "command not found"),
        ("storage.md_arrays", "md0 : exploded\n", "md0 : exploded"),
        ("storage.zfs_pools", "bash: zpool: command not found\n", "command not found"),
        ("storage.lvm", "bash: vgs: command not found\n", "command not found"),
        ("storage.smart", "Permission denied\n", "Permission denied"),
        ("storage.disk_io", "Device r/s w/s\nsda 1.0\n", "sda 1.0"),
        ("cluster.ceph_osds", "Error connecting to cluster\n", "Error connecting"),
        ("cluster.pacemaker", "bash: pcs: command not found\n", "command not found"),
    ],
)
def test_unreadable_output_is_an_error_that_shows_the_line(probe, text, named):
    with pytest.raises(ProbeError, match=named.replace("|", r"\|")):
        read(probe, text)


@given(used=st.floats(0, 105), left=st.integers(0, 2**44))
def test_a_filesystem_stands_on_exactly_one_step_of_the_ladder(used, left):
    steps = findings(
        storage={"filesystems": [{"mount": "/", "used_percent": used, "available_bytes": left}]}
    )
    assert len(steps) == (1 if used >= 80 else 0)


@given(used=st.floats(0, 100))
def test_a_pool_stands_on_exactly_one_step_of_the_ladder(used):
    steps = findings(
        storage={"zfs_pools": [{"name": "tank", "used_percent": used, "free_bytes": 1}]}
    )
    assert len(steps) == (1 if used >= 80 else 0)


def test_snap_images_devfs_and_firmware_variables_are_never_full():
    text = """\
Filesystem     1K-blocks  Used Available Use% Mounted on
/dev/loop1         64256 64256         0 100% /snap/core20/2318
efivarfs             128   122         2  99% /sys/firmware/efi/efivars
udev              977500     0    977500   0% /dev
/dev/sr0          868352 868352        0 100% /media/cdrom
"""
    assert read("storage.filesystems", text) == []


def test_a_full_tmpfs_is_full():
    text = """\
Filesystem     Type  1024-blocks Used Available Capacity Mounted on
tmpfs          tmpfs        4096 4096         0     100% /srv/scratch
"""
    (scratch,) = read("storage.filesystems", text)
    assert findings(storage={"filesystems": [scratch.model_dump(exclude_none=True)]}) == [
        ("storage.filesystem-full", "critical")
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tmpfs on /srv/x type tmpfs (ro,relatime,size=1024k)", "storage.mounted-read-only"),
        ("/dev/sdb1 on /srv type xfs (ro,relatime)", "storage.mounted-read-only"),
        ("/dev/sda2 on / type ext4 (ro,relatime,errors=remount-ro)", "storage.remounted-read-only"),
        ("/dev/loop3 on /snap/lxd/1 type squashfs (ro,nodev)", None),
        ("/dev/sr0 on /media/cdrom type iso9660 (ro,nosuid)", None),
        ("tmpfs on /sys/fs/cgroup type tmpfs (ro,nosuid,mode=755)", None),
        ("proc on /proc/sys type proc (ro,nosuid)", None),
        ("/dev/sda2 on /etc/resolv.conf type ext4 (ro,relatime)", None),
        ("ramfs on /run/credentials/x.service type ramfs (ro,nosuid)", None),
        ("tmpfs on /home type tmpfs (ro,nosuid,size=4k,mode=755)", None),
        ("/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)", None),
        ("nas:/isos on /mnt/isos type nfs4 (ro,relatime)", None),
    ],
)
def test_read_only_is_a_finding_only_where_it_is_not_meant(line, expected):
    mounts = [mount.model_dump(exclude_none=True) for mount in read("storage.mounts", line)]
    found = [check for check, _ in findings(storage={"mounts": mounts})]
    assert found == ([expected] if expected else [])


def test_a_dead_network_mount_costs_three_seconds_and_not_its_neighbour(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text("nas:/dead /mnt/dead nfs4 rw 0 0\nnas:/ok / nfs4 rw 0 0\n")
    df = tmp_path / "df"
    df.write_text(
        '#!/bin/sh\ncase "$*" in */mnt/dead) exec sleep 30 ;; esac\n'
        'echo "nas:/ok 1000 500 500 50% /"\n'
    )
    df.chmod(0o755)
    command = find_probe("storage.network_mounts").command.replace("/proc/mounts", str(mounts))
    ran = subprocess.run(
        ["/bin/sh", "-c", command],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=8,
        check=True,
    )
    by_mount = {mount.mount: mount for mount in read("storage.network_mounts", ran.stdout)}
    assert not by_mount["/mnt/dead"].answers
    assert by_mount["/"].used_percent == 50


@pytest.mark.parametrize(
    "command",
    [
        *("df", "df -h", "df -hT", "df -al", "df -i", "mount", "lsblk", "lsblk -f", "findmnt"),
        *("zpool status", "zpool status -v", "zpool list", "zpool iostat -v", "zfs list"),
        *("cat /proc/mdstat", "mdadm --detail", "mdadm --examine", "vgs", "pvs", "lvs", "lvs -a"),
        *("smartctl -a", "multipath -ll", "iostat", "iostat -x", "cat /proc/diskstats"),
        *("ceph -s", "ceph osd tree", "pcs status", "crm_mon -1", "gluster volume status"),
        *("cat /etc/fstab", "cat /proc/mounts", "btrfs device stats", "du -sh *", "blkid"),
    ],
)
def test_what_people_record_finds_its_probe(command):
    assert list(probes_that_read(command))
