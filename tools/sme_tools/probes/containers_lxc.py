"""Guests of a Proxmox VE host: LXC containers and virtual machines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe

LXC = "containers.lxc"
VMS = "containers.vms"


class LxcGuest(Fact):
    """One LXC container of this node."""

    id: int
    name: str
    status: str
    """`running` or `stopped`."""
    lock: str | None = None
    """What Proxmox is doing with it, or was when it broke off: `backup`, `snapshot`, `migrate`."""
    starts_at_boot: bool | None = None
    unprivileged: bool | None = None
    nesting: bool | None = None
    """Whether containers may run inside (Docker in LXC needs it)."""
    gpu_devices: list[str] | None = None
    """GPU device nodes that the configuration hands in."""
    gpu_blocked: bool = False
    """A GPU's device nodes are mounted in, but no rule lets the container open them."""


class Vm(Fact):
    """One virtual machine of this node."""

    id: int
    name: str
    status: str
    memory_mib: int | None = None
    lock: str | None = None
    starts_at_boot: bool | None = None
    pci_passthrough: list[str] | None = None


# Of the configurations only these keys are printed: descriptions and hook scripts stay there.
_KEYS = "unprivileged|features|onboot|lock|hostpci[0-9]+|dev[0-9]+|lxc\\.cgroup2?\\.devices\\.allow"
_KEYS += "|lxc\\.mount\\.entry|lxc\\.apparmor\\.profile"
_CONFIG = (
    "for file in /etc/pve/%s/*.conf; do\n"
    '  [ -r "$file" ] || continue\n'
    '  echo "== $(basename "$file" .conf)"\n'
    f"  sed -n '/^\\[/q;p' \"$file\" | grep -E '^({_KEYS}) *[:=]'\n"
    "done; :"
)


@probe(
    LXC,
    level=1,
    tool="pct",
    needs_root=True,
    command="pct list || exit 1\n" + _CONFIG % "lxc",
    reads=("pct list",),
)
def lxc(output: str) -> list[LxcGuest]:
    """Each LXC container of a Proxmox node: state, lock, GPU pass-through. Source: pct(1)."""
    listed, configs = _split(output)
    found = []
    for words in _rows(listed, "VMID", LXC):
        if len(words) < 3:
            raise ProbeError(LXC, "unknown form of row", line=" ".join(words))
        config = configs.get(words[0])
        devices = _gpu_devices(config) if config else []
        mounted = bool(config) and any("lxc.mount.entry" in line for line in devices)
        found.append(
            LxcGuest(
                id=int(words[0]),
                name=words[-1],
                status=words[1],
                lock=words[2] if len(words) > 3 else None,
                starts_at_boot=_says(config, r"^onboot: *1"),
                unprivileged=_says(config, r"^unprivileged: *1"),
                nesting=_says(config, r"^features:.*nesting=1"),
                gpu_devices=[_device(line) for line in devices] if config is not None else None,
                gpu_blocked=mounted and not _allows_devices(config or "", devices),
            )
        )
    return found


@probe(
    VMS,
    level=1,
    tool="qm",
    needs_root=True,
    command="qm list || exit 1\n" + _CONFIG % "qemu-server",
    reads=("qm list",),
)
def vms(output: str) -> list[Vm]:
    """Each virtual machine of a Proxmox node: state, lock, pass-through. Source: qm(1)."""
    listed, configs = _split(output)
    found = []
    for words in _rows(listed, "VMID", VMS):
        # Names of machines hold no blanks: VMID NAME STATUS MEM BOOTDISK PID.
        if len(words) < 4:
            raise ProbeError(VMS, "unknown form of row", line=" ".join(words))
        config = configs.get(words[0])
        lock = re.search(r"^lock: *(\S+)", config or "", re.MULTILINE)
        passed = re.findall(r"^hostpci\d+: *(?:host=)?([^,\s]+)", config or "", re.MULTILINE)
        found.append(
            Vm(
                id=int(words[0]),
                name=words[1],
                status=words[2],
                memory_mib=int(words[3]) if words[3].isdigit() else None,
                lock=lock[1] if lock else None,
                starts_at_boot=_says(config, r"^onboot: *1"),
                pci_passthrough=passed if config is not None else None,
            )
        )
    return found


def _split(output: str) -> tuple[str, dict[str, str]]:
    parts = re.split(r"^== (\d+)\n", output, flags=re.MULTILINE)
    return parts[0], dict(zip(parts[1::2], parts[2::2], strict=True))


def _rows(listed: str, heading: str, id: str) -> Iterator[list[str]]:
    """The rows below the heading. A node without guests prints nothing at all."""
    lines = [line for line in listed.splitlines() if line.strip()]
    if lines and lines[0].split()[0] != heading:
        raise ProbeError(id, line=lines[0])
    for line in lines[1:]:
        words = line.split()
        if not words[0].isdigit():
            raise ProbeError(id, "a row without a number", line=line)
        yield words


def _says(config: str | None, pattern: str) -> bool | None:
    return None if config is None else re.search(pattern, config, re.MULTILINE) is not None


def _gpu_devices(config: str) -> list[str]:
    """The lines that hand a GPU's nodes in, by `dev0:` or by lxc.mount.entry."""
    return re.findall(
        r"^((?:dev\d+: *|lxc\.mount\.entry *[:=] *)/?dev/(?:nvidia|dri|kfd)\S*)",
        config,
        re.MULTILINE,
    )


def _device(line: str) -> str:
    return "/" + re.split(r"[:=] *", line, maxsplit=1)[1].lstrip("/").split(",")[0]


_MAJORS = {"nvidia": ("195", "50", "51"), "dri": ("226",), "kfd": ("23", "24", "50", "51")}


def _allows_devices(config: str, lines: list[str]) -> bool:
    """Whether some rule opens the device nodes that are mounted: `c 195:* rwm`, or everything.

    nvidia-uvm and kfd get their major number at boot, so any rule for characters counts for them.
    """
    rules = re.findall(r"^lxc\.cgroup2?\.devices\.allow *[:=] *(.*)$", config, re.MULTILINE)
    if any(rule.strip() in ("a", "c *:* rwm", "c *:* rw") for rule in rules):
        return True
    for line in lines:
        if "lxc.mount.entry" in line:
            kind = re.search(r"nvidia|dri|kfd", line)
            majors = _MAJORS[kind[0]] if kind else ()
            if kind and kind[0] != "dri":
                return bool(rules)
            if not any(re.match(rf"c {major}:", rule) for rule in rules for major in majors):
                return False
    return True
