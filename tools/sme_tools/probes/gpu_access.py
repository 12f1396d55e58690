"""Whether the way to a GPU is open: kernel modules, device nodes, runtimes, containers."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe

_VENDORS = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}


class PciGpu(Fact):
    """A display or 3D controller on the PCI bus."""

    address: str
    vendor: str
    """nvidia, amd, intel; the hexadecimal id of any other."""
    device_id: str
    driver: str | None = None
    """The kernel driver bound to it, such as nvidia, nouveau, amdgpu, vfio-pci."""


class GpuDeviceNodes(Fact):
    """What stands between a GPU and the programs that want it."""

    gpus: list[PciGpu]
    nodes: list[str]
    """`/dev/nvidia0`, `/dev/nvidiactl`, `/dev/nvidia-uvm`, `/dev/dri/renderD128`, `/dev/kfd`."""
    modules: list[str]
    """Kernel modules of GPUs that are loaded."""
    nvidia_driver_gpus: int
    """How many GPUs the loaded NVIDIA driver manages."""
    in_container: bool
    wanted_by: list[str]
    """Programs on this host that use a GPU: nvidia-smi, ollama, …"""


@probe(
    "gpu.device_nodes",
    level=1,
    command="""\
[ -d /sys/bus/pci/devices ] || [ -d /proc/driver/nvidia ] || exit 127
for device in /sys/bus/pci/devices/*; do
  [ -r "$device/class" ] || continue
  read -r class <"$device/class"
  case $class in 0x03*) ;; *) continue;; esac
  read -r vendor <"$device/vendor"; read -r id <"$device/device"
  driver=$(readlink "$device/driver"); echo "pci ${device##*/} $vendor $id ${driver##*/}"
done
for node in /dev/nvidia[0-9]* /dev/nvidiactl /dev/nvidia-uvm /dev/dri/renderD* /dev/kfd; do
  [ -c "$node" ] && echo "node $node"
done
for module in nvidia nvidia_uvm nouveau amdgpu radeon i915 xe; do
  [ -d /sys/module/$module ] && echo "module $module"
done
for gpu in /proc/driver/nvidia/gpus/*; do [ -d "$gpu" ] && echo "driver ${gpu##*/}"; done
if [ -e /.dockerenv ] || [ -e /run/.containerenv ] ||
  { tr '\\0' '\\n' </proc/1/environ | grep -q '^container='; } 2>/dev/null
then echo container; fi
for program in nvidia-smi ollama nvidia-container-runtime vllm rocm-smi; do
  command -v $program >/dev/null 2>&1 && echo "wants $program"
done
exit 0
""",
)
def device_nodes(output: str) -> GpuDeviceNodes | None:
    """GPUs on the PCI bus, their kernel drivers, and the device nodes through which they are used.

    None where there is no trace of a GPU. Sources: sysfs, /proc/driver/nvidia.
    """
    found: dict[str, list[str]] = {}
    for line in output.splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind not in ("pci", "node", "module", "driver", "container", "wants", ""):
            raise ProbeError("gpu.device_nodes", line=line)
        found.setdefault(kind, []).append(rest)
    gpus = [_pci_gpu(line) for line in found.get("pci", [])]
    traces = any(name in found for name in ("node", "module", "driver"))
    if not traces and not any(gpu.vendor in _VENDORS.values() for gpu in gpus):
        return None
    return GpuDeviceNodes(
        gpus=gpus,
        nodes=found.get("node", []),
        modules=found.get("module", []),
        nvidia_driver_gpus=len(found.get("driver", [])),
        in_container="container" in found,
        wanted_by=found.get("wants", []),
    )


def _pci_gpu(line: str) -> PciGpu:
    match = re.fullmatch(r"(\S+) (0x[0-9a-f]{4}) 0x([0-9a-f]{4}) ?(\S*)", line.strip())
    if not match:
        raise ProbeError("gpu.device_nodes", line=line)
    return PciGpu(
        address=match[1],
        vendor=_VENDORS.get(match[2], match[2]),
        device_id=match[3],
        driver=match[4] or None,
    )


class ContainerToolkit(Fact):
    """What the container engines of a host can do with NVIDIA GPUs."""

    engines: list[str]
    """docker, podman."""
    toolkit_version: str | None = None
    """Of the NVIDIA Container Toolkit; None if it is not installed."""
    runtimes: list[str]
    """Those that Docker knows."""
    default_runtime: str | None = None
    cdi_specs: list[str]
    """Files that describe GPUs by the Container Device Interface."""


@probe(
    "gpu.container_toolkit",
    level=2,
    command="""\
