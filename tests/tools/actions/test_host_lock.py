"""One change at a time on a host, wherever it comes from."""

import subprocess
import threading

import pytest

from changing import QuickClock, Site, action, fill
from sme_tools.actions.host_lock import HostLock
from sme_tools.actions.journal import Change
from sme_tools.actions.outcome import Outcome
from sme_tools.errors import HostBusy
from sshd import Client, Sshd, needs_root


@pytest.fixture
def lock(site):
    return HostLock(site.hands, QuickClock(), (str(site.locks),))


def change(site, **fields) -> Change:
    plan = site.plan(action("true"))
    return Change.begin(plan, actor="user ann", approvals=["a"], **fields)


def test_the_lock_says_who_holds_it_and_what_to_do(site, lock):
    first = change(site, incident="20261120-094000-77aa")
    held, again = lock.take(first, "a")
    assert not again
    assert lock.holder() == held.__class__(**{**vars(held), "path": f"{site.locks}/debug-sme.lock"})
    with pytest.raises(HostBusy) as refused:
        lock.take(change(site), "a")
    message = str(refused.value)
    assert f"change {first.id} for incident 20261120-094000-77aa, by user ann from" in message
    assert held.since in message
    assert "sme fix --resume 20261120-094000-77aa" in refused.value.remedy


def test_the_same_change_may_enter_again(site, lock):
    mine = change(site)
    held, _ = lock.take(mine, "a")
    assert lock.take(mine, "a") == (held, True)
    lock.give_back(mine.id, "a")
    assert lock.holder() is None
    assert list(site.locks.iterdir()) == []
    _, again = lock.take(mine, "a")
    assert not again


def test_a_lock_of_another_is_not_given_back(site, lock):
    held, _ = lock.take(change(site), "a")
    lock.give_back(change(site).id, "a")
    left = lock.holder()
    assert left is not None
    assert left.change == held.change


@pytest.mark.parametrize("kind", ["folder", "link", "text"])
def test_whatever_lies_where_the_lock_should_be_keeps_it_from_us(site, lock, kind):
    path = site.locks / "debug-sme.lock"
    match kind:
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to("/nowhere")
        case "text":
            path.write_text("somebody else's")
    with pytest.raises(HostBusy, match="something else at"):
        lock.take(change(site), "a")
    assert [p.name for p in site.locks.iterdir()] == ["debug-sme.lock"]


def test_all_folders_are_looked_at(site, tmp_path):
    """A user who can't write where root locks locks elsewhere, and both see both."""
    other = tmp_path / "other"
    other.mkdir()
    elsewhere = HostLock(site.hands, QuickClock(), (str(other), str(site.locks)))
    here = HostLock(site.hands, QuickClock(), (str(site.locks), str(other)))
    here.take(change(site), "a")
    with pytest.raises(HostBusy):
        elsewhere.take(change(site), "a")
    assert list(other.iterdir()) == []


def test_no_folder_takes_a_lock(site, tmp_path):
    lock = HostLock(site.hands, QuickClock(), (str(tmp_path / "missing"),))
    with pytest.raises(HostBusy, match="no folder takes a lock"):
        lock.take(change(site), "a")


@needs_root
def test_a_full_folder_is_passed_over(site, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", full], check=True)
    try:
        with (full / "x").open("wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        lock = HostLock(site.hands, QuickClock(), (str(full), str(site.locks)))
        held, _ = lock.take(change(site), "a")
        assert held.place.startswith(str(site.locks))
        assert [p.name for p in full.iterdir()] == ["x"]
    finally:
        subprocess.run(["umount", full], check=True)


@pytest.mark.parametrize("same_order", [True, False], ids=["same-order", "other-order"])
def test_of_two_changes_at_once_one_is_refused_and_changes_nothing(tmp_path, same_order):
    """Twice the same plan, from two connections at the same moment, ten times.

    Where they try the folders in another order, both may be refused.
    """
    for number in range(10):
        base = tmp_path / str(number)
        base.mkdir()
        sites = [Site(base), Site(base)]
        fill(sites[0].tree)
        step = action(
            f"echo x >>{base}/tree/count; until [ -e {base}/go ]; do sleep 0.05; done",
            undo="true",
        )
        (base / "more").mkdir()
        folders = (str(base / "locks"), str(base / "more"))
        transactions = [site.begin(step) for site in sites]
        orders = [folders, folders if same_order else folders[::-1]]
        for transaction, order in zip(transactions, orders, strict=True):
            transaction._lock = HostLock(transaction._at, QuickClock(), order)
        barrier = threading.Barrier(2)

        def run(transaction, barrier=barrier, base=base):
            barrier.wait()
            list(transaction.advance())
            (base / "go").touch()

        threads = [threading.Thread(target=run, args=[t]) for t in transactions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        outcomes = sorted(t.change.outcome for t in transactions)
        expected = [[Outcome.FIXED, Outcome.REFUSED]]
        expected += [] if same_order else [[Outcome.REFUSED, Outcome.REFUSED]]
        assert outcomes in expected
        if Outcome.FIXED in outcomes:
            assert (base / "tree/count").read_text() == "x\n"
        assert [*(base / "locks").iterdir(), *(base / "more").iterdir()] == []
        for site in sites:
            site.hands.close()


@needs_root
def test_who_is_not_root_is_kept_apart_from_root_too(site, own_folders, tmp_path):
    from sme_tools.hosts.host import Host

    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == 0 and folder != folder.parent:
            folder.chmod(folder.stat().st_mode | 0o755)
    site.locks.chmod(0o1777)
    mine = change(site)
    HostLock(site.hands, QuickClock(), (str(site.locks),)).take(mine, "a")
    with Sshd(login_shell="dash") as server:
        Client(own_folders).log_in_to(server, "web1")
        other = Site(tmp_path, Host(name="web1"))
        with other.hands, pytest.raises(HostBusy, match=f"change {mine.id}.*by user ann"):
            HostLock(other.hands, QuickClock(), (str(site.locks),)).take(change(other), "a")
