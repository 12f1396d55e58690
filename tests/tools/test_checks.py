"""The shipped checks, and how check files are read."""

import pytest

from sme_tools.checks.check import Check, load_checks, parse_checks, shipped_checks
from sme_tools.checks.finding import SEVERITIES
from sme_tools.checks.run import run_checks
from sme_tools.checks.testing import examine_checks
from sme_tools.errors import CheckInvalid
from sme_tools.facts import Facts

ONE = """
- id: storage.too-full
  title: "{f.mount} is {f.used_percent:percent} full"
  subject: "{f.mount}"
  each: storage.filesystems as f
  when: f.used_percent >= limits.used_percent
  limits: {used_percent: 95}
  severity: critical
  remedy: Free space on {f.mount}.
  fires: {storage: {filesystems: [{mount: /, used_percent: 97.0}]}}
  clear: {storage: {filesystems: [{mount: /, used_percent: 40.0}]}}
"""


def facts(**values):
    return Facts.from_document({"host": "web1", **values}, "test")


def test_shipped_checks_name_only_facts_that_probes_state_and_their_examples_hold():
    report = examine_checks(shipped_checks())
    assert report.problems == []
    assert report.tested >= 60


def test_a_finding_names_subject_figure_and_remedy():
    (check,) = parse_checks(ONE, "own.yaml")
    values = {"storage": {"filesystems": [{"mount": "/srv", "used_percent": 99.5}]}}
    (finding,) = run_checks([check], facts(**values)).findings
    assert finding.title == "/srv is 99.5 % full"
    assert finding.remedy == "Free space on /srv."
    assert finding.subject == "/srv"


def test_a_fingerprint_is_stable_across_figures_and_differs_between_subjects_and_hosts():
    (check,) = parse_checks(ONE, "own.yaml")

    def print_of(mount, used, host="web1"):
        values = {"storage": {"filesystems": [{"mount": mount, "used_percent": used}]}}
        (finding,) = run_checks([check], facts(**values | {"host": host})).findings
        return finding.fingerprint

    assert print_of("/", 97.0) == print_of("/", 99.0)
    assert len({print_of("/", 97.0), print_of("/srv", 97.0), print_of("/", 97.0, "web2")}) == 3


def test_limits_of_the_host_override_those_of_the_check():
    (check,) = parse_checks(ONE, "own.yaml")
    values = facts(storage={"filesystems": [{"mount": "/", "used_percent": 97.0}]})
    assert run_checks([check], values).findings
    assert not run_checks(
        [check], values, limits={"storage.too-full": {"used_percent": 98.0}}
    ).findings
    assert not run_checks([check], values, disabled=["storage.too-full"]).findings


def test_a_condition_that_errs_is_reported_and_gives_no_finding():
    (check,) = parse_checks(ONE.replace("f.used_percent >=", "f.mount >="), "own.yaml")
    values = facts(storage={"filesystems": [{"mount": "/", "used_percent": 97.0}]})
    result = run_checks([check], values)
    assert result.findings == []
    assert "storage.too-full" in result.failed


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("f.used_percent >=", "f.used_precent >=", "f.used_precent"),
        ("limits.used_percent", "limits.used", "limits.used"),
        ("filesystems as f", "filesytems as f", "storage.filesytems"),
        ("f.used_percent >=", "f.used_percent >> ", "CEL"),
        ("is {f.used_percent:percent}", "is {f.usage}", "f.usage"),
        ("severity: critical", "severity: low\n  deepen: [storage.nothing]", "storage.nothing"),
        ("severity: critical", "severity: low\n  explains: [storage.nothing]", "storage.nothing"),
        ("used_percent: 97.0", "used_percent: 17.0", "the example gives: clear"),
    ],
)
def test_testing_a_check_finds_its_mistakes(before, after, complaint):
    checks = parse_checks(ONE.replace(before, after), "own.yaml")
    problems = [p.problem for p in examine_checks(checks).problems]
    assert any(complaint in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("severity: critical", "severity: grave", "own.yaml:8: severity:"),
        ("remedy:", "cure:", "own.yaml:9: cure: there is no such field; allowed: id, title"),
        ("  title:", "  titel:", "title"),
        ("- id: storage.too-full", "- id: Storage Full", "own.yaml:2: id:"),
        (":percent}", ":percents}", "formats: bytes"),
        ("each: storage", "each: [storage", "own.yaml"),
        (
            "remedy:",
            "severity: low\n  remedy:",
            "own.yaml:9: not valid YAML: 'severity' comes twice",
        ),
        ("severity: critical", "severity: " + "[" * 100_000, "own.yaml:1: nested too deeply"),
    ],
)
def test_a_broken_file_is_refused_with_line_field_and_what_is_allowed(before, after, complaint):
    with pytest.raises(CheckInvalid) as caught:
        parse_checks(ONE.replace(before, after), "own.yaml")
    assert complaint in str(caught.value)


def test_a_check_of_the_users_replaces_a_shipped_one(tmp_path):
    shipped = shipped_checks()[0]
    (tmp_path / "own.yaml").write_text(ONE.replace("storage.too-full", shipped.id))
    checks = load_checks(tmp_path)
    assert len(checks) == len(shipped_checks())
    (own,) = [check for check in checks if check.id == shipped.id]
    assert own.severity == "critical"
    assert own.title.endswith("full")


def test_every_severity_is_one_of_ours():
    assert {check.severity for check in shipped_checks()} <= set(SEVERITIES)
    assert all(isinstance(check, Check) for check in shipped_checks())
