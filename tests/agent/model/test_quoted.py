"""Whatever a model copies of what it was shown is found; whatever it alters is not."""

import json
import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from model_cases import FENCE, evidence
from sme_agent.model.presenting import Presenter
from sme_agent.model.quoted import Quotable, bare
from sme_prompts.load import Prompts
from sme_tools.analysis.numbered import page
from sme_tools.analysis.search import search
from sme_tools.analysis.templates_view import templates_view

DF = """Filesystem     1K-blocks     Used Available Use% Mounted on
/dev/sda1       41152736 29118452  10012300  71% /
tmpfs               8192     8192         0 100% /srv/mail
"""
ID = "web1/df#1"


def found(quote, stdout, stderr=""):
    return Quotable({ID: evidence(ID, stdout, stderr=stderr)}).where(quote, [ID]) == ID


texts = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("0123456789 \t%/.,:\\\"'…\x1b[]m\u00a0\u200b\r│⋮"),
    ),
    max_size=120,
).map(lambda text: text.replace("\n", " "))
outputs = st.lists(texts, min_size=1, max_size=12).map("\n".join)
word = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyzäé/_-=:ABC"), min_size=1, max_size=9)
figure = st.integers(0, 10**7).map(str) | st.decimals(0, 999, places=1).map(str)
words = st.lists(word | figure, min_size=3, max_size=12)


@given(outputs, st.data())
def test_a_line_is_found_however_it_was_shown(output, data):
    shown = FENCE.around(
        data.draw(
            st.sampled_from(
                [
                    output,
                    page(output, 1, 50, most_chars=9000).render(),
                    search(output, ".", most=50, most_chars=9000).render(),
                ]
            )
        ),
        source=ID,
        most_chars=99_000,
    )
    lines = shown.split("\n")[1:-1]
    line = data.draw(st.sampled_from(lines))
    assume(len("".join(bare(line).split())) > 2)
    assert found(line, output)


@given(st.lists(words, min_size=1, max_size=6), st.data())
def test_a_piece_of_a_line_is_found_with_other_white_space(lines, data):
    output = "\n".join("   ".join(line) for line in lines)
    line = data.draw(st.sampled_from(lines))
    begin = data.draw(st.integers(0, len(line) - 1))
    piece = line[begin : data.draw(st.integers(begin + 1, len(line)))]
    blanks = data.draw(st.sampled_from([" ", "\t", "  ", "\n"]))
    quote = blanks.join(piece)
    assume(len(quote) > 2)
    assert found(quote, output)
    assert found(f"  {data.draw(st.integers(1, 900))}│ {quote}", output)
    assert found(f"`{quote}`", output)
    assert found(f"{quote} …[+512]", output)
    assert found(f"17:401│…{quote[1:]} …[+11]", output) or len(quote[1:].strip()) < 3


@given(st.lists(words, min_size=1, max_size=6), st.data())
def test_what_leaves_out_the_middle_is_found(lines, data):
    output = "\n".join(" ".join(line) for line in lines)
    line = data.draw(st.sampled_from([line for line in lines if len(line) > 2]))
    mark = data.draw(st.sampled_from([" … ", " ... ", " […] "]))
    quote = f"{line[0]}{mark}{line[-1]}"
    assume(len(line[0] + line[-1]) > 2)
    assert found(quote, output)


@given(st.lists(words, min_size=1, max_size=6), st.data())
@example([["used", "94.5", "of"]], None)
def test_an_altered_figure_is_not_found(lines, data):
    output = "\n".join(" ".join(line) for line in lines)
    if data is None:
        assert found("used 94.5 of", output)
        assert not any(found(q, output) for q in ("4.5 of", "used 94", "used 94.", "used 95.5 of"))
        return
    line = data.draw(st.sampled_from(lines))
    figures = [n for n, part in enumerate(line) if part[0].isdigit()]
    assume(figures)
    at = data.draw(st.sampled_from(figures))
    digits = [n for n, char in enumerate(line[at]) if char.isdigit()]
    place = data.draw(st.sampled_from(digits))
    other = data.draw(st.sampled_from("0123456789".replace(line[at][place], "")))
    altered = line[at][:place] + other + line[at][place + 1 :]
    quote = " ".join([*line[:at], altered, *line[at + 1 :]])
    assume(quote not in " ".join(output.split()))
    assert not found(quote, output)
    assert not found(f"12│ {quote}", output)


