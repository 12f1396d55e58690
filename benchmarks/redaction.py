"""Redaction: speed on ordinary logs, and on text made to be slow.

The promise is 10 MB/s on ordinary log text, and a time that grows with the length of a text and no
faster, whatever is in it.
"""

from __future__ import annotations

import random
import time

from benchmarks.table import print_table
from sme_tools.safety.redaction import Redactor

LOG_LINES = (
    "Nov 20 10:{n:02}:01 web1 sshd[{m}]: pam_unix(sshd:auth): authentication failure; logname= "
    "uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.{n} user=root",
    "Nov 20 10:{n:02}:02 web1 systemd[1]: docker-{h}.scope: Deactivated successfully.",
    "Nov 20 10:{n:02}:03 web1 kernel: [{m}.123456] EXT4-fs (sda1): re-mounted. Opts: (null)",
    '10.0.0.{n} - - [20/Nov/2026:10:{n:02}:04 +0000] "GET /api/v1/keys?page={n} HTTP/1.1" 200 {m}',
    '{{"time":"2026-11-20T10:{n:02}:05Z","level":"info","msg":"cache miss","key":"users:{m}"}}',
)
ORDINARY_BYTES = 8_000_000
HOSTILE_CHARS = 40_000
HOSTILE = (
    "auth=",
    "authorization=a",
    "authorization: ",
    "password=",
    'password="',
    "password=/",
    "api_key=/a/",
    "secret: ",
    "token: a",
    "--password ",
    "://a:",
    "://a:b@",
    "eyJ",
    "eyJaaaaaaaaaaaaa.",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "password: |\n  ",
    "mysql -x ",
    "curl -u a:",
    "Cookie: a=bbbb;",
    "1234567890:AA",
    "=\tAAAA",
    "@tcp(",
    "<secret:",
    "<secret:a:1>",
    '\\"',
    '"name": "password", "value": ',
    "login a password ",
)


def main() -> None:
    """Print the speed on ordinary text, with and without secrets, and the slowest hostile texts."""
    chance = random.Random(20261120)
    ordinary = _log(chance)
    with_secrets = ordinary.replace("cache miss", "db://app:s3cret@db1/", 200)
    rows = [
        ("ordinary log", *_speed(ordinary)),
        ("the same with 200 secrets", *_speed(with_secrets)),
    ]
    print_table(("text", "MB", "CPU seconds", "MB/s"), rows)
    hostile = [(repr(piece), *_growth(piece)) for piece in HOSTILE]
    hostile.sort(key=lambda row: -row[1])
    print()
    header = ("repeated", "seconds", "seconds at 4x", "growth (linear: 4)")
    print_table(header, hostile[:10])


def _log(chance: random.Random) -> str:
    lines: list[str] = []
    size = 0
    while size < ORDINARY_BYTES:
        line = chance.choice(LOG_LINES).format(
            n=chance.randrange(60), m=chance.randrange(99999), h=f"{chance.getrandbits(256):064x}"
        )
        lines.append(line)
        size += len(line) + 1
    return "\n".join(lines)


def _speed(text: str) -> tuple[float, float, float]:
    seconds = min(_seconds(text) for _ in range(3))
    return len(text) / 1e6, seconds, len(text) / 1e6 / seconds


def _growth(piece: str) -> tuple[float, float, float]:
    text = (piece * (HOSTILE_CHARS // len(piece) + 1))[:HOSTILE_CHARS]
    once, four = _seconds(text), _seconds(text * 4)
    return once, four, four / once


def _seconds(text: str) -> float:
    began = time.process_time()
    Redactor().text(text)
    return time.process_time() - began
