"""Log lines: taken apart, placed in time, judged, and clustered into templates."""

import random
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sme_tools.analysis.kernel_events import kernel_events
from sme_tools.analysis.kernel_lines import kernel_lines
from sme_tools.analysis.log_clusters import log_clusters
from sme_tools.analysis.log_lines import LogLine, read_line, read_lines
from sme_tools.analysis.log_signatures import kind_of, level_of
from sme_tools.analysis.log_templates import log_templates, mask
from sme_tools.analysis.log_times import Clock

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=1)))


def lines_of(*messages: str) -> list[LogLine]:
    return [LogLine(message) for message in messages]


class TestMask:
    @pytest.mark.parametrize(
        ("message", "masked"),
        [
            ("took 12.5 ms, 40%", "took <NUM> ms, <NUM>"),
            ("from 192.0.2.7:51022 port 22", "from <IP> port <NUM>"),
            ("at 2026-11-20T09:00:00.123Z ok", "at <TIME> ok"),
            ("at 0x7f1cd4000000", "at <HEX>"),
            ("id 8e1cf3a2-5a0b-4a5c-9f5e-2b8a3d7c1e90", "id <UUID>"),
            ("MAC 52:54:00:12:34:56 is gone", "MAC <MAC> is gone"),
            ("peer fe80::5054:ff:fe12:3456 is gone", "peer <IP> is gone"),
            ("container 4f0c2b7e91d8 died", "container <HEX> died"),
        ],
    )
    def test_what_varies_is_named_by_its_kind(self, message, masked):
        assert mask(message) == masked

    @pytest.mark.parametrize("name", ["sda1", "eth0", "ata1.00", "web-frontend", "facade", "v2"])
    def test_names_with_digits_stay(self, name):
        assert mask(f"{name} failed") == f"{name} failed"


class TestTemplates:
    def test_messages_that_differ_in_words_become_one_template(self):
        found = log_templates(
            lines_of(
                "user anna logged in from 192.0.2.1",
                "user ben logged in from 192.0.2.2",
                "user cleo logged in from 192.0.2.3",
                "disk sda is failing",
            )
        )
        assert [(t.template, t.count) for t in found] == [
            ("user <*> logged in from <IP>", 3),
            ("disk sda is failing", 1),
        ]
        assert found[0].example == "user cleo logged in from 192.0.2.3"
        assert found[0].lines == [0, 1, 2]

    def test_first_and_last_time_are_those_of_the_cluster_whatever_the_order(self):
        hours = [3, 1, 2]
        found = log_templates([LogLine("x", at=NOON + timedelta(hours=h)) for h in hours])
        assert (found[0].first, found[0].last) == (
            NOON + timedelta(hours=1),
            NOON + timedelta(hours=3),
        )

    def test_lines_without_a_time_have_none(self):
        found = log_templates(lines_of("x"))
        assert found[0].first is None and found[0].last is None

    def test_the_same_lines_give_the_same_templates(self):
        pick = random.Random(7)
        words = ["read", "write", "open", "close", "sync"]
        lines = lines_of(*(f"{pick.choice(words)} {pick.choice(words)} {i}" for i in range(500)))
        assert log_templates(lines) == log_templates(lines)

    def test_no_lines_give_no_templates(self):
        assert log_templates([]) == []

    def test_a_hundred_thousand_lines_take_seconds_not_minutes(self):
        lines = lines_of(*(f"job {i} of host{i % 40} failed after {i} ms" for i in range(100_000)))
        began = time.perf_counter()
        found = log_templates(lines)
        assert time.perf_counter() - began < 20
        assert sum(template.count for template in found) == 100_000
        assert len(found) == 1


