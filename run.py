#!/usr/bin/env python3
"""Set up what a command of this project needs, then run it. Needs nothing but Python.

usage: python3 run.py [--python VERSION] COMMAND [ARGUMENT...]

  diagnose [HOST... ["symptom"]]  find what is wrong; without a host, with this very machine
  sme [ARGUMENT...]               any other command of sme
  test [ARGUMENT...]              the tests (arguments go to pytest)
  check                         lint, formatting and types
  bench [ARGUMENT...]             the benchmarks
  docs                          write the pages of docs/ that are made from the code
  lock [ARGUMENT...]              make the lock files again (arguments go to uv: --upgrade)

The first run makes a virtual environment, .venv, and installs the packages of a lock file into it,
each checked against its hash; later runs only compare digests. A second Python version gets an
environment of its own, .venv-3.12 for example. diagnose and sme run where you are; the others in
the project's folder, and paths given to them count from there.

What this script says itself goes to standard error. The exit code is the command's; or 2: it can't
be run like this, 4: setting up failed, 130: interrupted.
"""

# Python 3.6 can read this file, so that an old Python gets an answer and no traceback. The rest is
# in setup/. Both import late what a run that finds all in place does not need: such a run adds a
# few hundredths of a second.

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 11)
TESTED = ("3.13", "3.12", "3.11")


def main(arguments: "list[str]") -> int:
    """Run one command; does not return where the command takes this process over."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(__doc__, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    if arguments[0] == "--python" and len(arguments) > 2:
        return restart(arguments[1], arguments[2:])
    if sys.version_info < OLDEST:
        return restart("", arguments)
    from setup.environment import SetupError

    try:
        return run(arguments[0], arguments[1:])
    except SetupError as error:
        return refuse(str(error), error.remedy, error.exit_code)
    except KeyboardInterrupt:
        return refuse("interrupted", "the same command does what is left to do", 130)


def run(command: str, arguments: "list[str]") -> int:
    """Run one command of the list above."""
    from setup.environment import DEV, RUNTIME, prepared

    if command == "diagnose":
        return become(prepared(RUNTIME), "sme", "diagnose", *arguments)
    if command == "sme":
        return become(prepared(RUNTIME), "sme", *arguments)
    os.chdir(str(ROOT))
    if command == "test":
        return become(prepared(DEV), "python", "-m", "pytest", *arguments)
    if command == "bench":
        return become(prepared(DEV), "python", "-m", "benchmarks", *arguments)
    if command == "docs":
        return become(prepared(DEV), "python", "docs/generate.py")
    if command == "check":
        return check(prepared(DEV))
    if command == "lock":
        from setup.packages import lock

        return lock(arguments)
    return refuse(f"there is no command {command!r}", "see: python3 run.py --help", 2)


def become(venv: Path, program: str, *arguments: str) -> int:
    """Become a program of the environment, so that signals and exit codes are its own."""
    from setup.environment import variables

    path = str(venv / "bin" / program)
    os.execve(path, [path, *arguments], variables(venv))


def check(venv: Path) -> int:
    """Lint, formatting and types: all of them, even if the first complains."""
    import subprocess

    from setup.environment import variables

    tools = (
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["mypy"],
        ["mypy", "run.py"],
    )
    env = variables(venv)
    codes = [
        subprocess.run([str(venv / "bin" / tool), *rest], env=env, check=False).returncode
        for tool, *rest in tools
    ]
    return max(codes)


def restart(wanted: str, arguments: "list[str]") -> int:
    """Begin again with the Python of this version, name or path, or with any that was tested."""
    for python in candidates(wanted):
        if version_of(python) >= OLDEST:
            os.execv(python, [python, str(Path(__file__).resolve()), *arguments])
    tested = ", ".join(reversed(TESTED))
    this = "Python %d.%d (%s)" % (*sys.version_info[:2], sys.executable)  # noqa: UP031 - for 3.6
    return refuse(
        f"Python {tested} will do; found "
        + (f"none of them as {wanted!r}" if wanted else f"{this}, and none of them on PATH"),
        "install one of them (apt, dnf, brew, pyenv and 'uv python install' have it), "
        "and start with it: python3.13 run.py …",
        2,
    )


def candidates(wanted: str) -> "list[str]":
    """Files on PATH, and then of pyenv, that are called like this version, or any tested one."""
    import shutil

    if wanted and wanted not in TESTED:
        return [path for path in [shutil.which(wanted)] if path]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = []
    for version in [wanted] if wanted else TESTED:
        found += [Path(folder) / f"python{version}" for folder in os.get_exec_path()]
        found += sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
    return [str(path) for path in found if path.is_file()]


def version_of(python: str) -> "tuple[int, ...]":
    """Its own answer, (3, 12); () if it does not run, as a pyenv shim may not."""
    import subprocess

    try:
        said = subprocess.check_output(
            [python, "-I", "-c", "import sys; print('%d %d' % sys.version_info[:2])"],
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(int(number) for number in said.split())


def refuse(problem: str, remedy: str, exit_code: int) -> int:
    """Say what failed and what to do next, beside the data on standard output."""
    print(f"sme: {problem}\n  → {remedy}", file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
