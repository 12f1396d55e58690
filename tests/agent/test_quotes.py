"""The line that a person would point at."""

from datetime import UTC, datetime

from sme_agent.quotes import MAX_LINE, quote
from sme_tools.checks.finding import Finding
from sme_tools.hosts.evidence import Evidence

DF = """Filesystem Type 1K-blocks Used Available Use% Mounted on
/dev/vda1 ext4 41152736 39000000 100 94% /
mailfs tmpfs 8192 0 8192 0% /srv/mail

Filesystem Inodes IUsed IFree IUse% Mounted on
/dev/vda1 2621440 181022 2440418 7% /
mailfs 64 64 0 100% /srv/mail
"""


def evidence(stdout):
    return Evidence(
        id="web1/storage.filesystems#1", host="web1", step="storage.filesystems", command="df",
        stdout=stdout, stderr="", exit_code=0, outcome="completed", privilege="user",
        started_at=datetime.now(UTC), duration_s=0.1,
    )  # fmt: skip


def finding(title, subject, **facts):
    return Finding(check="storage.x", host="web1", subject=subject, severity="high", title=title,
                   remedy="", facts=facts)  # fmt: skip


def test_the_line_with_subject_and_figure_is_quoted():
    full = finding("/srv/mail has used 100 % of its inodes", "/srv/mail", mount="/srv/mail")
    assert quote(full, evidence(DF)) == ["mailfs 64 64 0 100% /srv/mail"]


def test_json_on_one_line_is_laid_out_before_it_is_quoted():
    packed = '{"devices": [' + ", ".join(f'{{"name": "sd{c}"}}' for c in "abcdefghijklmn") + "]}"
    assert quote(finding("sdk is failing", "sdk"), evidence(packed)) == ['"name": "sdk"']


def test_a_long_line_is_cut_around_what_it_is_quoted_for():
    line = "x" * 500 + " disk sdk failed " + "y" * 500
    (quoted,) = quote(finding("failing", "sdk"), evidence(line))
    assert "sdk" in quoted
    assert len(quoted) <= MAX_LINE + 2


def test_nothing_is_quoted_where_no_line_names_the_subject():
    assert quote(finding("failing", "sdz"), evidence("all is well\n")) == []
