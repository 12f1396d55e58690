"""Docker containers."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.containers_compose import containers_of_compose, is_compose
from sme_tools.probes.containers_reading import (
    DOCKER,
    Container,
    Gpu,
    containers_of_table,
    status_fields,
)
from sme_tools.probes.registry import probe

PROBE = "containers.docker"
LOGS = "containers.docker_logs"

# Of the environment only one variable, by which CUDA images ask for a GPU, is ever printed: the
# others hold passwords. A health check's own output is left out for the same reason.
_INSPECT = (
    '{"name":{{json .Name}},"id":{{json .ID}},"image":{{json .Config.Image}},'
    '"state":{{json .State.Status}},"exit_code":{{json .State.ExitCode}},'
    '"oom_killed":{{json .State.OOMKilled}},"error":{{json .State.Error}},'
    '"started_at":{{json .State.StartedAt}},"finished_at":{{json .State.FinishedAt}},'
    '"health":{{if .State.Health}}{{json .State.Health.Status}}{{else}}null{{end}},'
    '"restart_count":{{json .RestartCount}},'
    '"restart_policy":{{json .HostConfig.RestartPolicy.Name}},'
    '"log_driver":{{json .HostConfig.LogConfig.Type}},'
    '"log_max_size":{{json (index .HostConfig.LogConfig.Config "max-size")}},'
    '"memory":{{json .HostConfig.Memory}},"privileged":{{json .HostConfig.Privileged}},'
    '"runtime":{{json .HostConfig.Runtime}},'
    '"devices":[{{range .HostConfig.Devices}}{{json .PathOnHost}},{{end}}null],'
    '"requests":[{{range .HostConfig.DeviceRequests}}{{json .Driver}},{{json .Capabilities}},'
    "{{json .DeviceIDs}},{{end}}null],"
    '"mounts":[{{range .Mounts}}{{json .Source}},{{json .Destination}},{{end}}null],'
    '"gpu_env":[{{range .Config.Env}}{{if eq (index (split . "=") 0) "NVIDIA_VISIBLE_DEVICES"}}'
    "{{json .}},{{end}}{{end}}null]}"
)

_COMMAND = f"""{DOCKER}\
ids=$(docker ps -aq --no-trunc 2>&1) || give_up "$ids"
gpus=$(ls -d /dev/nvidia[0-9] /dev/nvidiactl /dev/kfd 2>/dev/null)
printf '{{"now":%s,"count":%s,"gpu_nodes":"%s"}}\\n' "$(date +%s)" \\
  "$(printf '%s' "$ids" | grep -c .)" "$(echo $gpus)"
