"""Changes on disk: what was saved stays, and what was kept of a file goes when it is forgotten."""

import stat

import pytest

from changing import Site, action, fill
from incident_stories import evidence
from sme_memory.changes import ChangeStore
from sme_tools.actions.journal import Change, FileState, KeptFile
from sme_tools.errors import StateError, UsageError

SECRET = b"password=hunter2-and-more\n"


@pytest.fixture
def store(tmp_path) -> ChangeStore:
    return ChangeStore(tmp_path / "changes.db")


def begun(tmp_path, **fields) -> Change:
    site = Site(tmp_path)
    fill(site.tree)
    return Change.begin(site.plan(action("true")), actor="user ann", **fields)


def kept(contents: bytes = SECRET) -> KeptFile:
    return KeptFile(state=FileState(path="/etc/x", exists=True, mode=0o600), contents=contents)


def test_a_change_is_read_back_as_it_was_saved(store, tmp_path):
    change = begun(tmp_path, approvals=["a"], incident="20261120-094000-77aa")
    store.save(change)
    assert store.load(change.id) == store.load("last") == store.load(change.id[:20]) == change
    assert store.of_incident("20261120-094000-77aa") == [change]
    assert store.of_incident("another") == []


def test_what_is_over_is_not_unfinished(store, tmp_path):
    change = begun(tmp_path)
    store.save(change)
    assert store.unfinished() == [change]
    change.phase = "ended"
    store.save(change)
    assert store.unfinished() == []


def test_evidence_comes_in_order(store, tmp_path):
    change = begun(tmp_path)
    store.save(change, [evidence("b"), evidence("a")])
    store.save(change, [evidence("0")])
    assert [e.step for e in store.evidence(change.id)] == ["b", "a", "0"]


def test_no_such_change(store, tmp_path):
    with pytest.raises(UsageError, match="nothing was changed yet"):
        store.load("last")
    store.save(begun(tmp_path).model_copy(update={"id": "20261120-1"}))
    store.save(begun(tmp_path).model_copy(update={"id": "20261120-2"}))
    with pytest.raises(UsageError, match="several changes begin with '20261120'"):
        store.load("20261120")
    with pytest.raises(UsageError, match="no change 'x'"):
        store.load("x")


def test_kept_files_are_for_the_owner_alone_and_gone_when_forgotten(store, tmp_path):
    change = begun(tmp_path)
    store.save(change)
    store.keep(change.id, 0, [kept(b"first")])
    store.keep(change.id, 0, [kept()])
    assert store.kept(change.id, 0) == [kept()]
    assert store.kept(change.id, 1) == []
    files = list(tmp_path.glob("changes.db*"))
    assert any(SECRET in file.read_bytes() for file in files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    store.forget(change.id)
    assert store.kept(change.id, 0) == []
    assert not any(SECRET in file.read_bytes() for file in tmp_path.glob("changes.db*"))


def test_a_damaged_change_is_said(store, tmp_path):
    change = begun(tmp_path)
    store.save(change)
    with store._database.write() as database:
        database.execute("UPDATE change SET document = '{}'")
    with pytest.raises(StateError, match="holds a damaged change"):
        store.load("last")


def test_one_approval_may_be_for_all_actions_but_not_for_some(tmp_path):
    plan = Site(tmp_path).plan(*[action("true")] * 3)
    change = Change.begin(plan, actor="user ann", approvals=["a"])
    assert [record.approval for record in change.actions] == ["a"] * 3
    with pytest.raises(ValueError, match="3 actions, but 2 approvals"):
        Change.begin(plan, actor="user ann", approvals=["a", "b"])
