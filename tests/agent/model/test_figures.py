"""Shares in a claim must come from somewhere; other figures are left alone."""

import pytest

from sme_agent.model.figures import unfounded

DF = """Filesystem 1K-blocks Used Available Use% Mounted on
/dev/sda1 41152736 29118452 10012300 71% /
tmpfs 8192 3200 4992 40% /run
"""
FREE = """       total   used   free  shared  buff/cache  available
Mem:  32768000 31100000 400000  1000  1268000  900000
"""
PS = """%CPU %MEM   PID COMMAND
97.3  1.2  4711 ffmpeg
"""
FACTS = {"filesystems": [{"mount": "/", "used_percent": 71.2, "total_bytes": 42140401664}]}


@pytest.mark.parametrize(
    ("claim", "outputs", "facts", "wrong"),
    [
        ("/ is 71 % full", [DF], [], []),
        ("/ is 71% full", [DF], [], []),
        ("/ ist zu 71 Prozent voll", [DF], [], []),
        ("/ is 95 % full", [DF], [], ["95 %"]),
        ("/ is 95% full", [], [FACTS], ["95%"]),
        ("/ is 71 % full", [], [FACTS], []),
        ("/ is 71.2 % full", [], [FACTS], []),
        ("/ ist zu 71,2 % voll", [], [FACTS], []),
        ("/ is 71.3 % full", [], [FACTS], ["71.3 %"]),
        ("/ is about 70 % full", [DF], [], []),
        ("/ is over 65 % full", [DF], [], ["65 %"]),
        ("29 % of / is free", [DF], [], []),
        ("72 % are gone", [DF], [], ["72 %"]),
        ("95 % of memory is used", [FREE], [], []),
        ("only 3 % are available", [FREE], [], []),
        ("62 % of memory is used", [FREE], [], ["62 %"]),
        ("ffmpeg takes 97 % of a core", [PS], [], []),
        ("ffmpeg takes 97.3 % of a core", [PS], [], []),
        ("ffmpeg takes 47 % of a core", [PS], [], ["47 %"]),
        ("a share of 88 %", ["ratio 0.88"], [], []),
        ("a share of 88 %", [], [{"ratio": 0.881}], []),
        ("71 % of / and 96 % of /run", [DF], [], ["96 %"]),
        ("port 5432, exit code 137, 3 of 12 containers, since 09:40, 12 GiB", [DF], [], []),
        ("nginx-95% and v1.95%", [DF], [], []),
        ("nothing to check", [], [], []),
        ("it is 50 % full", [], [], ["50 %"]),
    ],
)
def test_shares(claim, outputs, facts, wrong):
    assert unfounded(claim, outputs, facts) == wrong


def test_a_threshold_that_a_check_names_is_no_invention():
    assert unfounded("71 %, above the limit of 68 %", [DF], [], ["f.used_percent >= 68.0"]) == []
    assert unfounded("71 %, above the limit of 68 %", [DF], [], ["f.used_percent >= 90.0"])


def test_what_people_say_has_no_parts():
    assert unfounded("it is 50 % full", [], [], ["3 of 6 are down"]) == ["50 %"]
