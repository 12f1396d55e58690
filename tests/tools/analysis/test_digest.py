"""Long outputs: numbered, paged, laid out, and shown by what stands out in them."""

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_tools.analysis.digest import Digest, digest
from sme_tools.analysis.json_layout import COMPACT, MOST_INDENT, laid_out
from sme_tools.analysis.numbered import Piece, lines_of, page

HOSTILE = st.text(
    alphabet=st.sampled_from('a0 \n\r\t\0{}[]",:=│⋮…%é\x1b\u2028error'), max_size=4000
)


def health_checks(count: int) -> list[str]:
    return [
        f"2026-11-20T09:{i // 60 % 60:02}:{i % 60:02}Z web nginx[7]: 10.0.0.{i % 250} GET /up {i}ms"
        for i in range(count)
    ]


def shown_numbers(shown: Digest) -> list[int]:
    return [part.number for part in shown.parts if isinstance(part, Piece)]


class TestDigest:
    def test_what_fits_is_given_untouched(self):
        text = "one\r\n\x1b[31mtwo\x1b[0m\n\n"
        shown = digest(text, most_chars=200)
        assert shown.is_whole
        assert shown.render() == text

    def test_a_failure_in_the_middle_of_health_checks_is_shown_with_its_number(self):
        lines = health_checks(20_000)
        lines[12_344] = "2026-11-20T09:30:00Z web app[9]: write /srv/a: No space left on device"
        shown = digest("\n".join(lines), most_chars=1500)
        assert f"12345│ {lines[12_344]}" in shown.render()
        assert shown.standing[12_345] == "no-space"
        assert {1, 20_000} <= set(shown_numbers(shown))

    def test_what_repeats_is_one_line_and_a_count(self):
        rendered = digest("\n".join(health_checks(20_000)), most_chars=3000).render()
        assert len(rendered) < 800
        assert re.search(r"⋮ 1999\d lines, 1999\d like 1\n", rendered)

    def test_what_is_said_once_among_thousands_is_shown(self):
        lines = health_checks(5_000)
        lines[3_210] = "2026-11-20T09:30:00Z web app[9]: the flux capacitor was exchanged"
        assert "flux capacitor" in digest("\n".join(lines), most_chars=1500).render()

    def test_a_value_off_its_column_is_shown(self):
        rows = [f"/dev/sd{i} ext4 {500 + i} {40 + i % 9}% up /data/{i}" for i in range(300)]
        rows[140] = "/dev/sd140 ext4 640 99% up /data/140"
        rows[200] = "/dev/sd200 ext4 700 41% sideways /data/200"
        rendered = digest("\n".join(rows), most_chars=1500).render()
        assert rows[140] in rendered
        assert rows[200] in rendered

    def test_a_restart_count_off_the_others_is_shown_with_its_neighbours_in_json(self):
        pods = [
            {"name": f"pod-{i}", "labels": {"app": "a" * 60, "tier": "b" * 40}, "restarts": 0}
            for i in range(400)
        ]
        pods[250]["restarts"] = 47
        rendered = digest(json.dumps(pods), most_chars=1500).render()
        assert '"restarts": 47' in rendered

    @pytest.mark.parametrize(
        "line",
        [
            "Out of memory: Killed process 4121 (postgres)",
            "   Reason:       CrashLoopBackOff",
            "md0 : active raid1 sdb1[1](F) sda1[0]",
            "   Main PID: 81 (code=exited, status=1/FAILURE)",
            "nginx: exited with code 137",
            "E1120 09:00:00.000001       1 main.go:12] it broke",
            "java.lang.IllegalStateException: no such bean",
            "NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.",
            '{"level":50,"msg":"it broke"}',
            "sshd[7]: Connection refused",
            '    "running": false,',
        ],
    )
    def test_words_of_trouble_stand_out(self, line):
        # Between lines that are all different, so that nothing stands out by being rare.
        words = ["alder", "birch", "cedar", "dogwood", "elm", "fir", "gingko", "hazel", "ivy"]
        around = [f"{a} {b} {c}" for a in words for b in words for c in words]
        lines = [*around[:400], line, *around[400:]]
        assert line in digest("\n".join(lines), most_chars=1200).render()

    @pytest.mark.parametrize("line", ["Failed Devices : 0", "0 errors", "errors=0", "timeout=30"])
    def test_a_count_of_none_does_not(self, line):
        words = ["alder", "birch", "cedar", "dogwood", "elm", "fir", "gingko", "hazel", "ivy"]
        around = [f"{a} {b} {c}" for a in words for b in words for c in words]
        shown = digest("\n".join([*around[:400], line, *around[400:]]), most_chars=1200)
        assert shown.standing == {}

    def test_the_reason_that_follows_an_error_is_shown_with_it(self):
        lines = health_checks(3_000)
        lines[1500:1500] = ["Traceback (most recent call last):", '  File "a.py", line 3, in f']
        lines[1502:1502] = ["    g()", "KeyError: 'volume'"]
        rendered = digest("\n".join(lines), most_chars=2000).render()
        assert "Traceback" in rendered and "KeyError: 'volume'" in rendered

    def test_a_long_line_is_cut_and_says_from_which_column_it_goes_on(self):
        line = "x" * 3000 + " ERROR here " + "y" * 3000
        shown = digest(f"begin\n{line}\n" + "end\n" * 500, most_chars=1500)
        (piece,) = [p for p in shown.parts if isinstance(p, Piece) and "ERROR" in p.text]
        assert piece.number == 2 and piece.column > 1
        assert line[piece.column - 1 :].startswith(piece.text)
        assert f"2:{piece.column}│…" in shown.render()
        assert f"…[+{piece.rest}]" in shown.render()

    @given(HOSTILE, st.integers(200, 1500))
    def test_pieces_are_verbatim_and_the_budget_holds(self, text, most_chars):
        shown = digest(text, most_chars=most_chars)
        assert len(shown.render()) <= max(most_chars, 200)
        lines = lines_of(text)
        covered = 0
        for part in shown.parts:
            if isinstance(part, Piece):
                line = lines[part.number - 1]
                assert line[part.column - 1 : part.column - 1 + len(part.text)] == part.text
                assert part.rest == len(line) - (part.column - 1 + len(part.text))
            else:
                covered += part.lines
        if not shown.is_whole:
            assert covered + len(set(shown_numbers(shown))) == len(lines) == shown.total_lines

    @pytest.mark.parametrize(
        "text",
        [
            "\0" * 2_000_000,
            "x" * 2_000_000,
            "\n" * 1_000_000,
            "[" * 500_000 + "]" * 500_000,
            "err 0 " * 300_000,
            ("error " * 3000 + "\n") * 100,
            json.dumps([[["a" * 50] * 3] * 1000] * 10),
        ],
        ids=["nul", "one line", "no lines", "brackets", "none", "errors", "json"],
    )
    def test_no_text_takes_long_or_exceeds_the_budget(self, text):
        began = time.perf_counter()
        assert len(digest(text, most_chars=2000).render()) <= 2000
        assert time.perf_counter() - began < 10

    def test_too_small_a_budget_is_refused(self):
        with pytest.raises(ValueError, match="200 characters"):
            digest("x", most_chars=100)


