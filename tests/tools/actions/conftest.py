"""A host with a folder of files to change."""

import shutil

import pytest

from changing import Site, fill
from sme_tools.hosts.local import LocalTransport


@pytest.fixture
def site(tmp_path):
    """This machine."""
    site = Site(tmp_path)
    fill(site.tree)
    with site.hands:
        yield site


@pytest.fixture(
    params=[
        shell
        for shell in (("dash",), ("bash", "--posix"), ("busybox", "ash"))
        if shutil.which(shell[0])
    ],
    ids=lambda shell: shell[0],
)
def each_shell(request, site, tmp_path, monkeypatch):
    """This machine, whose /bin/sh and `sh` are one of the shells that hosts have."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "sh"
    command = " ".join([shutil.which(request.param[0]), *request.param[1:]])
    program.write_text(f'#!/bin/dash\nexec {command} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    site.hands.open_transport = lambda host: LocalTransport(host, shell=(str(program),))
    return site