@pytest.mark.parametrize(
    ("quote", "holds"),
    [
        ("71% /", True),
        ("/dev/sda1 41152736 29118452 10012300 71% /", True),
        ("  2│ /dev/sda1       41152736 29118452", True),
        ("> 2│ /dev/sda1", True),
        ("/dev/sda1 … 71% /", True),
        ("tmpfs … 71% /", False),
        ("/dev/sda1 … 100%", False),
        ("/dev/sda1 … 1% /", False),
        ("1% /", False),
        ("00% /srv/mail", False),
        ("95% /", False),
        ("29118452 10012301", False),
        ("2911845", False),
        ("", False),
        ("…", False),
        (" ", False),
        ("12│", False),
        ("%", False),
        ("/", False),
        ("a disk that is full", False),
        ("/dev/sda1 41152736\n⋮ 812 lines\n100% /srv/mail", True),
        ("/dev/sda1 41152736\n99% /srv/mail", False),
    ],
)
def test_quotes_of_a_table(quote, holds):
    assert found(quote, DF) is holds


def test_a_short_quote_counts_where_it_is_the_whole_line():
    assert found("0", "0\n")
    assert not found("0", "10 0 0\n")


def test_escape_sequences_in_any_spelling_make_no_difference():
    line = "\x1b[31merror\x1b[0m: disk\u00a0full\u200b at 71%"
    for quote in (
        line,
        "error: disk full at 71%",
        "\\u001b[31merror\\u001b[0m: disk\\u00a0full",
        "error: disk\\u00a0full\\u200b at 71%",
        "\\x1b[31merror\\x1b[0m",
    ):
        assert found(quote, line), quote
    assert not found("error: disk full at 72%", line)
    written = '{"log":"\\u001b[31merror\\u001b[0m: caf\\u00e9 \\"x\\" full\\n"}'
    for quote in ('error: café "x" full', 'error\\u001b[0m: caf\\u00e9 \\"x\\"', "\x1b[31merror"):
        assert found(quote, written), quote


def test_an_escape_sequence_without_an_end_hides_no_other_line():
    assert found("the second line", "first \x1b]0;title\nthe second line\n")


def test_other_quotation_marks_make_no_difference():
    assert found("can't open “/srv/data”", 'can’t open "/srv/data"')


def test_json_on_one_line_is_found_as_it_was_laid_out():
    document = json.dumps({"disks": [{"name": f"sd{n}", "temp": 30 + n} for n in range(40)]})
    shown = page(document, 1, 400, most_chars=9000).render().split("\n")
    assert len(shown) > 40
    for line in shown:
        if len(bare(line)) > 2:
            assert found(line, document), line
    assert found('"name": "sd7", "temp": 37', document)
    assert not found('"name": "sd7", "temp": 38', document)


def test_every_example_of_a_log_by_templates_is_found():
    log = "\n".join(
        f"2026-11-20T10:{n // 60:02}:{n % 60:02} web nginx[{n}]: GET /health 200 {n}ms"
        if n % 50
        else f"2026-11-20T10:{n // 60:02}:{n % 60:02} web app: [error] timeout after {n} s"
        for n in range(300)
    )
    examples = [line for line in templates_view(log).render().split("\n") if "│" in line]
    assert len(examples) == 2
    assert all(found(line, log) for line in examples)


def test_both_streams_are_quoted_and_neither_borrows_from_the_other():
    assert found("no such file", "fine", stderr="ls: no such file")
    assert found("no such file", "", stderr="ls: no such file")


@given(texts)
def test_no_quote_breaks_it(quote):
    found(quote, DF)
    bare(quote)


def test_numbers_of_lines_are_those_that_are_paged_and_shown():
    item = evidence(ID, "", stderr="\n".join(f"line {n}" for n in range(900)))
    shown = Presenter(Prompts(), FENCE).evidence([item], 2000)
    (line,) = [line for line in shown.split("\n") if line.endswith("│ line 899")]
    assert line.startswith("900│")


def test_much_output_and_many_quotes_take_little_time():
    output = "\n".join(f"{n} \x1b[1mGET\x1b[0m /x{n} 200 \\u00e9" for n in range(60_000))
    quotable = Quotable({ID: evidence(ID, output)})
    began = time.process_time()
    for n in range(20):
        assert quotable.where(f"GET /x{n} … 200", [ID])
        assert quotable.where(f"{n} POST … never … 201", [ID]) is None
    assert time.process_time() - began < 20
