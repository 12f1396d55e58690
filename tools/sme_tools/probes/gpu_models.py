"""What uses a GPU, or should: Ollama's models; and AMD's GPUs."""

from __future__ import annotations

import json
import re
from typing import Any

from sme_tools.analysis.log_lines import unwrapped
from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe


class OllamaModel(Fact):
    """A model that Ollama has loaded."""

    name: str
    size_bytes: int
    gpu_bytes: int
    gpu_percent: float
    """Share of the model that lies in the memory of a GPU; the rest is computed by the CPU."""


class Ollama(Fact):
    """The Ollama server of this host."""

    version: str | None = None
    models: list[OllamaModel]
    """Those loaded now: an idle server has none."""
    gpu_found: bool | None = None
    """What the server's log says of its start; None if it is not readable."""
    log: list[str]
    """The latest lines of its log about GPUs."""


@probe(
    "gpu.ollama",
    level=3,
    command="""\
get() {
  curl -fsS -m 3 "http://127.0.0.1:11434$1" 2>/dev/null ||
    wget -q -T 3 -O - "http://127.0.0.1:11434$1" 2>/dev/null
}
version=$(get /api/version) || exit 127
printf '%s\\n' "$version"; get /api/ps; echo
words='compatible GPUs|inference compute|offloaded [0-9]+/[0-9]+ layers|CUDA error'
words="$words|cudaGetDeviceCount|unable to load cud|GPU libraries|model requires more system memory"
{
  journalctl -q -u ollama -n 2000 --no-pager -o cat
  docker logs --tail 2000 ollama
} 2>&1 </dev/null | grep -E "$words" | tail -n 20 | cut -c 1-400 | sed 's/^/log /'
exit 0
""",
    reads=(
        "ollama ps",
        "curl http://127.0.0.1:11434/api/ps",
        "curl http://localhost:11434/api/ps",
        "curl -s http://localhost:11434/api/ps",
    ),
)
def ollama(output: str) -> Ollama:
    """Whether Ollama's loaded models lie on a GPU or on the CPU, and which GPUs it found.

    Source: Ollama's API documentation, /api/ps; `ollama ps`.
    """
    version: str | None = None
    models: list[OllamaModel] = []
    log: list[str] = []
    for line in unwrapped(output):
        text = line.strip()
        if text.startswith("log "):
            log.append(text.removeprefix("log "))
        elif text.startswith("{"):
            document = json.loads(text)
            version = document.get("version", version)
            models += [_from_json(model) for model in document.get("models") or []]
        elif text and not text.startswith("NAME"):
            models.append(_from_row(text))
    return Ollama(version=version, models=models, gpu_found=_gpu_found(log), log=log)


def _model(name: str, size: int, on_gpu: int) -> OllamaModel:
    share = round(100 * on_gpu / size, 1) if size else 0.0
    return OllamaModel(name=name, size_bytes=size, gpu_bytes=on_gpu, gpu_percent=share)


def _from_json(model: dict[str, Any]) -> OllamaModel:
    return _model(model["name"], int(model["size"]), int(model.get("size_vram", 0)))


_ROW = re.compile(
    r"^(?P<name>\S+)\s+(?P<id>\S+)\s+(?P<size>[\d.]+) (?P<unit>[KMGT]?B)\s+"
    r"(?:(?P<whole>\d+)% (?P<what>GPU|CPU)|(?P<cpu>\d+)%/(?P<gpu>\d+)% CPU/GPU)"
)
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def _from_row(line: str) -> OllamaModel:
    match = _ROW.match(line)
    if not match:
        raise ProbeError("gpu.ollama", line=line)
    size = int(float(match["size"]) * _BYTES[match["unit"]])
    share = int(match["gpu"] or (match["whole"] if match["what"] == "GPU" else 0))
    return _model(match["name"], size, size * share // 100)


def _gpu_found(log: list[str]) -> bool | None:
    for line in reversed(log):
        if re.search(r"no compatible GPUs|library=\"?cpu\b|offloaded 0/", line):
            return False
        if re.search(r"library=\"?(?:cuda|rocm|metal|vulkan)|offloaded [1-9]", line, re.IGNORECASE):
            return True
    return None


class AmdGpu(Fact):
    """An AMD GPU as rocm-smi shows it. None stands for what it does not tell."""

    card: str
    name: str | None = None
    temperature_celsius: float | None = None
    """The hottest of its sensors."""
    utilization_percent: float | None = None
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    memory_used_percent: float | None = None


class AmdGpus(Fact):
    """The AMD GPUs of a host, or why they can't be read."""

    answering: bool
    message: str | None = None
    gpus: list[AmdGpu]


@probe(
    "gpu.amd",
    level=2,
    tool="rocm-smi",
    timeout_s=12,
    command="""\
rocm-smi --showproductname --showtemp --showuse --showmeminfo vram --json 2>&1
exit 0
""",
    reads=("rocm-smi --json", "rocm-smi -a --json"),
)
def amd(output: str) -> AmdGpus:
    """Memory, load and heat of AMD GPUs. Source: rocm-smi --json."""
    opened = re.search(r'\{\s*"', output)
    if opened is None:
        said = next((line.strip() for line in output.splitlines() if line.strip()), "no answer")
        if not re.search(r"ERROR|WARNING|No JSON|not (?:found|loaded|initialized)|no answer", said):
            raise ProbeError("gpu.amd", line=said)
        return AmdGpus(answering=False, message=said, gpus=[])
    document = json.JSONDecoder().raw_decode(output[opened.start() :])[0]
    cards = {name: card for name, card in document.items() if re.fullmatch(r"card\d+", name)}
    return AmdGpus(answering=True, gpus=[_amd_gpu(name, card) for name, card in cards.items()])


def _amd_gpu(name: str, card: dict[str, str]) -> AmdGpu:
    heats = [_figure(text) for key, text in card.items() if key.startswith("Temperature (Sensor")]
    total = _figure(card.get("VRAM Total Memory (B)"))
    used = _figure(card.get("VRAM Total Used Memory (B)"))
    series = next((text for key, text in card.items() if key.lower() == "card series"), None)
    return AmdGpu(
        card=name,
        name=series,
        temperature_celsius=max((heat for heat in heats if heat is not None), default=None),
        utilization_percent=_figure(card.get("GPU use (%)")),
        memory_total_bytes=int(total) if total is not None else None,
        memory_used_bytes=int(used) if used is not None else None,
        memory_used_percent=round(100 * used / total, 1) if total and used is not None else None,
    )


def _figure(text: str | None) -> float | None:
    match = re.fullmatch(r"-?\d+(?:\.\d+)?", (text or "").strip())
    return float(match[0]) if match else None
