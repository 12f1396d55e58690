"""Commands as the user types them: in this process, or as a process of its own."""

import os
import shutil
import subprocess
import sys

import pytest

from sme_cli.app import main
from sme_tools.hosts.host import localhost
from sme_tools.hosts.local import LocalTransport
from sme_tools.hosts.snapshot import write_snapshot
from sme_tools.observe import observe
from sme_tools.probes.registry import probes
from typed_commands import FULL, SOUND, Answer, Running, record


@pytest.fixture
def sme(capfd, monkeypatch):
    """Run `sme ARGUMENTS…`; gives exit code, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["sme", *map(str, arguments)])
        capfd.readouterr()
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        else:
            code = 0
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return run


@pytest.fixture
def start_sme():
    """Start `sme ARGUMENTS…` as a process of its own."""
    started = []

    def start(*arguments, under=(), program=("-m", "sme_cli"), **more):
        process = subprocess.Popen(
            [*under, sys.executable, *program, *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return Running(process)

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def full_host(tmp_path_factory):
    """A snapshot of web1, whose root filesystem is full; nothing else is known of it."""
    return record(tmp_path_factory.mktemp("snapshots") / "full.smesnap", "web1", FULL)


@pytest.fixture(scope="session")
def sound_host(tmp_path_factory):
    """A snapshot of db1, on which nothing is wrong."""
    return record(tmp_path_factory.mktemp("snapshots") / "sound.smesnap", "db1", SOUND)


@pytest.fixture(scope="session")
def snapshot_of_a_full_host(tmp_path_factory):
    """This machine, recorded, with one output replaced by that of a full disk."""
    here = localhost()
    asked = [probe for probe in probes().values() if probe.level == 1]
    with LocalTransport(here) as transport:
        recorded = observe(here, transport, asked, timeout_s=60).evidence
    full = {"stdout": FULL["storage.filesystems"], "exit_code": 0}
    altered = [
        item.model_copy(update=full) if item.step == "storage.filesystems" else item
        for item in recorded
    ]
    path = tmp_path_factory.mktemp("snapshots") / "recorded.smesnap"
    write_snapshot(path, "web1", altered)
    return path


@pytest.fixture
def hanging_df(tmp_path_factory):
    """A folder for PATH in which df never ends, as with a dead NFS mount."""
    folder = tmp_path_factory.mktemp("hanging")
    df = folder / "df"
    df.write_text(f"#!/bin/sh\n# of the test in {folder}\nexec sleep 1000.{os.getpid()}\n")
    df.chmod(0o755)
    return folder


@pytest.fixture
def unshare():
    """Words that run a command with mounts of its own; only root may have that everywhere."""
    if sys.platform != "linux" or os.getuid() != 0 or not shutil.which("unshare"):
        pytest.skip("only root on Linux can mount")
    return ["unshare", "--mount", "--propagation", "private"]
