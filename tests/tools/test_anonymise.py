"""Addresses and names are hidden consistently, and come back as they were."""

import html

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sme_tools.safety.anonymise import Anonymiser


def hidden(text: str) -> str:
    return Anonymiser(hosts=["nas", "web1"], users=["bob"]).hide(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ping 10.0.0.5 from 10.0.0.7, not 10.0.1.5", "ping <ip:1.1> from <ip:1.2>, not <ip:2.1>"),
        ("inet 10.0.0.5/24 brd 10.0.0.255", "inet <ip:1.1>/24 brd <ip:1.2>"),
        ("10.0.0.0/24 via 10.0.0.1", "<ip:1.0>/24 via <ip:1.1>"),
        ("range 10.0.0.10-10.0.0.20.", "range <ip:1.1>-<ip:1.2>."),
        ("to 8.8.8.8:53", "to <public-ip:1.1>:53"),
        ("fe80::1%eth0 and fd00:0:0:1::5", "<ip6:1.1>%eth0 and <ip6:2.1>"),
        ("[2a00:1450:4001::1]:443", "[<public-ip6:1.1>]:443"),
        ("52:54:00:ab:cd:ef and 52-54-00-AB-CD-EF", "<mac:1> and <mac:2>"),
        ("bob@web1 ssh to nas.", "<user:1>@<host:1> ssh to <host:2>."),
        ("mail to bob.b@lab.example.net", "mail to <mail:1>"),
        ("https://grafana.lab.example.net:3000/d", "https://<host:1>:3000/d"),
        ("WEB1 is web1", "<host:1> is <host:2>"),
        ("saw <ip:1.1> and 10.0.0.1", "saw <text:1> and <ip:1.1>"),
    ],
)
def test_who_and_where_is_hidden(text, expected):
    assert hidden(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1 ::1 :: 0.0.0.0 255.255.255.0 224.0.0.251 ff02::1 localhost root",
        "openssl 1.2.3.4-1ubuntu2 libfoo_1.2.3.4 foo-1.2.3.4 v1.2.3.4",
        "version 1.2.3.4 Version: 1.2.3.4",
        "at 10:00:00 sha256:ab:cd std::string 1.2.3.4.5 999.1.1.1",
        "docker.io/library/nginx github.com/x/y app.py nginx.service web1-old webnas bobby",
        "UUID=2c1d6a3e-7f0b-4d55-9a44-1be1c2d3e4f5 <secret:password:1>",
    ],
)
def test_what_says_nothing_about_anybody_stays(text):
    assert hidden(text) == text


def test_same_name_has_the_same_placeholder_throughout():
    anonymiser = Anonymiser()
    assert anonymiser.hide("10.0.0.5") == anonymiser.hide("at 10.0.0.5 again")[3:11]
    assert anonymiser.hide("10.0.0.9") == "<ip:1.2>"


def test_answer_is_revealed_whatever_stands_around_the_placeholders():
    anonymiser = Anonymiser(hosts=["web1"])
    assert anonymiser.hide("web1 is 10.0.0.5") == "<host:1> is <ip:1.1>"
    answer = "**<host:1>**'s `<ip:1.1>:22`: ssh root@<IP:1.1>\n| <host:1>|<host:9>"
    assert anonymiser.reveal(answer) == (
        "**web1**'s `10.0.0.5:22`: ssh root@10.0.0.5\n| web1|<host:9>"
    )
    assert anonymiser.reveal(html.escape("<host:1> & <ip:1.1>")) == "web1 &amp; 10.0.0.5"
    assert anonymiser.reveal(r"\<host:1\>") == "web1"


HIDDEN = """
10.0.0.5 10.0.0.6 8.8.8.8 fe80::1 ::ffff:10.0.0.1 52:54:00:ab:cd:ef web1 nas bob
db1.lan.example.net bob@example.net root 1.2.3.4
"""
LOOK_ALIKES = r"<ip:1.1> <host:1> <text:1> &lt;ip:1.1&gt; \<ip:1.1\> <HOST:1>"
BETWEEN = r"< > \ &lt; &gt; <ip: ip:1.1 : . - @ / 1"
PIECES = st.one_of(
    st.sampled_from([*HIDDEN.split(), *LOOK_ALIKES.split(), *BETWEEN.split(), " ", "\n"]),
    st.text(max_size=4),
)


@settings(max_examples=1500, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
@example("\\10.0.0.1\\>")
@example("<host:10.0.0.1>")
@example("&lt;10.0.0.1&gt;")
def test_what_was_hidden_comes_back_as_it_was(text):
    anonymiser = Anonymiser(hosts=["web1", "nas"], users=["bob"])
    assert anonymiser.reveal(anonymiser.hide(text)) == text


@settings(max_examples=500, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=6).map("".join), max_size=4))
def test_texts_that_were_hidden_one_after_another_come_back_too(texts):
    anonymiser = Anonymiser(hosts=["web1", "nas"], users=["bob"])
    outputs = [anonymiser.hide(text) for text in texts]
    assert [anonymiser.reveal(output) for output in outputs] == texts


def test_names_that_are_learned_later_are_hidden_from_then_on():
    anonymiser = Anonymiser(hosts=["nas"])
    assert anonymiser.hide("nas truenas alice") == "<host:1> truenas alice"
    anonymiser.know(hosts=["truenas", "localhost"], users=["alice"])
    hidden = anonymiser.hide("nas truenas alice localhost")
    assert hidden == "<host:1> <host:2> <user:1> localhost"
    assert anonymiser.reveal(hidden) == "nas truenas alice localhost"