class TestReadLine:
    @pytest.mark.parametrize(
        ("line", "level", "program", "message"),
        [
            ("<35>Nov 20 09:00:00 web1 sshd[81]: no such user", "error", "sshd", "no such user"),
            ("Nov 20 09:00:00 web1 CRON[9]: (root) CMD (true)", None, "CRON", "(root) CMD (true)"),
            ("2026-11-20T09:00:00+0100 web1 cron[9]: started", None, "cron", "started"),
            ("<27>1 2026-11-20T09:00:00Z web1 ha 8 - - down", "error", "ha", "down"),
            ("2026-11-20 09:00:00,123 - ERROR - it broke", "error", None, "it broke"),
            ("2026/11/20 09:00:00 [warn] 7#7: *1 slow", "warning", None, "7#7: *1 slow"),
            ("E1120 09:00:00.000001       1 main.go:12] it broke", "error", None, "it broke"),
            (
                'time="2026-11-20T09:00:00Z" level=fatal msg="it broke"',
                "critical",
                None,
                "it broke",
            ),
            ('{"level":"warn","msg":"slow","error":"late"}', "warning", None, "slow: late"),
            ('{"level":50,"msg":"it broke"}', "error", None, "it broke"),
            ("web-1  | ERROR: it broke", "error", "web-1", "it broke"),
            ("\x1b[31mERROR\x1b[0m it broke", "error", None, "it broke"),
            ("2026-11-20 09:00:00 UTC [7] a@b FATAL:  no room", "critical", None, "no room"),
            ("nothing to see", None, None, "nothing to see"),
        ],
    )
    def test_the_common_forms(self, line, level, program, message):
        (read,) = read_lines(line)
        assert (read.level, read.program, read.message) == (level, program, message)

    def test_a_traceback_is_one_line_that_names_the_exception(self):
        read = read_lines(
            "INFO: begin\nTraceback (most recent call last):\n"
            "  File \"a.py\", line 1, in f\n    g()\nKeyError: 'x'\nINFO: end\n"
        )
        assert [line.message for line in read] == ["begin", "Traceback: KeyError: 'x'", "end"]
        assert read[1].level == "error"

    def test_files_of_tail_and_cut_marks_are_understood(self):
        read = read_lines("==> /var/log/a.log <==\none\n[… 90 bytes left out …]\ntwo\n")
        assert [(line.source, line.message) for line in read] == [
            ("/var/log/a.log", "one"),
            ("/var/log/a.log", "two"),
        ]


class TestTimes:
    def test_a_time_without_zone_is_placed_only_by_the_hosts_clock(self):
        assert Clock().place("2026-11-20 09:00:00") is None
        placed = Clock(NOON).place("2026-11-20 09:00:00")
        assert placed == NOON.replace(hour=9)

    def test_a_date_without_year_that_would_be_in_the_future_is_of_last_year(self):
        assert Clock(NOON).place("Dec 31 23:59:00").year == 2025
        assert Clock(NOON).place("Nov 19 23:59:00").year == 2026

    def test_seconds_since_boot_become_a_moment(self):
        clock = Clock.read("clock 2026-11-20T12:00:00+0100 3600.00")
        assert clock.booted(0) == NOON - timedelta(hours=1)

    @pytest.mark.parametrize(
        "value", [1795168000, 1795168000.0, 1795168000123, {"$date": "2026-11-20T09:46:40Z"}]
    )
    def test_epochs_and_mongodbs_dates(self, value):
        assert Clock().place(value).replace(microsecond=0) == datetime(
            2026, 11, 20, 9, 46, 40, tzinfo=UTC
        )

    @pytest.mark.parametrize("value", ["", "soon", "2026-13-45T99:00:00Z", None, -4, True])
    def test_what_is_no_time_is_none(self, value):
        assert Clock(NOON).place(value) is None


