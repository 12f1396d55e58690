"""Causes between findings: chains, circles, conditions, hosts."""

import pytest

from sme_tools.checks.causes import cause_graph
from sme_tools.checks.check import Check
from sme_tools.checks.conditions import FactContext
from sme_tools.checks.finding import Finding
from sme_tools.facts import Facts


def check(id, explains=()):
    return Check.model_validate(
        {"id": id, "title": id, "when": "true", "severity": "high", "remedy": "mend it",
         "explains": list(explains), "fires": {}, "clear": {}}
    )  # fmt: skip


def finding(check, *, host="web1", subject="host", severity="high", **facts):
    return Finding(check=check, host=host, subject=subject, severity=severity, title=check,
                   remedy="mend it", facts=facts)  # fmt: skip


@pytest.fixture
def contexts():
    return {
        host: FactContext(Facts.from_document({"host": host}, "test")) for host in ("web1", "web2")
    }


def roots(findings, checks, contexts):
    return [root.check for root in cause_graph(findings, checks, contexts).roots()]


def test_the_origin_is_found_through_its_victims(contexts):
    checks = [
        check("storage.full", ["services.failed"]),
        check("services.failed", ["containers.unhealthy"]),
        check("containers.unhealthy"),
    ]
    found = [finding("containers.unhealthy", severity="critical"), finding("services.failed"),
             finding("storage.full", severity="medium")]  # fmt: skip
    graph = cause_graph(found, checks, contexts)
    assert [root.check for root in graph.roots()] == ["storage.full"]
    origin = graph.roots()[0].fingerprint
    assert graph.accounted_for(origin) == {f.fingerprint for f in found} - {origin}
    assert graph.cause_of(found[0].fingerprint) == origin


def test_a_link_with_a_condition_ties_only_what_belongs_together(contexts):
    link = {"check": "services.failed", "when": "effect.folder.startsWith(cause.mount)"}
    checks = [check("storage.full", [link]), check("services.failed")]
    here = finding("services.failed", subject="app", folder="/srv/app")
    elsewhere = finding("services.failed", subject="db", folder="/var/db")
    graph = cause_graph([finding("storage.full", mount="/srv"), here, elsewhere], checks, contexts)
    assert graph.cause_of(here.fingerprint)
    assert graph.cause_of(elsewhere.fingerprint) is None


def test_a_link_whose_facts_are_missing_ties_nothing(contexts):
    link = {"check": "services.failed", "when": "effect.folder.startsWith(cause.mount)"}
    checks = [check("storage.full", [link]), check("services.failed")]
    found = [finding("storage.full", mount="/srv"), finding("services.failed")]
    assert len(roots(found, checks, contexts)) == 2


def test_findings_of_different_hosts_do_not_explain_each_other(contexts):
    checks = [check("storage.full", ["services.failed"]), check("services.failed")]
    found = [finding("storage.full"), finding("services.failed", host="web2")]
    assert len(roots(found, checks, contexts)) == 2


def test_a_circle_stands_for_its_gravest_finding(contexts):
    checks = [check("system.load", ["storage.slow"]), check("storage.slow", ["system.load"])]
    found = [finding("system.load"), finding("storage.slow", severity="critical")]
    assert roots(found, checks, contexts) == ["storage.slow"]


def test_a_circle_that_something_else_accounts_for_is_no_root(contexts):
    checks = [
        check("system.load", ["storage.slow"]),
        check("storage.slow", ["system.load"]),
        check("processes.hog", ["system.load"]),
    ]
    found = [finding("system.load"), finding("storage.slow"), finding("processes.hog")]
    assert roots(found, checks, contexts) == ["processes.hog"]


def test_what_accounts_for_more_comes_first(contexts):
    checks = [check("storage.full", ["services.failed"]), check("services.failed"),
              check("network.down")]  # fmt: skip
    found = [finding("network.down"), finding("services.failed"), finding("storage.full")]
    assert roots(found, checks, contexts) == ["storage.full", "network.down"]
