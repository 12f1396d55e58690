"""Redaction: what is found and what is left alone, by kind; speed, also on text made to be slow.

The kinds are the files of tests/tools/redaction. Each second text of theirs was held out: when the
patterns had been made with a look at the others alone, they found 876 of 879 secrets there and 665
of 834 in the half held out (with three seeds), and changed 0 of 450 look-alikes and 9 of 465. Then
what the second half showed was mended too, so that it now says no more than the first. The kind
second-look was written after that: of its secrets 40 of 52 were found at first sight, and 2 of its
26 look-alikes changed. That is
nearer to what to expect of other texts than the table is; all were written by one author.

The promise for speed is 10 MB/s on ordinary log text, and a time that grows with the length of a
text and no faster, whatever is in it.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from pathlib import Path

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
    "kind: Secret\n",
    "data:\n  a: b\nkind: Secret\n",
    '{"kind":"Secret","data":{"a":"b"},',
    "echo a | ",
    "password for a is b ",
    "full-tokenid ",
    '"kdf":',
    ' * "a" ',
    ":*:a:b:",
    "-----BEGIN PRIVATE KEY-----\na",
    "$ANSIBLE_VAULT;1.1;AES256\n1234",
    "FOO_PASSWORD='a",
)
SEEDS = 3


def main() -> None:
    """Print what is found by kind, the speed on ordinary text, and the slowest hostile texts."""
    _print_found()
    print()
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


def _print_found() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from redaction_corpus import cases, kinds

    counted: dict[str, Counter[str]] = {}
    for kind in kinds():
        for seed in range(SEEDS):
            for case in cases(kind, seed=seed):
                half = "each second text" if case.held_out else "the other texts"
                output = Redactor().text(case.text)
                figures = Counter(
                    secrets=len(case.secrets),
                    found=len(case.secrets) - len(case.shown(output)),
                    alike=not case.secrets,
                    changed=not case.secrets and output != case.text,
                )
                for row in (kind, half, "all"):
                    counted.setdefault(row, Counter()).update(figures)
    rows = [
        (
            name,
            f"{n['found']}/{n['secrets']}",
            f"{n['found'] / n['secrets']:.1%}" if n["secrets"] else "",
            f"{n['changed']}/{n['alike']}",
        )
        for name in (*kinds(), "the other texts", "each second text", "all")
        if (n := counted[name])
    ]
    print_table(("kind", "secrets found", "recall", "look-alikes changed"), rows)


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