class TestTrouble:
    @pytest.mark.parametrize(
        ("message", "kind"),
        [
            ("x509: certificate has expired or is not yet valid", "certificate-expired"),
            (
                "tls: failed to verify: x509: certificate signed by unknown authority",
                "certificate-untrusted",
            ),
            ("write /data/x: no space left on device", "no-space"),
            ("CUDA error: out of memory", "cuda-error"),
            ("fatal: java.lang.OutOfMemoryError: Java heap space", "out-of-memory"),
            ("open /data/x: read-only file system", "read-only"),
            ("accept4: too many open files", "too-many-open-files"),
            ("panic: runtime error: index out of range", "crash"),
            ("dial tcp: lookup db on 10.96.0.10:53: no such host", "dns-failure"),
            ("dial tcp 10.0.0.4:5432: connect: connection refused", "connection-refused"),
            ("pull access denied for shop/api, repository does not exist", "registry-denied"),
            ("password authentication failed for user app", "authentication-failed"),
            ("context deadline exceeded", "timeout"),
            ("open /etc/shadow: permission denied", "permission-denied"),
            ("environment variable DATABASE_URL is not set", "bad-configuration"),
        ],
    )
    def test_known_kinds(self, message, kind):
        line = read_line(message, Clock())
        assert kind_of(line) == kind
        assert level_of(line) in ("error", "critical")

    @pytest.mark.parametrize(
        "message",
        [
            "sync finished: 0 errors, failed=0",
            "no errors found",
            "error handler registered",
            "mounted / with options errors=remount-ro",
            "loaded error_page 404",
            'GET: "GET /error/timeout HTTP/1.1" 200 12',
            "fail2ban started",
            "INFO certificate check thread started, timeout=30",
            "DEBUG connection refused, trying the next",
        ],
    )
    def test_innocent_words_are_no_trouble(self, message):
        (line,) = read_lines(message)
        assert kind_of(line) is None
        assert level_of(line) in ("debug", "info")

    def test_a_shared_log_and_a_log_of_errors_have_no_last_words(self):
        own = log_clusters(read_lines("INFO: begin\nERROR: it broke"))
        shared = log_clusters(
            read_lines("Nov 20 09:00:00 h a: begin\nNov 20 09:00:01 h b: it failed")
        )
        tailed = log_clusters(read_lines("==> /var/log/x/error.log <==\nERROR: it broke"))
        assert [c.at_end for c in (*own, *shared, *tailed)] == [True, False, False]

    def test_lines_from_before_the_window_are_left_out(self):
        lines = [LogLine("it failed", at=NOON - timedelta(days=2)), LogLine("it failed", at=NOON)]
        (cluster,) = log_clusters(lines, since=NOON - timedelta(hours=6))
        assert cluster.count == 1


class TestKernelEvents:
    @pytest.mark.parametrize(
        "form",
        [
            "kern  :err   : 2026-11-20T09:00:00,123456+01:00 {}",
            "2026-11-20T09:00:00,123456+01:00 {}",
            "kern  :err   : [  512.123456] {}",
            "<3>[  512.123456] {}",
            "[  512.123456] {}",
            "[  512.123456][ T1021] {}",
            "[Fri Nov 20 09:00:00 2026] {}",
            "Nov 20 09:00:00 web1 kernel: [  512.123456] {}",
            "2026-11-20T09:00:00+0100 web1 kernel: {}",
            "{}",
        ],
    )
    @pytest.mark.parametrize(
        ("message", "kind", "subject"),
        [
            ("EXT4-fs (dm-3): Remounting filesystem read-only", "filesystem-error", "dm-3"),
            ("I/O error, dev sda, sector 8 op 0x0:(READ)", "io-error", "sda"),
            ("mce: CPU2: Core temperature above threshold", "thermal-throttle", "CPU"),
        ],
    )
    def test_every_form_of_the_log_is_read(self, form, message, kind, subject):
        (event,) = kernel_events(kernel_lines(form.format(message)))
        assert (event.kind, event.subject) == (kind, subject)

    def test_one_oops_on_many_lines_is_one_event(self):
        oops = (
            "BUG: kernel NULL pointer dereference, address: 0\n#PF: x\nPGD 0\nOops: 0000 [#1] SMP"
        )
        (event,) = kernel_events(kernel_lines(oops))
        assert (event.subject, event.count) == ("NULL pointer dereference", 1)

    def test_a_kill_that_the_log_no_longer_holds_is_told_by_who_asked(self):
        (event,) = kernel_events(kernel_lines("[ 1.0] node invoked oom-killer: gfp_mask=0xcc0"))
        assert (event.kind, event.subject) == ("oom-kill", "node")

    def test_a_server_that_answers_again_is_no_event(self):
        log = "nfs: server nas not responding, still trying\nnfs: server nas OK"
        assert kernel_events(kernel_lines(log)) == []
