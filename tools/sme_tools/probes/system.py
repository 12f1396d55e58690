"""The machine itself: what runs on it, since when, how busy, and whether it waits for a reboot."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.system_text import key_values, sections, span_s

_ARCHITECTURE = re.compile(
    r"(x86_64|amd64|i[3-6]86|aarch64|arm64|arm(v\w+)?|ppc(64)?(le)?|powerpc\w*|s390x?|riscv64|mips\w*"
    r"|loongarch64|sparc64|ia64|alpha)\Z"
)


class OperatingSystem(Fact):
    """What runs on the machine, and what the machine is."""

    kernel: str | None
    """Linux, FreeBSD, OpenBSD, Darwin, …"""
    kernel_release: str | None
    architecture: str | None
    hostname: str | None
    id: str | None
    """As in os-release(5): debian, ubuntu, alpine, rhel, …; `macos` on a Mac."""
    version: str | None
    name: str | None
    support_ends_at: datetime | None
    """Stated by some distributions only."""
    form: Literal["container", "vm", "bare-metal"] | None
    virtualization: str | None
    """By the names of systemd-detect-virt(1): lxc, docker, kvm, vmware, …"""


_VIRTUALIZATION = r"""echo @virtualization
systemd-detect-virt 2>/dev/null
echo @hints
[ -e /.dockerenv ] && echo container=docker
[ -e /run/.containerenv ] && echo container=podman
[ -d /proc/vz ] && [ ! -d /proc/bc ] && echo container=openvz
[ -r /run/systemd/container ] && echo "container=$(cat /run/systemd/container)"
{ tr '\0' '\n' </proc/1/environ | grep '^container='; } 2>/dev/null
for file in sys_vendor product_name; do
  [ -r /sys/class/dmi/id/$file ] && echo "$file=$(cat /sys/class/dmi/id/$file)"
done
grep -q '^flags.* hypervisor' /proc/cpuinfo 2>/dev/null && echo hypervisor=yes
[ -r /proc/cpuinfo ] || sysctl kern.vm_guest security.jail.jailed 2>/dev/null
:"""


@probe(
    "system.os",
    level=1,
    command=f"uname -a\ncat /etc/os-release 2>/dev/null || cat /usr/lib/os-release 2>/dev/null\n"
    f"sw_vers 2>/dev/null\n{_VIRTUALIZATION}",
    reads=("uname", "uname -a", "cat /etc/os-release", "cat /usr/lib/os-release", "sw_vers"),
)
def os(output: str) -> OperatingSystem:
    """Operating system, kernel, architecture, and whether it is a container, a VM or bare metal."""
    parts = sections(output)
    uname, release = _uname(parts[""]), key_values(parts[""])
    apple = key_values(parts[""], ":")
    if not uname and "ID" not in release and "ProductVersion" not in apple:
        raise ProbeError("system.os", line=next(iter(parts[""]), ""))
    form, virtualization = _virtualization(parts)
    mac = "ProductVersion" in apple
    ends = release.get("SUPPORT_END")
    return OperatingSystem(
        kernel=uname.get("kernel", "Darwin" if mac else None),
        kernel_release=uname.get("release"),
        architecture=uname.get("architecture"),
        hostname=uname.get("hostname"),
        id="macos" if mac else release.get("ID"),
        version=apple.get("ProductVersion") if mac else release.get("VERSION_ID"),
        name=f"{apple.get('ProductName', 'macOS')} {apple['ProductVersion']}"
        if mac
        else release.get("PRETTY_NAME"),
        support_ends_at=datetime.fromisoformat(ends).replace(tzinfo=UTC) if ends else None,
        form=form,
        virtualization=virtualization,
    )


def _uname(lines: list[str]) -> dict[str, str]:
    for line in lines:
        words = line.split()
        if words in (
            ["Linux"],
            ["Darwin"],
            ["FreeBSD"],
            ["OpenBSD"],
            ["NetBSD"],
            ["SunOS"],
            ["AIX"],
        ):
            return {"kernel": words[0]}
        if len(words) >= 4 and "=" not in words[0] and ":" not in words[0]:
            known = [word for word in words[3:] if _ARCHITECTURE.match(word)]
            found = {"kernel": words[0], "hostname": words[1], "release": words[2]}
            return {**found, "architecture": known[0]} if known else found
    return {}


_PRODUCTS = {
    "kvm": "kvm",
    "qemu": "kvm",
    "vmware": "vmware",
    "virtualbox": "oracle",
    "innotek": "oracle",
    "xen": "xen",
    "microsoft corporation virtual machine": "microsoft",
    "amazon ec2": "amazon",
    "google compute engine": "google",
    "parallels": "parallels",
    "bhyve": "bhyve",
}
_CONTAINERS = {
    "lxc", "lxc-libvirt", "docker", "podman", "openvz", "systemd-nspawn", "rkt", "wsl", "proot",
    "pouch", "container-other", "oci", "jail",
}  # fmt: skip


def _virtualization(
    parts: dict[str, list[str]],
) -> tuple[Literal["container", "vm", "bare-metal"] | None, str | None]:
    if "hints" not in parts:
        return None, None
    hints = {**key_values(parts["hints"]), **key_values(parts["hints"], ":")}
    detected = next((line.strip() for line in parts["virtualization"] if line.strip()), "")
    if hints.get("security.jail.jailed") == "1":
        return "container", "jail"
    container = detected if detected in _CONTAINERS else hints.get("container")
    if container:
        return "container", container
    if detected and detected != "none":
        return "vm", detected
    product = f"{hints.get('sys_vendor', '')} {hints.get('product_name', '')}".lower()
    for name, technology in _PRODUCTS.items():
        if name in product:
            return "vm", technology
    guest = hints.get("kern.vm_guest", "none")
    if guest != "none" or "hypervisor" in hints:
        return "vm", guest if guest != "none" else None
    return "bare-metal", None


class Uptime(Fact):
    """Since when the machine runs, and who is on it."""

    uptime_s: float
    users: int | None
    load_1m: float | None
    load_5m: float | None
    load_15m: float | None


_UP = re.compile(r"\bup\s+(?P<span>.*?)(?:,\s*(?P<users>\d+)\s+users?)?(?:,\s*load aver|\s*\Z)")
_LOADS = re.compile(r"load averages?:\s*([\d.,]+),?\s+([\d.,]+),?\s+([\d.,]+)")
_HOURS = re.compile(r"\b(\d+):(\d\d)\b")


@probe(
    "system.uptime",
    level=1,
    command="uptime",
    tool="uptime",
    reads=("uptime -p", "w", "cat /proc/uptime"),
)
def uptime(output: str) -> Uptime:
    """How long the machine has been up, with the load that uptime(1) shows."""
    line = next((line for line in output.splitlines() if line.strip()), "")
    if re.fullmatch(r"\d+\.\d+ \d+\.\d+", line.strip()):
        seconds, users = float(line.split()[0]), None
    else:
        match = _UP.search(line)
        if not match:
            raise ProbeError("system.uptime", line=line)
        seconds, users = _uptime_s(match["span"]), match["users"]
    loads = _LOADS.search(line)
    texts = loads.groups() if loads else ()
    figures = [float(text.rstrip(",").replace(",", ".")) for text in texts]
    return Uptime(
        uptime_s=seconds,
        users=int(users) if users else None,
        load_1m=figures[0] if figures else None,
        load_5m=figures[1] if figures else None,
        load_15m=figures[2] if figures else None,
    )


def _uptime_s(span: str) -> float:
    """`2 days, 19:32`, `5:55`, `40 days, 3 min`, `1 day(s), 2 hrs`, `54 secs` in seconds."""
    hours = _HOURS.search(span)
    rest = _HOURS.sub("", span).replace("(s)", "s").strip(" ,")
    clock = int(hours[1]) * 3600 + int(hours[2]) * 60 if hours else 0
    return clock + (span_s(rest) if rest else 0)


class Load(Fact):
    """How many tasks want to run (on Linux: or wait for disk), averaged."""

    load_1m: float
    load_5m: float
    load_15m: float
    runnable: int | None
    tasks: int | None
    """All threads the kernel schedules."""
    cpus: int | None
    """The processors this load is spread over: the host's, where a container sees its load."""
    load_5m_per_cpu: float | None