[ -z "$ids" ] || docker inspect --format '{_INSPECT}' $ids || :
"""


@probe(
    PROBE,
    level=1,
    tool="docker",
    needs_root=True,
    command=_COMMAND,
    timeout_s=20,
    reads=(
        "docker ps",
        "docker ps -a",
        "docker ps --all",
        "docker ps -a --no-trunc",
        "docker ps -as",
        "docker ps -a -s",
        "docker ps -a --size",
        "docker container ls",
        "docker container ls -a",
        "docker container ls --all",
        "docker container list -a",
        "docker ps -a --format json",
        "sudo docker ps -a",
        "sudo docker ps",
        "docker compose ps",
        "docker-compose ps",
    ),
)
def docker(output: str) -> list[Container]:
    """Each Docker container: state, exit code, restarts, health, limits, GPU access.

    Source: docker-ps(1), docker-inspect(1).
    """
    lines = [line for line in output.splitlines() if line.strip()]
    if not lines:
        return []
    if lines[0].startswith("{"):
        rows = [json.loads(line) for line in lines]
        if "now" in rows[0]:
            return _from_inspect(rows[0], rows[1:])
        return [_from_ps_json(row) for row in rows]
    if is_compose(lines):
        return containers_of_compose(lines, PROBE)
    heads = [n for n, line in enumerate(lines) if re.search(r"\b(CONTAINER ID|STATUS)\b", line)]
    if not heads:
        raise ProbeError(PROBE, "no heading such as CONTAINER ID … STATUS", line=lines[0])
    return containers_of_table(lines[heads[0] :], PROBE)


def _from_ps_json(row: dict[str, Any]) -> Container:
    return Container.model_validate(
        {
            "name": row["Names"].split(",")[0],
            "id": row["ID"][:12],
            "image": row["Image"],
            **status_fields(row["Status"], PROBE),
        }
    )


def _from_inspect(head: dict[str, Any], rows: list[dict[str, Any]]) -> list[Container]:
    if head["count"] and not rows:
        raise ProbeError(PROBE, f"{head['count']} containers, but none could be inspected")
    nodes = head["gpu_nodes"]
    return [_inspected(row, head["now"], nodes) for row in rows]


def _inspected(row: dict[str, Any], now: int, nodes: str) -> Container:
    state = row["state"]
    ran = not row["started_at"].startswith("0001-")
    gpu = _gpu(row)
    return Container.model_validate(
        {
            "name": row["name"].lstrip("/"),
            "id": row["id"][:12],
            "image": row["image"],
            "state": state,
            "exit_code": row["exit_code"] if _has_ended(row) else None,
            "oom_killed": row["oom_killed"],
            "error": row["error"] or None,
            "health": row["health"]
            if row["health"] in ("healthy", "unhealthy", "starting")
            else None,
            "restart_count": row["restart_count"],
            "restart_policy": row["restart_policy"] or "no",
            "running_s": _since(row["started_at"], now) if state in ("running", "paused") else None,
            "exited_ago_s": _since(row["finished_at"], now) if state == "exited" and ran else None,
            "log_driver": row["log_driver"] or None,
            "log_max_size": row["log_max_size"] or None,
            "memory_limit_bytes": row["memory"] or None,
            "privileged": row["privileged"],
            "gpu": gpu,
            "lacks_gpu": gpu == "none" and _wants_gpu(row, nodes),
            "mounts": [":".join(pair) for pair in zip(*[iter(row["mounts"])] * 2, strict=False)],
        }
    )


def _has_ended(row: dict[str, Any]) -> bool:
    """A container that could not be started has an exit code too, given by the engine."""
    return row["state"] in ("exited", "restarting", "dead") or bool(row["error"])


def _since(stamp: str, now: int) -> int | None:
    """Seconds from a time such as `2026-11-20T10:07:19.577799820Z`; None for year 1."""
    if stamp.startswith("0001-"):
        return None
    cut = re.sub(r"\.\d+", "", stamp).replace("Z", "+00:00")
    return max(0, now - int(datetime.fromisoformat(cut).timestamp()))


def _gpu(row: dict[str, Any]) -> Gpu:
    """Which GPU was handed in: --gpus, --runtime nvidia, --device, CDI, or everything."""
    devices = " ".join(device or "" for device in row["devices"])
    requests = json.dumps(row["requests"])
    asked = [entry.partition("=")[2] for entry in row["gpu_env"] if entry]
    shown = bool(asked) and asked[0] not in ("", "void", "none")
    if "gpu" in requests or "nvidia" in requests or "/dev/nvidia" in devices:
        return "nvidia"
    if row["runtime"] == "nvidia" and shown:
        return "nvidia"
    if "/dev/kfd" in devices or "amd.com" in requests:
        return "amd"
    if row["privileged"]:
        return "all-devices"
    return "dri" if "/dev/dri" in devices else "none"


_FOR_GPU = re.compile(
    r"ollama|vllm|nvidia|cuda|text-generation-(inference|webui)|comfyui|stable-diffusion"
    r"|automatic1111|sglang|tensorrt|triton|(localai|whisper|llama\.cpp|infinity).*(gpu|cublas)"
)


def _wants_gpu(row: dict[str, Any], nodes: str) -> bool:
    """The image is made for the GPU this host has. A variable set to none or void says no."""
    asked = [entry.partition("=")[2] for entry in row["gpu_env"] if entry]
    if asked and asked[0] in ("", "void", "none"):
        return False
    image = row["image"].lower()
    if "rocm" in image:
        return "kfd" in nodes
    return "nvidia" in nodes and (bool(asked) or _FOR_GPU.search(image) is not None)


class ContainerLog(Fact):
    """The last words of one container that is not well."""

    name: str
    status: str
    lines: list[str]


@probe(
    LOGS,
    level=2,
    tool="docker",
    needs_root=True,
    timeout_s=20,
    command=DOCKER + "list=$(docker ps -a --format '{{.Names}}|{{.Status}}' 2>&1) ||\n"
    '  give_up "$list"\n'
    "printf '%s\\n' \"$list\" |\n"
    "grep -E '\\|(Restarting|Exited \\([^0)]|Exited \\(0[^)]|Up .*unhealthy|Dead)' |\n"
    "grep -v 'Exited (143)' | head -n 6 |\n"
    "while IFS='|' read -r name status; do\n"
    '  printf \'== %s|%s\\n\' "$name" "$status"\n'
    '  docker logs --tail 15 "$name" 2>&1 </dev/null | cut -c 1-400 | tail -n 15\n'
    "done",
)
def docker_logs(output: str) -> list[ContainerLog]:
    """The last lines of each Docker container that failed, restarts or is unhealthy."""
    parts = re.split(r"^== ([^|\n]+)\|(.*)\n", output, flags=re.MULTILINE)
    if parts[0].strip():
        raise ProbeError(LOGS, line=parts[0])
    return [
        ContainerLog(name=name, status=status, lines=text.splitlines())
        for name, status, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    ]
