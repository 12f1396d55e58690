"""`sme redact`: text goes through it, its secrets don't."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

SECRET = "github_pat_" + "aB3dE5gH7j" * 6


@pytest.fixture
def redacting(tmp_path):
    """Start `sme redact ARGUMENTS…` with pipes, and with an inventory of its own."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "sme_cli", "redact", *map(str, arguments)],
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(sys.path), "SME_CONFIG_DIR": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_standard_input_comes_out_without_its_secrets(redacting):
    out, err = redacting().communicate(f"password=hunter22\nused {SECRET}, twice {SECRET}".encode())
    assert out.decode() == (
        "password=<secret:password:1>\nused <secret:github-token:2>, twice <secret:github-token:2>"
    )
    assert err == b""


def test_files_are_read_one_after_another_with_the_same_placeholders(redacting, tmp_path):
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(f"{name} password=hunter22\n")
    out, _ = redacting(tmp_path / "a.log", tmp_path / "b.log").communicate()
    assert out.decode() == "".join(
        f"{name} password=<secret:password:1>\n" for name in ("a.log", "b.log")
    )


def test_line_is_shown_before_the_next_has_come(redacting):
    process = redacting()
    process.stdin.write(b"api_key=abcdef123456\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"api_key=<secret:key:1>\n"  # else the test times out
    process.stdin.write(b"next\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"next\n"


def test_bytes_that_are_no_text_come_out_as_they_were(redacting):
    hostile = b"\xff\xfe\x00 caf\xe9 \xf0\x9f\n" + "é€😀\r\n".encode() * 3 + b"\xe2\x82"
    assert redacting().communicate(hostile)[0] == hostile


def test_addresses_and_names_are_replaced_on_request(redacting, tmp_path):
    (tmp_path / "hosts.yaml").write_text("hosts: {nas: {user: bob}}\n")
    process = redacting("--anonymise", "--host", "printer", "--user", "eve")
    out, err = process.communicate(b"bob@nas 10.0.0.5 eve@printer token=abcdef123456\n")
    expected = "<user:1>@<host:1> <ip:1.1> <user:2>@<host:2> token=<secret:token:1>\n"
    assert (out.decode(), err) == (expected, b"")


def test_missing_file_is_a_mistake_of_the_caller(sme, tmp_path):
    answer = sme("redact", tmp_path / "none.log")
    assert answer.code == 2
    assert "none.log: can't be read: No such file" in answer.err


def test_names_without_anonymising_are_a_mistake(sme):
    assert sme("redact", "--host", "nas").code == 2


def test_memory_stays_bounded_however_long_the_text_is(redacting, tmp_path):
    chance = random.Random(1)
    line = f"Nov 20 10:00:00 web1 app[{chance.randrange(9999)}]: cache miss {'x' * 60}\n".encode()
    process = redacting()
    peak = f"/proc/{process.pid}/status"
    sizes = []
    for _ in range(2):
        for _ in range(60):
            process.stdin.write(line * 1000)
            drain(process, len(line) * 1000)
        sizes.append(_resident_kb(peak))
    assert sizes[1] - sizes[0] < 4_000  # 6 MB more have gone through


def drain(process, size):
    process.stdin.flush()
    while size:
        size -= len(process.stdout.read(size))


def _resident_kb(status):
    lines = Path(status).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