@probe(
    "system.load",
    level=1,
    command="""cat /proc/loadavg 2>/dev/null || sysctl -n vm.loadavg || exit 127
dir=/sys/devices/system/cpu
if grep -q ' /proc/loadavg ' /proc/mounts 2>/dev/null; then echo @cpus; nproc
elif grep -q " $dir" /proc/mounts 2>/dev/null; then echo @cpu_list; cat $dir/present
elif [ -r $dir/online ]; then echo @cpu_list; cat $dir/online
else echo @cpus; nproc 2>/dev/null || getconf _NPROCESSORS_ONLN || sysctl -n hw.ncpu; fi""",
    reads=("cat /proc/loadavg", "sysctl -n vm.loadavg"),
)
def load(output: str) -> Load:
    """Load averages against the number of processors. Source: proc_loadavg(5)."""
    parts = sections(output)
    line = next((line for line in parts[""] if line.strip()), "")
    words = line.replace("{", "").replace("}", "").split()
    if len(words) < 3:
        raise ProbeError("system.load", line=line)
    one, five, fifteen = (float(word) for word in words[:3])
    runnable, _, tasks = words[3].partition("/") if len(words) > 3 else ("", "", "")
    cpus = _cpus(parts)
    return Load(
        load_1m=one,
        load_5m=five,
        load_15m=fifteen,
        runnable=int(runnable) if runnable else None,
        tasks=int(tasks) if tasks else None,
        cpus=cpus,
        load_5m_per_cpu=round(five / cpus, 2) if cpus else None,
    )


def _cpus(parts: dict[str, list[str]]) -> int | None:
    if parts.get("cpus"):
        return int(parts["cpus"][0])
    if parts.get("cpu_list"):
        return len_cpu_list(parts["cpu_list"][0])
    return None


def len_cpu_list(text: str) -> int:
    """How many processors `0-3,8` names: 5."""
    spans = [span.partition("-") for span in text.strip().split(",")]
    return sum(int(last or first) - int(first) + 1 for first, _, last in spans)
