"""The shipped library: each issue is complete, names what exists, and recognises its own example.

The facts for a signature are two files beside it: signatures/ID.fires.json, ID.clear.json.
"""

import subprocess
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from sme_knowledge.bm25 import Bm25Retriever
from sme_knowledge.known_issue import KnownIssue
from sme_knowledge.store import KnownIssues
from sme_tools.checks.check import load_checks
from sme_tools.checks.conditions import Clear, Condition, FactContext, Failed, Holds
from sme_tools.checks.references import unknown_references
from sme_tools.facts import Facts
from sme_tools.probes.registry import probes

LIBRARY = KnownIssues.load()
ISSUES = {issue.id: issue for issue in LIBRARY}
SIGNED = [issue for issue in LIBRARY if issue.signature is not None]
EXAMPLES = Path(__file__).parent / "signatures"

each_issue = pytest.mark.parametrize("issue", LIBRARY, ids=lambda issue: issue.id)
each_signed_issue = pytest.mark.parametrize("issue", SIGNED, ids=lambda issue: issue.id)


def example(issue: KnownIssue, kind: str) -> Facts:
    name = f"{issue.id}.{kind}.json"
    return Facts.from_json((EXAMPLES / name).read_text("utf-8"), name)


def judge(condition: str, facts: Facts, each: str | None = None):
    return Condition.compile(condition, each).evaluate(FactContext(facts))


@pytest.fixture(scope="module")
def examples():
    """The facts of every example, ready for conditions."""
    return {
        path.name: FactContext(Facts.from_json(path.read_text("utf-8"), path.name))
        for path in EXAMPLES.glob("*.json")
    }


@pytest.fixture(scope="module")
def checks():
    return {check.id: check for check in load_checks()}


def conditions(issue: KnownIssue):
    """Every condition of an issue, with its `each`."""
    if issue.signature is not None:
        yield issue.signature.when, issue.signature.each
    for look in issue.diagnosis:
        yield from ((text, None) for text in (look.supports, look.refutes) if text)
    yield from ((step.verify.when, None) for step in issue.resolution if step.verify.when)


def test_every_file_of_the_library_loads():
    assert not LIBRARY.problems
    assert len(LIBRARY) >= 28


@pytest.mark.parametrize(
    "id",
    [
        "cuda-304-storage-exhausted",
        "container-lacks-gpu-access",
        "ollama-on-cpu",
        "s6-permission-proxmox",
        "docker-root-full",
        "pool-not-mounted",
        "registry-auth-refused",
        "inference-backend-api-mismatch",
    ],
)
def test_what_the_homelab_went_through_is_known(id):
    assert "homelab" in ISSUES[id].provenance.source


@each_issue
def test_an_issue_is_complete(issue):
    assert issue.path is not None
    assert issue.path.stem == issue.id
    assert len(issue.symptoms) >= 5
    assert len(issue.diagnosis) >= 2
    assert len(issue.resolution) >= 3
    assert issue.prevention
    assert len(issue.story) > 50


@each_issue
def test_an_issue_names_only_facts_that_a_probe_states(issue):
    unknown = [
        f"{text}: {path}"
        for text, each in conditions(issue)
        for path in unknown_references(text, each)
    ]
    assert not unknown


@each_issue
def test_an_issue_names_only_probes_and_checks_that_exist(issue, checks):
    named = {*issue.explains, *(item.check for item in issue.prevention if item.check)}
    assert named <= set(checks)
    assert {look.probe for look in issue.diagnosis} <= set(probes())


@each_issue
def test_the_limit_of_a_prevention_is_one_that_its_check_has(issue, checks):
    for item in issue.prevention:
        assert item.limit is None or (item.check and checks[item.check].limits)


@each_issue
def test_the_commands_of_an_issue_are_shell(issue):
    for step in issue.resolution:
        for text in filter(None, (step.run, step.undo, step.verify.run)):
            parsed = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True)
            assert not parsed.stderr, text


@each_signed_issue
def test_a_signature_recognises_its_issue(issue):
    verdict = judge(issue.signature.when, example(issue, "fires"), issue.signature.each)
    assert isinstance(verdict, Holds)


