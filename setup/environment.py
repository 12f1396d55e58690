"""A virtual environment that holds exactly what a lock file names.

A stamp in the environment records what it was made from. It is removed first and written last, so
an environment whose making was interrupted counts as none.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = "requirements.lock"
DEV = "requirements-dev.lock"
"""Holds everything of RUNTIME, and what developing needs."""
PROJECT = "pyproject.toml"
STAMP = "setup.json"
VERSION = "{}.{}".format(*sys.version_info)


class SetupError(Exception):
    """Setting up can't go on: what failed, and what to do next."""

    exit_code = 4

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.remedy = remedy


def prepared(lock_file: str) -> Path:
    """The environment with the packages of this lock file, made or completed if need be.

    Raises:
        SetupError: it can't be made.
    """
    venv = venv_of_this_python()
    if not missing(venv, lock_file):
        return venv
    try:
        with alone():
            venv = venv_of_this_python()
            complete(venv, lock_file, missing(venv, lock_file))
    except OSError as error:
        raise SetupError(
            f"setting up in {ROOT} failed: {error}",
            "the folder must be writable and its disk not full; "
            "without a writable checkout: pipx install .",
        ) from error
    return venv


def venv_of_this_python() -> Path:
    """`.venv`; a folder of its own if that one is in order and of another Python version."""
    first = ROOT / ".venv"
    stamp = stamp_of(first)
    if intact(first, stamp) and stamp.get("python") != VERSION:
        return ROOT / f".venv-{VERSION}"
    return first


def stamp_of(venv: Path) -> dict[str, str]:
    """What the environment was made from; empty if it was never complete."""
    try:
        stamp = json.loads((venv / STAMP).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def intact(venv: Path, stamp: dict[str, str]) -> bool:
    """Whether it is where it was made, and the Python that it was made with is still there."""
    python = venv / "bin" / "python"
    return (
        stamp.get("venv") == str(venv)
        and stamp.get("interpreter") == os.path.realpath(python)
        and os.access(python, os.X_OK)
    )


def missing(venv: Path, lock_file: str) -> str:
    """What has to be done: "all", "packages", "project", or nothing (an empty string)."""
    stamp = stamp_of(venv)
    outdated = any(stamp.get(name, digest(name)) != digest(name) for name in (RUNTIME, lock_file))
    if outdated or not intact(venv, stamp):
        return "all"
    if lock_file not in stamp:
        return "packages"
    unchanged = stamp.get(PROJECT) == digest(PROJECT) and (venv / "bin" / "sme").exists()
    return "" if unchanged else "project"


def digest(name: str) -> str:
    """The SHA-256 of a file of the project."""
    try:
        return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
    except OSError as error:
        raise SetupError(
            f"{name} can't be read: {error.strerror}", f"git restore {name}"
        ) from error


def complete(venv: Path, lock_file: str, todo: str) -> None:
    """Do what is missing, and record what the environment was made from."""
    from setup import packages

    if not todo:
        return
    stamp = {} if todo == "all" else stamp_of(venv)
    if todo == "all":
        (venv / STAMP).unlink(missing_ok=True)
        packages.make_venv(venv, VERSION)
        packages.install_locked(venv, ROOT / lock_file)
    elif todo == "packages":
        write_stamp(venv, stamp | {lock_file: "unfinished"})
        try:
            packages.install_locked(venv, ROOT / lock_file)
        except SetupError:  # pip loads all before it installs any: what was there still works
            write_stamp(venv, stamp)
            raise
    packages.install_project(venv, ROOT)
    complete_now = {name: digest(name) for name in {RUNTIME, lock_file, PROJECT}}
    interpreter = os.path.realpath(venv / "bin" / "python")
    made = {"venv": str(venv), "python": VERSION, "interpreter": interpreter}
    write_stamp(venv, stamp | made | complete_now)


def write_stamp(venv: Path, stamp: dict[str, str]) -> None:
    """Replace the stamp in one step."""
    unfinished = venv / f"{STAMP}.new"
    unfinished.write_text(json.dumps(stamp, indent=2) + "\n", "utf-8")
    unfinished.replace(venv / STAMP)


@contextmanager
def alone() -> Iterator[None]:
    """Hold back other runs in this folder.

    The lock is inheritable, so that it lasts until pip has ended if this process is killed.
    """
    with (ROOT / ".venv.lock").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is setting up; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def variables(venv: Path) -> dict[str, str]:
    """The caller's environment variables, with `venv` active in place of any other Python."""
    others = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV_PROMPT", "__PYVENV_LAUNCHER__")
    env = {name: value for name, value in os.environ.items() if name not in others}
    env["VIRTUAL_ENV"] = str(venv)
    env["PATH"] = os.pathsep.join([str(venv / "bin"), *os.get_exec_path()])
    return env


def say(text: str) -> None:
    """Tell the user what goes on, beside the data on standard output."""
    print(f"sme: {text}", file=sys.stderr, flush=True)
