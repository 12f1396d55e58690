"""The lock files: what `python3 run.py` installs, each package checked against its hash."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent


def locked(name: str) -> dict[str, tuple[str, ...]]:
    """The requirements of a lock file with their hashes."""
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    entries = [line.split(" --hash=") for line in text.splitlines() if line[:1].isalnum()]
    return {entry[0].strip(): tuple(sorted(h.strip() for h in entry[1:])) for entry in entries}


def test_lock_for_developers_holds_all_of_the_other():
    runtime, dev = (locked(name) for name in ("requirements.lock", "requirements-dev.lock"))
    assert runtime.items() <= dev.items()


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_lock_checks_every_package_and_names_no_index(name):
    assert all(hashes for hashes in locked(name).values())
    text = (ROOT / name).read_text("utf-8")
    assert not re.search(r"https?:|--(extra-)?index-url|--find-links", text)
    assert not re.search(r"^(torch|triton|nvidia|cuda)", text, re.MULTILINE)


def test_lock_fits_the_bounds_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["build"]
    pinned = {Requirement(line) for line in locked("requirements.lock")}
    for line in wanted:
        bounds = Requirement(line)
        pins = [str(pin.specifier)[2:] for pin in pinned if pin.name == bounds.name]
        assert pins, f"{line} is not locked: python3 run.py lock"
        assert all(bounds.specifier.contains(pin) for pin in pins), line
