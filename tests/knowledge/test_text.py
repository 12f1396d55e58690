"""Different spellings of one thing have a token in common."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_knowledge.text import stem, terms, tokens


@pytest.mark.parametrize(
    "text",
    [
        "CUDA_ERROR_OPERATING_SYSTEM",
        "cudaErrorOperatingSystem (304)",
        "cuda error 304",
        "CUDA failure 304: OS call failed",
        "Error at driver init: Call to cuInit results in 304",
    ],
)
def test_an_error_code_of_cuda_is_known_by_number_and_by_name(text):
    assert "cuda304" in tokens(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s6-applyuidgid", "s6 applyuidgid"),
        ("s6-applyuidgid", "s6applyuidgid"),
        ("ErrImagePull", "errimagepull"),
        ("time-out", "timeout"),
        ("k8s", "Kubernetes"),
        ("transcoding", "transcode"),
        ("permissions", "permission"),
        ("mounted", "mount"),
        ("hw transcoding", "hardware transcode"),
        ("out of memory", "OOM"),
        ("no space left on device", "disk full"),
        ("EADDRINUSE", "address already in use"),
        ("Xid (PCI:0000:01:00): 79", "xid 79"),
        ("exit code 137", "SIGKILL"),
        ("429", "429 Too Many Requests"),
        ("Temporary failure in name resolution", "DNS"),
        ("ｄｏｃｋｅｒ", "docker"),
        ("/dev/nvidia-uvm", "nvidia-uvm"),
        ("磁盘已满", "磁盘满了"),
    ],
)
def test_spellings_of_one_thing_meet(one, other):
    assert set(tokens(one)) & set(tokens(other))


@pytest.mark.parametrize(
    "text",
    [
        "0x7f3a9c00 0000:01:00.0 v1.10.3 2026-11-20 10:11:12 deadbeefcafe1234 1732093872",
        "how do I, and why does it not, with the",
        "!!! ??? *** \x00\x01",
        "",
    ],
)
def test_what_tells_no_issue_from_another_gives_no_term(text):
    assert [term.shown for term in terms(text) if term.tokens] == []


def test_a_term_is_shown_as_the_user_wrote_it():
    assert terms("S6-ApplyUidGid")[0].shown == "S6-ApplyUidGid"


def test_of_a_very_long_text_head_and_tail_are_read():
    found = tokens("conntrack " + "x " * 500_000 + "quorum")
    assert "conntrack" in found
    assert "quorum" in found


@pytest.mark.parametrize("name", ["nvidia", "dns", "gpu", "proc", "bus", "nfs"])
def test_names_of_the_trade_are_not_shortened_into_others(name):
    assert stem(name) in {name, name.removesuffix("s")}


@given(st.text())
def test_any_text_gives_tokens_of_letters_and_digits(text):
    for token in tokens(text):
        assert token
        assert not any(char.isspace() or char in "\"'-_.:*^(){}\x00" for char in token)