class TestPage:
    TEXT = "\n".join(f"line {n}" for n in range(1, 101)) + "\n"

    def test_lines_in_a_row_and_where_to_go_on(self):
        found = page(self.TEXT, 10, 3)
        assert found.render() == "10│ line 10\n11│ line 11\n12│ line 12"
        assert (found.next_line, found.next_column, found.total_lines) == (13, 1, 100)

    def test_a_negative_line_counts_from_the_end(self):
        found = page(self.TEXT, -2, 10)
        assert [piece.text for piece in found.pieces] == ["line 99", "line 100"]
        assert found.next_line is None

    def test_a_place_after_the_end_is_empty(self):
        found = page(self.TEXT, 500, 10)
        assert (found.pieces, found.next_line, found.render()) == ((), None, "")

    def test_a_page_ends_where_its_room_ends_and_the_next_goes_on_there(self):
        seen, at = [], 1
        while at:
            found = page(self.TEXT, at, 100, most_chars=150)
            seen += [piece.text for piece in found.pieces]
            at = found.next_line
        assert seen == self.TEXT.splitlines()

    @given(st.text(alphabet="ab ,", min_size=1, max_size=3000), st.integers(50, 900))
    def test_a_long_line_can_be_read_to_its_end(self, line, most_chars):
        read, number, column = "", 1, 1
        while number == 1:
            found = page(f"{line}x\nnext", 1, 1, column=column, most_chars=most_chars)
            read += found.pieces[0].text
            number, column = found.next_line, found.next_column
        assert read == f"{line}x"
        assert number == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=9), inner, max_size=6)
    ),
    max_leaves=60,
)


class TestJson:
    @given(JSON, st.sampled_from([None, (",", ":")]))
    def test_nothing_but_white_space_changes(self, value, separators):
        document = json.dumps({"all": value, "end": "x" * 200}, separators=separators)
        lines = laid_out(document)
        assert json.loads(lines) == json.loads(document)
        assert re.sub(r"\s", "", lines) == re.sub(r"\s", "", document)
        assert lines.count("\n") >= 2

    def test_what_is_short_stays_on_one_line(self):
        lines = laid_out(json.dumps([{"name": "sda", "size": n} for n in range(20)])).split("\n")
        assert lines[0] == "["
        assert lines[1] == ' {"name": "sda", "size": 0},'
        assert lines[-1] == "]"
        assert max(map(len, lines)) <= COMPACT + MOST_INDENT

    @pytest.mark.parametrize(
        "text", ['{"a": 1}', "{" + "x" * 300, "[1,\n2" + ",3" * 200 + "]", "[" * 100_000]
    )
    def test_what_is_short_or_no_document_of_one_line_stays(self, text):
        assert laid_out(text) == text

    def test_depth_does_not_make_it_grow(self):
        document = "[" * 900 + "1" + "]" * 900
        assert len(laid_out(document)) < len(document) * (MOST_INDENT + 3)
