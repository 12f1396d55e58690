"""What is known of programs: each family's file, and lines as they are typed, with their verdicts.

`families/NAME.yaml` holds lists of lines under `read-only:`, `change:` and `refused:`; ⏎ stands for
a new line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
import yaml

from sme_tools.safety.policy.judge import judge
from sme_tools.safety.policy.languages import LANGUAGES
from sme_tools.safety.policy.program import Spec, family, of
from sme_tools.safety.policy.special import SPECIAL

LINES = Path(__file__).parent / "families"
PROGRAMS = resources.files("sme_tools.safety.policy") / "programs"
ENOUGH = 60


def _families() -> Iterator[tuple[str, str]]:
    for file in sorted(PROGRAMS.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            yield file.name, file.read_text("utf-8")


def _with_subcommands(spec: Spec) -> Iterator[Spec]:
    yield spec
    for inner in spec.subcommands.values():
        yield from _with_subcommands(of(inner))


@pytest.mark.parametrize("file", sorted(LINES.glob("*.yaml")), ids=lambda file: file.stem)
def test_each_line_has_the_verdict_under_which_it_stands(file: Path) -> None:
    lines: dict[str, list[str]] = yaml.safe_load(file.read_text("utf-8"))
    wrong = [
        f"{line!r} is {judgement.verdict.value}, not {verdict}: {judgement.reason}"
        for verdict, listed in lines.items()
        for line in listed
        if (judgement := judge(line.replace("⏎", "\n"))).verdict.value != verdict
    ]
    assert not wrong, "\n".join(wrong)
    assert sum(map(len, lines.values())) >= ENOUGH
    assert set(lines) == {"read-only", "change", "refused"}


def test_no_program_is_described_twice() -> None:
    names = [(name, file) for file, text in _families() for name, _ in family(text, file).named()]
    times = Counter(name for name, _ in names)
    twice = [(name, file) for name, file in names if times[name] > 1]
    assert not twice


@pytest.mark.parametrize(("file", "text"), list(_families()), ids=lambda value: value[:20])
def test_what_a_description_names_exists(file: str, text: str) -> None:
    described = [spec for _, top in family(text, file).named() for spec in _with_subcommands(top)]
    assert {spec.judged_by for spec in described} - {None} <= set(SPECIAL)
    assert {spec.language for spec in described} - {None} <= set(LANGUAGES)