command -v docker >/dev/null 2>&1 || command -v podman >/dev/null 2>&1 || exit 127
for engine in docker podman; do
  command -v $engine >/dev/null 2>&1 && echo "engine $engine"
done
for tool in nvidia-ctk nvidia-container-cli nvidia-container-runtime; do
  if command -v $tool >/dev/null 2>&1; then
    echo "toolkit $($tool --version 2>/dev/null | head -n 1)"; break
  fi
done
docker info --format '{{range $name, $_ := .Runtimes}}runtime {{$name}}
{{end}}default {{.DefaultRuntime}}' 2>/dev/null
for spec in /etc/cdi/*.yaml /etc/cdi/*.json /var/run/cdi/*.yaml /var/run/cdi/*.json; do
  [ -e "$spec" ] && echo "cdi $spec"
done
exit 0
""",
)
def container_toolkit(output: str) -> ContainerToolkit:
    """Whether containers can be given NVIDIA GPUs: toolkit, Docker's runtimes, CDI.

    Source: NVIDIA Container Toolkit, docker info.
    """
    found: dict[str, list[str]] = {}
    for line in output.splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind not in ("engine", "toolkit", "runtime", "default", "cdi", ""):
            raise ProbeError("gpu.container_toolkit", line=line)
        found.setdefault(kind, []).append(rest)
    toolkit = found.get("toolkit")
    version = re.search(r"\d+(?:\.\d+)+\S*", toolkit[0]) if toolkit else None
    return ContainerToolkit(
        engines=found.get("engine", []),
        toolkit_version=(version[0] if version else "unknown") if toolkit else None,
        runtimes=found.get("runtime", []),
        default_runtime=found.get("default", [""])[0] or None,
        cdi_specs=found.get("cdi", []),
    )


class GpuContainer(Fact):
    """A running container and its access to GPUs."""

    name: str
    image: str
    wants_gpu: bool
    """Whether its image or settings are made for a GPU."""
    has_gpu: bool
    """Whether the engine gave it one."""
    privileged: bool
    runtime: str | None = None


_WANTS_GPU = re.compile(
    r"(?:^|/)ollama|vllm|text-generation-|comfyui|stable-diffusion|automatic1111|invokeai|tritonserver"
    r"|nvidia/cuda|nvcr\.io|[:/_-](?:cuda|gpu|nvidia|tensorrt|rocm)\b|cuda\d|sglang|exllama|koboldcpp",
    re.IGNORECASE,
)


@probe(
    "gpu.containers",
    level=2,
    tool="docker",
    command="""\
ids=$(docker ps -q 2>&1) || { case "$ids" in *'permission denied'*) exit 77;; *) exit 127;; esac; }
[ -n "$ids" ] || exit 0
docker inspect --format '{{.Name}}|{{.Config.Image}}|{{.HostConfig.Runtime}}\
|{{.HostConfig.Privileged}}|{{json .HostConfig.DeviceRequests}}\
|{{range .HostConfig.Devices}}{{.PathOnHost}} {{end}}\
|{{range .Config.Env}}{{if eq (printf "%.7s" .) "NVIDIA_"}}{{.}} {{end}}{{end}}' $ids
""",
    needs_root=True,
)
def containers(output: str) -> list[GpuContainer]:
    """Running containers: which are made for a GPU, and which were given one.

    Source: docker inspect.
    """
    return [_container(line) for line in output.splitlines() if line.strip()]


def _container(line: str) -> GpuContainer:
    parts = line.strip().split("|")
    if len(parts) != 7:
        raise ProbeError("gpu.containers", line=line)
    name, image, runtime, privileged, requests, devices, settings = parts
    visible = re.search(r"NVIDIA_VISIBLE_DEVICES=(\S+)", settings)
    asked = visible is not None and visible[1] not in ("void", "none")
    return GpuContainer(
        name=name.lstrip("/"),
        image=image,
        wants_gpu=bool(_WANTS_GPU.search(image)) or asked,
        has_gpu=(
            "gpu" in requests.lower()
            or bool(re.search(r"/dev/(?:nvidia|dri|kfd)", devices))
            or ("nvidia" in runtime and asked)
            or privileged == "true"
        ),
        privileged=privileged == "true",
        runtime=runtime or None,
    )
