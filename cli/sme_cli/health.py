"""What `sme doctor` examines: everything an investigation will need, before it needs it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sme_cli import session
from sme_tools.errors import SmeError

State = Literal["ok", "note", "broken"]
LEAST_FREE_BYTES = 50 * 1024 * 1024


@dataclass(frozen=True)
class Result:
    """What one examination showed. `note`: works, but something is missing or odd."""

    subject: str
    state: State
    detail: str
    remedy: str = ""


def examine() -> list[Result]:
    """Examine the installation; nothing raises, every fault becomes a result."""
    return [result for part in _PARTS for result in _guarded(part)]


def _guarded(part: Callable[[], Iterator[Result]]) -> Iterator[Result]:
    subject = part.__name__.removeprefix("_").replace("_", " ")
    try:
        yield from part()
    except SmeError as error:
        yield Result(subject, "broken", str(error), error.remedy)
    except ImportError as error:
        yield Result(subject, "broken", str(error), "Install it anew: pipx reinstall debug-sme")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        remedy = "Make it readable and writable for you."
        yield Result(subject, "broken", f"{where}{error.strerror or error}", remedy)
    except sqlite3.Error as error:
        yield Result(subject, "broken", str(error), "Use a Python whose SQLite has FTS5.")


def _python() -> Iterator[Result]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Result("python", "ok", f"{version} at {sys.executable}")


def _libraries() -> Iterator[Result]:
    from importlib.metadata import version

    import cel
    import langgraph.graph
    import paramiko

    names = ("common-expression-language", "langgraph", "paramiko", "pydantic")
    del cel, langgraph, paramiko
    yield Result("libraries", "ok", ", ".join(f"{name} {version(name)}" for name in names))


def _full_text_search() -> Iterator[Result]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
    yield Result("full text search", "ok", f"SQLite {sqlite3.sqlite_version} with FTS5")


def _ssh() -> Iterator[Result]:
    found = shutil.which("ssh")
    if found:
        yield Result("ssh", "ok", f"{found} resolves ssh_config")
    else:
        yield Result(
            "ssh",
            "note",
            "there is no ssh program, so ~/.ssh/config is not read",
            "Install the OpenSSH client.",
        )


def _settings() -> Iterator[Result]:
    settings = session.settings()
    yield Result("settings", "ok", f"configuration in {settings.config_dir}")


def _inventory() -> Iterator[Result]:
    hosts = session.inventory().hosts()
    for problem in session.unheard_settings(hosts, session.checks()):
        yield Result("inventory", "broken", problem, "Change it in hosts.yaml, or take it out.")
    yield Result("inventory", "ok", f"{len(hosts)} host{'' if len(hosts) == 1 else 's'}")


def _checks() -> Iterator[Result]:
    from sme_tools.checks.testing import examine_checks

    report = examine_checks(session.checks())
    if not report.problems:
        yield Result("checks", "ok", f"{report.tested} checks, no problem")
        return
    first = report.problems[0]
    yield Result(
        "checks",
        "broken",
        f"{len(report.problems)} problems, the first: {first.check}: {first.problem}",
        "See them all: sme checks test",
    )


def _known_issues() -> Iterator[Result]:
    from sme_knowledge.store import KnownIssues

    issues = KnownIssues.load(session.settings().knowledge_dir)
    for problem in issues.problems:
        yield Result("known issues", "broken", str(problem), problem.remedy)
    yield Result("known issues", "ok", f"{len(issues)} known issues")


def _state_folder() -> Iterator[Result]:
    from sme_tools.settings import state_folder

    folder = state_folder(session.settings())
    yield _permissions(folder)
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        yield Result(
            "state folder",
            "broken",
            f"{folder}: only {free // 1024} KiB free",
            "Free space there, or set SME_STATE_DIR.",
        )
    else:
        yield Result("state folder", "ok", f"{folder}, {free // 2**20} MiB free")


def _permissions(folder: Path) -> Result:
    mode = folder.stat().st_mode & 0o777
    if mode & 0o077 and folder.stat().st_uid == os.getuid():
        return Result(
            "permissions",
            "broken",
            f"{folder} can be read by others (mode {mode:o})",
            f"chmod 700 {folder}",
        )
    return Result("permissions", "ok", f"{folder} is private")


def _incidents() -> Iterator[Result]:
    count = session.incidents().verify()
    yield Result("incidents", "ok", f"{count} incidents, the database is sound")


def _checkpoints() -> Iterator[Result]:
    """Where interrupted investigations stand; only resuming needs them."""
    path = session.settings().state_dir / "checkpoints.db"
    if not path.exists():
        yield Result("checkpoints", "ok", "none yet")
        return
    problem = "damaged"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            (problem,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        problem = str(error)
    if problem == "ok":
        yield Result("checkpoints", "ok", "the database is sound")
        return
    remedy = f"Nothing that was found is in it: rm -f {path} {path}-wal {path}-shm"
    yield Result("checkpoints", "broken", f"{path}: {problem}", remedy)


def _evolution_log() -> Iterator[Result]:
    verified = session.evolution_log().verify()
    yield Result("evolution log", "ok", f"{verified.entries} entries, the chain holds")


def _audit_log() -> Iterator[Result]:
    verified = session.audit_log().verify()
    yield Result("audit log", "ok", f"{verified.entries} entries, the chain holds")


_PARTS = (
    _python,
    _libraries,
    _full_text_search,
    _ssh,
    _settings,
    _inventory,
    _checks,
    _known_issues,
    _state_folder,
    _incidents,
    _checkpoints,
    _evolution_log,
    _audit_log,
)
