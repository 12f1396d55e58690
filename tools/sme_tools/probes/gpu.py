"""NVIDIA GPUs as nvidia-smi shows them."""

from __future__ import annotations

from typing import Literal

from sme_tools.facts import Fact
from sme_tools.probes import gpu_reading as reading
from sme_tools.probes.registry import probe

GpuStatus = Literal[
    "ok", "driver-not-answering", "version-mismatch", "no-devices", "device-lost", "library-missing"
]


class Gpu(Fact):
    """One GPU. None stands for what the model or driver does not tell."""

    index: int
    uuid: str | None = None
    name: str
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    memory_used_percent: float | None = None
    utilization_percent: float | None = None
    temperature_celsius: float | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    performance_state: str | None = None
    """`P0` is the fastest, `P8` and beyond idle."""
    throttled_by: list[str]
    """`hw-thermal`, `sw-thermal`, `hw-slowdown`, `power-brake`, `power-cap`: why its clocks are
    held back now."""
    ecc_uncorrected: int | None = None
    """Uncorrected memory errors since the driver was loaded."""
    pages_pending: bool | None = None
    """Whether memory pages wait for a reset to be retired."""
    failed: bool
    """Whether nvidia-smi prints an error in place of its values."""


class GpuDevices(Fact):
    """The GPUs of a host, or why they can't be read."""

    status: GpuStatus
    message: str | None = None
    """What nvidia-smi says, if its status is not `ok`."""
    driver_version: str | None = None
    gpus: list[Gpu]
    missing: list[int]
    """Indexes that are left out in the sequence: a GPU that has dropped out."""
    unreadable: list[str]
    """Lines about a GPU that show an error, or that could not be read."""


_FIELDS = (
    "index,uuid,name,driver_version,memory.total,memory.used,utilization.gpu,temperature.gpu,"
    "power.draw,power.limit,pstate,clocks_throttle_reasons.active,"
    "ecc.errors.uncorrected.volatile.total"
)
_OLD_FIELDS = (
    "index,uuid,name,driver_version,memory.total,memory.used,utilization.gpu,temperature.gpu,"
    "power.draw,power.limit,pstate"
)

_BOUNDED = "t=; command -v timeout >/dev/null 2>&1 && t='timeout -k 1 8'\n"


@probe(
    "gpu.devices",
    level=1,
    tool="nvidia-smi",
    timeout_s=12,
    command=_BOUNDED
    + f"""\
answer=$($t nvidia-smi --query-gpu={_FIELDS} --format=csv,nounits 2>&1); code=$?
case "$answer" in *'not a valid field'*)
  answer=$($t nvidia-smi --query-gpu={_OLD_FIELDS} --format=csv,nounits 2>&1); code=$?;;
esac
[ -z "$t" ] || [ $code -ne 124 ] || answer="nvidia-smi did not answer within 8 s"
printf '%s\\n' "$answer"
exit 0
""",
    reads=(
        "nvidia-smi",
        "nvidia-smi -L",
        "nvidia-smi -q",
        "nvidia-smi --query-gpu=index --format=csv",
    ),
)
def devices(output: str) -> GpuDevices:
    """Each NVIDIA GPU's memory, load, heat and throttling; or why the driver does not answer.

    Reads the CSV, the table, `-L` and `-q`. Source: nvidia-smi(1).
    """
    found = reading.read(output)
    indexes = [int(gpu["index"]) for gpu in found.gpus]
    missing = sorted(set(range(max(indexes, default=-1) + 1)) - set(indexes))
    return GpuDevices(
        status=found.status,
        message=found.message,
        driver_version=found.driver_version,
        gpus=[_gpu(values) for values in found.gpus],
        missing=missing,
        unreadable=found.unreadable,
    )


def _gpu(values: dict[str, str]) -> Gpu:
    total, used = (reading.mebibytes(values.get(f"memory.{name}")) for name in ("total", "used"))
    retired = values.get("pages.pending", "")
    return Gpu(
        index=int(values["index"]),
        uuid=values.get("uuid"),
        name=values["name"],
        memory_total_bytes=total,
        memory_used_bytes=used,
        memory_used_percent=round(100 * used / total, 1) if used is not None and total else None,
        utilization_percent=reading.number(values.get("utilization.gpu")),
        temperature_celsius=reading.number(values.get("temperature.gpu")),
        power_watts=reading.number(values.get("power.draw")),
        power_limit_watts=reading.number(values.get("power.limit")),
        performance_state=reading.known(values.get("pstate")),
        throttled_by=reading.throttle_reasons(values.get("clocks_throttle_reasons.active", "")),
        ecc_uncorrected=reading.whole(values.get("ecc.errors.uncorrected.volatile.total")),
        pages_pending={"Yes": True, "No": False}.get(retired),
        failed=any("ERR!" in value or "Unknown Error" in value for value in values.values()),
    )


class GpuProcess(Fact):
    """A process that computes on a GPU."""

    pid: int
    name: str
    gpu_uuid: str | None = None
    memory_used_bytes: int | None = None
    """None where the driver does not tell, as inside a container."""


@probe(
    "gpu.processes",
    level=2,
    tool="nvidia-smi",
    timeout_s=12,
    command=_BOUNDED
    + """\
$t nvidia-smi --query-compute-apps=gpu_uuid,pid,process_name,used_memory --format=csv,nounits
""",
    reads=("nvidia-smi --query-compute-apps=gpu_uuid,pid,process_name,used_memory --format=csv",),
)
def processes(output: str) -> list[GpuProcess]:
    """The processes that compute on NVIDIA GPUs, with their memory. Source: nvidia-smi(1)."""
    return [
        GpuProcess(
            pid=int(row["pid"]),
            name=row["process_name"],
            gpu_uuid=reading.known(row.get("gpu_uuid")),
            memory_used_bytes=reading.mebibytes(
                row.get("used_memory") or row.get("used_gpu_memory")
            ),
        )
        for row in reading.csv_rows("gpu.processes", output, "pid")
    ]
