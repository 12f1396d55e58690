"""What needs pip, venv or uv: imported only when something has to be installed."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setup.environment import DEV, ROOT, RUNTIME, STAMP, SetupError, say, variables

VENV_PARTS = {"bin", "etc", "include", "lib", "lib64", "share", "pyvenv.cfg", ".gitignore", STAMP}

REDIRECTS = ("CONSTRAINT", "PREFIX", "PYTHON", "REQUIREMENT", "REQUIRE_HASHES", "ROOT", "TARGET")
"""pip's variables (PIP_…) that would change what is installed where. Those that say where packages
come from, a mirror or a proxy, are the user's."""

FAILURES = (
    (
        r"DO NOT MATCH THE HASHES(?s:.*)",
        "a package is not the one that the lock file names, and was not installed",
        "a mirror or a proxy may have altered it: try without; if it stays so, report it",
    ),
    (
        r"No space left on device",
        "the disk is full",
        "300 MB are needed in the project's folder, and as much in the one for temporary files",
    ),
    (
        r"certificate verify failed[^(\n]*",
        "the package index shows a certificate that is not trusted",
        "behind a proxy that opens TLS, name its authority: PIP_CERT=FILE python3 run.py …",
    ),
    (
        r"Temporary failure in name resolution|Name or service not known|nodename nor servname"
        r"|No address associated with hostname|Network is unreachable|No route to host|timed out"
        r"|Connection (?:refused|reset by peer|aborted)|Cannot connect to proxy",
        "the package index can't be reached",
        "check the network, HTTPS_PROXY and pip's own settings (pip config list), then give the "
        "same command again: what was loaded is kept",
    ),
    (
        r"No matching distribution found for [^\s;]*",
        "there is no ready-made file of a package for this Python on this machine",
        "use Python 3.11, 3.12 or 3.13 on Linux (x86-64, arm64) or macOS; elsewhere "
        "'pipx install .' builds what is missing",
    ),
)
"""What pip prints, what that comes down to, and what to do next."""


def make_venv(venv: Path, version: str) -> None:
    """Make an empty environment with pip, in place of what is left of an earlier one."""
    entries = list(venv.iterdir()) if venv.is_dir() else []
    if not (venv / "pyvenv.cfg").exists() and {path.name for path in entries} - VENV_PARTS:
        raise SetupError(f"{venv} is no virtual environment", "move it out of the way")
    makers = {"ensurepip": "venv", "virtualenv": "virtualenv"}
    maker = next((makers[name] for name in makers if importlib.util.find_spec(name)), None)
    if maker is None:
        raise SetupError(f"{sys.executable} comes without ensurepip", pip_remedy(version))
    again = ", again" if entries else ""
    say(f"setting up {venv.name} with Python {version}{again}; this takes a moment")
    for path in entries:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    if maker == "venv":
        # Not sys.executable, which may be the Python of the environment just removed.
        command = [sys._base_executable, "-I", "-m", maker]  # type: ignore[attr-defined]
    else:
        command = [sys.executable, "-m", maker]  # without -I: it may be in the user's own packages
    made = subprocess.run(
        [*command, str(venv)],
        capture_output=True,
        text=True,
        errors="replace",
        close_fds=False,
        check=False,
    )
    if made.returncode:
        said = shortened(made.stderr + made.stdout)
        raise SetupError(f"{venv} can't be made:\n    {said}", pip_remedy(version))


def pip_remedy(version: str) -> str:
    """How this machine's Python gets its ensurepip."""
    try:
        system = Path("/etc/os-release").read_text("utf-8").lower()
    except OSError:
        system = sys.platform
    commands = {
        "debian": f"sudo apt-get install python{version}-venv",
        "fedora": "sudo dnf install python3-pip",
        "suse": "sudo zypper install python3-pip",
        "darwin": "brew install python@3.13",
    }
    for mark, command in commands.items():
        if mark in system:
            return f"{command}    then give the same command again"
    return (
        "install your system's package of Python's venv and pip, then give the same command again"
    )


def install_locked(venv: Path, lock_file: Path) -> None:
    """Install the packages of a lock file, each checked against its hash; nothing is built."""
    pip(venv, "--require-hashes", "--only-binary=:all:", "--requirement", str(lock_file))


def install_project(venv: Path, root: Path) -> None:
    """Install the project itself, editable, with the locked build tool."""
    pip(venv, "--no-index", "--no-build-isolation", "--editable", str(root))


def pip(venv: Path, *arguments: str) -> None:
    """Install exactly what is named, and nothing that it asks for in turn."""
    command = [
        str(venv / "bin" / "python"),
        "-I",
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-input",
    ]
    command += ["--disable-pip-version-check", "--progress-bar=off", *arguments]
    ours = {f"PIP_{name}" for name in REDIRECTS}
    env = {name: value for name, value in variables(venv).items() if name not in ours}
    lines: list[str] = []
    with subprocess.Popen(
        command,
        env=env | {"PIP_USER": "0", "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        close_fds=False,
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            show_progress(lines)
    if process.returncode:
        raise SetupError(*failure("".join(lines)))


def show_progress(lines: list[str]) -> None:
    """On a terminal, one line that names the package at hand and is gone at the end."""
    collecting = [line for line in lines if line.startswith("Collecting ")]
    if not collecting or not sys.stderr.isatty():
        return
    name = collecting[-1].split()[1]
    shown = f"sme: package {len(collecting)}, {name}" if lines[-1] == collecting[-1] else ""
    if lines[-1].startswith("Installing collected"):
        shown = f"sme: installing {len(collecting)} packages"
    if shown or lines[-1].startswith("Successfully"):
        sys.stderr.write(f"\r\033[K{shown}")
        sys.stderr.flush()


def failure(said: str) -> tuple[str, str]:
    """The problem that pip's output comes down to, and what to do next."""
    for pattern, problem, remedy in FAILURES:
        found = re.search(pattern, said)
        if found:
            return f"{problem}:\n    {shortened(found.group())}", remedy
    return f"pip failed:\n    {shortened(said[-800:])}", "mend what pip complains of"


def shortened(text: str) -> str:
    """The first lines, indented to stand below a message."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n    ".join(line[:300] for line in lines[:8])


def lock(arguments: list[str]) -> int:
    """Make both lock files: for every supported Python, for Linux and macOS, with hashes."""
    uv = shutil.which("uv")
    if uv is None:
        raise SetupError("uv, which makes the lock files, is not on PATH", "pipx install uv")
    command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version=3.11"]
    command += ["--generate-hashes", "--no-emit-index-url", "--no-emit-find-links"]
    command += ["--custom-compile-command", "python3 run.py lock", *arguments, "pyproject.toml"]
    for options in (
        ["--group=build", f"--output-file={RUNTIME}"],
        ["--group=dev", f"--constraints={RUNTIME}", f"--output-file={DEV}"],
    ):
        made = subprocess.run(
            command + options, cwd=ROOT, stdout=subprocess.DEVNULL, env=os.environ, check=False
        )
        if made.returncode:
            return made.returncode
    return 0