@each_signed_issue
def test_a_signature_leaves_a_host_without_the_issue_alone(issue):
    verdict = judge(issue.signature.when, example(issue, "clear"), issue.signature.each)
    assert isinstance(verdict, Clear)


@each_signed_issue
def test_no_look_of_the_diagnosis_refutes_the_issues_own_example(issue):
    facts = example(issue, "fires")
    for look in issue.diagnosis:
        if look.refutes:
            assert not isinstance(judge(look.refutes, facts), Holds | Failed), look.refutes


@each_issue
def test_no_condition_fails_on_the_facts_of_any_example(issue, examples):
    for text, each in conditions(issue):
        condition = Condition.compile(text, each)
        for name, context in examples.items():
            assert not isinstance(condition.evaluate(context), Failed), (text, name)


def test_an_example_belongs_to_an_issue_that_exists():
    assert {path.name for path in EXAMPLES.iterdir()} == {
        f"{issue.id}.{kind}.json" for issue in SIGNED for kind in ("fires", "clear")
    }


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_an_example_holds_facts_as_probes_state_them(path):
    """Only what a test does not need may be left out of an item."""
    facts = Facts.from_json(path.read_text("utf-8"), path.name)
    for probe in probes().values():
        value = facts.get(probe.id)
        if value is None:
            continue
        try:
            TypeAdapter(probe.returns).validate_python(value)
        except ValidationError as error:
            wrong = [e for e in error.errors() if e["type"] != "missing"]
            assert not wrong, wrong


def test_the_two_causes_of_cuda_error_304_are_told_apart():
    """The same number on the screen; only the facts say which of the two it is."""
    storage, calls = ISSUES["cuda-304-storage-exhausted"], ISSUES["cuda-304-refused-os-calls"]
    full_disk, missing_node = example(storage, "fires"), example(calls, "fires")
    refutes = next(look.refutes for look in calls.diagnosis if look.refutes)

    assert isinstance(judge(storage.signature.when, full_disk, storage.signature.each), Holds)
    assert isinstance(judge(refutes, full_disk), Holds)

    assert isinstance(judge(calls.signature.when, missing_node), Holds)
    assert not isinstance(
        judge(storage.signature.when, missing_node, storage.signature.each), Holds
    )


@pytest.mark.parametrize(
    ("query", "id"),
    [
        ("CUDA_ERROR_OPERATING_SYSTEM after the disk filled up", "cuda-304-storage-exhausted"),
        ("cuda error 304 with nvidia-uvm missing", "cuda-304-refused-os-calls"),
        ("ollama is slow, 30 seconds for one answer, 100% CPU", "ollama-on-cpu"),
        ("could not select device driver with capabilities gpu", "container-lacks-gpu-access"),
        ("s6-applyuidgid fatal on my plex image", "s6-permission-proxmox"),
        ("ghcr.io denied when pulling", "registry-auth-refused"),
        ("docker eats my whole root partition, overlay2 is huge", "docker-root-full"),
        ("all my files vanished after reboot, folder is empty", "pool-not-mounted"),
        ("404 on v1/chat/completions since I moved to vllm", "inference-backend-api-mismatch"),
        ("df -h shows space but no space left on device, df -i 100%", "inodes-exhausted"),
        ("pihole cannot start, port 53", "port-53-held-by-resolved"),
        ("nf_conntrack table full", "conntrack-table-full"),
        ("pvecm says not quorate", "proxmox-no-quorum"),
        ("Xid 79", "gpu-fallen-off-bus"),
        ("mysqld was killed, out of memory", "oom-kill"),
        ("ErrImagePull", "kubernetes-image-pull"),
        ("stale file handle on the NAS share", "nfs-stale-mount"),
        ("/dev/shm is full, tmpfs 100%", "tmpfs-full"),
        ("defunct processes that kill -9 does not remove", "zombies-not-buried"),
        ("supervisorctl says BACKOFF", "supervisord-crash-loop"),
    ],
)
def test_the_library_is_found_by_what_people_type(query, id):
    assert Bm25Retriever(LIBRARY.current()).search(query)[0].issue.id == id
