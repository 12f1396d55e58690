"""The store: the shipped library and the user's own issues, as one."""

import pytest

from sme_knowledge.store import KnownIssues

FILE = """---
id: {id}
title: {title}
severity: low
status: {status}
applies_to: [linux]
symptoms: [it does not work]
root_cause: It is so.
resolution: [{{title: Mend it, run: "true", verify: {{run: "true"}}}}]
supersedes: [{supersedes}]
provenance: {{source: a test, recorded: 2026-11-20}}
---
"""


@pytest.fixture
def write(tmp_path):
    def write(folder, id, *, name=None, title="A title", status="validated", supersedes=""):
        path = tmp_path / folder / f"{name or id}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(FILE.format(id=id, title=title, status=status, supersedes=supersedes))
        return path.parent

    return write


def test_the_library_comes_with_the_program():
    issues = KnownIssues.load()
    assert "docker-root-full" in issues
    assert not issues.problems


def test_a_folder_that_is_not_there_is_no_problem(tmp_path):
    assert not KnownIssues.load(tmp_path / "none").problems


def test_an_issue_of_the_user_replaces_the_shipped_one(write):
    folder = write("mine", "docker-root-full", title="How we do it here")
    issues = KnownIssues.load(folder)
    issue = issues.get("docker-root-full")
    assert issue is not None
    assert issue.title == "How we do it here"
    assert len(issues) == len(KnownIssues.load())


def test_of_several_folders_the_last_one_counts(write):
    first, second = write("team", "ours", title="Team"), write("mine", "ours", title="Mine")
    issues = KnownIssues.load(first, second, shipped=False)
    assert [issue.title for issue in issues] == ["Mine"]


def test_one_broken_file_is_reported_and_the_others_load(write):
    folder = write("mine", "good-one")
    (folder / "broken.md").write_text("---\nid: [\n---\n")
    issues = KnownIssues.load(folder, shipped=False)
    assert list(issues.by_id) == ["good-one"]
    assert [str(problem).split("/")[-1][:12] for problem in issues.problems] == ["broken.md:3:"]


def test_two_files_with_one_id_are_reported_with_both_names(write):
    write("mine", "same-id", name="a", title="First")
    folder = write("mine", "same-id", name="b", title="Second")
    issues = KnownIssues.load(folder, shipped=False)
    assert [issue.title for issue in issues] == ["First"]
    assert "b.md" in str(issues.problems[0])
    assert "taken by a.md" in str(issues.problems[0])


def test_readme_and_hidden_files_are_no_issues(write):
    folder = write("mine", "good-one")
    (folder / "README.md").write_text("Our issues.")
    (folder / "._good-one.md").write_text("rubbish of another system")
    assert not KnownIssues.load(folder, shipped=False).problems


def test_a_superseded_issue_leads_to_its_successor(write):
    write("mine", "first-try", status="superseded")
    write("mine", "second-try", status="superseded", supersedes="first-try")
    folder = write("mine", "third-try", supersedes="second-try")
    issues = KnownIssues.load(folder, shipped=False)
    found = issues.get("first-try")
    assert found is not None
    assert found.id == "third-try"
    assert [issue.id for issue in issues.current()] == ["third-try"]
    assert not issues.problems


def test_an_issue_can_supersede_one_whose_file_is_gone(write):
    issues = KnownIssues.load(write("mine", "new-one", supersedes="old-one"), shipped=False)
    found = issues.get("old-one")
    assert found is not None
    assert found.id == "new-one"


def test_retired_issues_are_kept_but_not_recalled(write):
    write("mine", "old-one", status="retired")
    issues = KnownIssues.load(write("mine", "new-one", status="candidate"), shipped=False)
    assert issues.get("old-one") is not None
    assert [issue.id for issue in issues.current()] == ["new-one"]


def test_superseding_in_a_circle_is_reported_and_hides_nothing_for_ever(write):
    write("mine", "hen-first", supersedes="egg-first")
    issues = KnownIssues.load(write("mine", "egg-first", supersedes="hen-first"), shipped=False)
    assert "in its turn" in str(issues.problems[0])
    assert len(issues.current()) == 1
    assert issues.get("hen-first") is issues.get("egg-first")


def test_a_superseded_issue_without_successor_is_reported(write):
    issues = KnownIssues.load(write("mine", "old-one", status="superseded"), shipped=False)
    assert "no issue supersedes old-one" in str(issues.problems[0])


def test_an_unknown_id_gives_none():
    assert KnownIssues.load(shipped=False).get("nothing-here") is None
