"""Small known issues, made in memory."""

import datetime

import pytest

from sme_knowledge.known_issue import KnownIssue, Provenance, Step, Verification


@pytest.fixture
def make_issue():
    """An issue with this id and title; other fields as given."""

    def make(id: str, title: str, **fields) -> KnownIssue:
        values = {
            "severity": "medium",
            "status": "validated",
            "applies_to": ["linux"],
            "symptoms": [title],
            "root_cause": "It is so.",
            "resolution": [
                Step(title="Mend it", run="true", verify=Verification(run="true")),
            ],
            "provenance": Provenance(source="a test", recorded=datetime.date(2026, 11, 20)),
        }
        return KnownIssue(id=id, title=title, **(values | fields))

    return make


@pytest.fixture
def few_issues(make_issue):
    return [
        make_issue(
            "cuda-304",
            "CUDA error 304 in a container",
            symptoms=["cudaErrorOperatingSystem (304)", "OS call failed"],
            root_cause="A system call of the driver is refused.",
        ),
        make_issue(
            "s6-permissions",
            "s6-overlay can't drop privileges",
            symptoms=["s6-applyuidgid: fatal: unable to set supplementary group list"],
        ),
        make_issue(
            "port-taken",
            "Port 53 is already in use",
            symptoms=["bind: address already in use"],
        ),
        make_issue(
            "disk-full",
            "Docker's disk is full",
            symptoms=["no space left on device"],
            root_cause="Images of containers fill the disk.",
        ),
        make_issue(
            "image-pull",
            "Kubernetes can't pull an image",
            symptoms=["ImagePullBackOff", "ErrImagePull"],
        ),
    ]
