"""Changes over a real sshd whose connections break: what the host did is found out, not guessed."""

import contextlib
import os
import signal
import threading
from pathlib import Path

import pytest

from changing import Site, action, fill, two_steps, wait_for
from sme_tools.actions.events import Ended, StoodStill
from sme_tools.actions.outcome import Outcome
from sme_tools.actions.plan import Verify
from sme_tools.errors import HostLost, HostUnreachable
from sme_tools.hosts.host import Host
from sshd import Client, Sshd, descendants, needs_root, tool
from sudoer import host, new_sudoer


@pytest.fixture
def server():
    with Sshd() as server:
        yield server


@pytest.fixture
def web1(server, own_folders, tmp_path):
    Client(own_folders).log_in_to(server, "web1")
    site = Site(tmp_path, Host(name="web1"))
    fill(site.tree)
    with site.hands:
        yield site


def sessions_of(server: Sshd) -> list[int]:
    """The sshd of every session; nothing that runs in one."""
    return [
        pid
        for pid in descendants(server._process.pid)
        if Path(f"/proc/{pid}/comm").exists()
        and Path(f"/proc/{pid}/comm").read_text().startswith("sshd")
    ]


def kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def slow(site: Site, ending: str):
    """A step that waits for a file named `go`, so that something can happen meanwhile."""
    return action(
        f"echo begun >>{site.tree}/log; until [ -e {site.tree.parent}/go ]; do sleep 0.05; done;"
        f" {ending}",
        undo=f"rm -f {site.tree}/log",
        verify=Verify(run=f"grep -q done {site.tree}/log"),
    )


@contextlib.contextmanager
def meanwhile(site: Site, *happenings):
    """Once the step has begun, this happens, in order."""

    def run():
        wait_for((site.tree / "log").exists)
        for happen in happenings:
            happen()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()


def test_a_change_over_ssh(web1):
    change, _ = web1.carry_out(*two_steps(web1.tree))
    assert change.outcome is Outcome.FIXED
    assert list(web1.locks.iterdir()) == []


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [("echo done >>TREE/log", Outcome.FIXED), ("exit 3", Outcome.ROLLED_BACK)],
)
def test_the_connection_is_cut_while_the_command_runs(web1, server, ending, outcome):
    before = web1.state()
    step = slow(web1, ending.replace("TREE", str(web1.tree)))
    go = web1.tree.parent / "go"
    with meanwhile(web1, lambda: kill(sessions_of(server)), go.touch):
        change, _ = web1.carry_out(step)
    assert change.outcome is outcome
    assert change.actions[0].run.exit_code == (0 if outcome is Outcome.FIXED else 3)
    if outcome is Outcome.FIXED:
        assert (web1.tree / "log").read_text() == "begun\ndone\n"
    else:
        assert web1.state() == before


def test_a_host_that_stays_away_is_waited_for_and_can_be_resumed(web1, server):
    go = web1.tree.parent / "go"

    def crash():
        sessions = sessions_of(server)
        server._process.kill()
        server._process.wait()
        kill(sessions)

    with meanwhile(web1, crash):
        change, events = web1.carry_out(slow(web1, f"echo done >>{web1.tree}/log"))
    assert change.outcome is Outcome.HOST_LOST
    assert isinstance(events[-1], StoodStill)
    assert change.actions[0].status == "running"
    go.touch()
    server.start()
    again = web1.resume(web1.store.load("last"))
    list(again.advance())
    assert again.change.outcome is Outcome.FIXED
    assert (web1.tree / "log").read_text() == "begun\ndone\n"


def test_a_crash_that_kills_the_command_too_is_taken_back(web1, server):
    """Its supervisor is gone too: nobody knows the ending, and the look says it did not work."""
    before = web1.state()
    with meanwhile(web1, server.restart):
        change, _ = web1.carry_out(slow(web1, "true"))
    assert change.actions[0].run.how == "unknown"
    assert change.outcome is Outcome.ROLLED_BACK
    assert web1.state() == before


class LosingHands:
    """Hands that lose the host's answer to one errand: it ran, and nobody knows."""

    def __init__(self, hands, lose_at):
        self._hands = hands
        self._lose_at = lose_at
        self.errands = 0

    def run(self, errand):
        self.errands += 1
        evidence = self._hands.run(errand)
        if self.errands == self._lose_at:
            raise HostLost("the connection broke", host=evidence.host)
        return evidence


class LosingSite(Site):
    """A local host whose n-th answer is lost."""

    def resume_losing(self, change, lose_at):
        transaction = self.resume(change)
        hands = LosingHands(self.hands, lose_at)
        object.__setattr__(transaction._at, "raw_hands", hands)
        return transaction, hands


ERRANDS = {Outcome.FIXED: 13, Outcome.ROLLED_BACK: 17}


@pytest.mark.parametrize("outcome", ERRANDS)
def test_every_errand_may_run_twice(tmp_path, outcome):
    for lose_at in range(1, ERRANDS[outcome] + 2):
        base = tmp_path / str(lose_at)
        base.mkdir()
        site = LosingSite(base)
        fill(site.tree)
        before = site.state()
        first, second = two_steps(site.tree)
        if outcome is Outcome.ROLLED_BACK:
            second = second.model_copy(update={"run": f"{second.run}; exit 1"})
        change = site.begin(first, second).change
        transaction, hands = site.resume_losing(change, lose_at)
        list(transaction.advance())
        assert change.outcome is outcome, (lose_at, change.reason)
        assert (site.state() == before) == (outcome is Outcome.ROLLED_BACK)
        assert list(site.locks.iterdir()) == []
        site.hands.close()
    assert hands.errands == ERRANDS[outcome]


class DeafHands(LosingHands):
    """Hands that reach the host no more from an errand of this name on."""

    def run(self, errand):
        if errand.name == self._lose_at:
            raise HostUnreachable("no answer")
        return self._hands.run(errand)


def test_a_change_that_is_done_but_can_not_unlock_stands_still_and_is_closed_later(tmp_path):
    site = Site(tmp_path)
    fill(site.tree)
    with site.hands:
        transaction = site.begin(*two_steps(site.tree))
        object.__setattr__(transaction._at, "raw_hands", DeafHands(site.hands, "fix.unlock"))
        *_, last = transaction.advance()
        assert isinstance(last, StoodStill)
        assert transaction.stands_still
        change = site.store.load("last")
        assert (change.outcome, change.phase) == (Outcome.FIXED, "ending")
        assert list(site.locks.iterdir()) != []
        again = site.resume(change)
        assert list(again.advance()) == [Ended(Outcome.FIXED, "")]
    assert list(site.locks.iterdir()) == []


def test_a_host_that_never_answered_is_unchanged_and_the_change_over(web1, server):
    before = web1.state()
    server.kill()
    change, events = web1.carry_out(*two_steps(web1.tree))
    assert change.outcome is Outcome.CANNOT_FIX
    assert events == [Ended(Outcome.CANNOT_FIX, change.reason)]
    assert change.phase == "ended"
    assert web1.clock.time == 0  # nothing was begun, so nobody waits
    assert web1.state() == before


@needs_root
def test_a_change_with_the_rights_of_sudo(own_folders, tmp_path):
    tool("sudo", remedy="apt-get install sudo")
    with Sshd(login_shell="dash") as server:
        rule = Path("/etc/sudoers.d") / server.user
        rule.write_text(f"{server.user} ALL=(root) NOPASSWD: ALL\n")
        try:
            Client(own_folders).log_in_to(server, "web1")
            site = Site(tmp_path, Host(name="web1", sudo=True))
            fill(site.tree)
            before = site.state()
            first, second = two_steps(site.tree)
            with site.hands:
                failed, _ = site.carry_out(
                    first, second.model_copy(update={"verify": Verify(run="false")})
                )
                assert failed.outcome is Outcome.ROLLED_BACK, failed.reason
                assert site.state() == before
                late = action("sleep 60", timeout_s=1, verify=Verify(run="test $(id -u) = 0"))
                change, _ = site.carry_out(first, second, late)
            assert change.outcome is Outcome.FIXED_AFTER_RETRY
            assert change.actions[2].run.how == "timed-out"
            assert list(site.locks.iterdir()) == []
        finally:
            rule.unlink(missing_ok=True)


@needs_root
def test_a_change_with_the_rights_of_a_sudo_that_asks(own_folders, tmp_path, monkeypatch):
    with new_sudoer(Client(own_folders)) as sudoer:
        monkeypatch.setenv("WEB1_SUDO", sudoer.password)
        site = Site(tmp_path, host())
        fill(site.tree)
        before = site.state()
        first, second = two_steps(site.tree)
        root = Verify(run="test $(id -u) = 0")
        with site.hands:
            failed, _ = site.carry_out(
                first, second.model_copy(update={"verify": Verify(run="false")})
            )
            assert failed.outcome is Outcome.ROLLED_BACK, failed.reason
            assert site.state() == before
            change, _ = site.carry_out(first, second, action("true", verify=root))
        assert change.outcome is Outcome.FIXED
        assert list(site.locks.iterdir()) == []


def test_a_command_that_was_promised_and_never_begun_is_known_not_to_have_run(tmp_path):
    """The connection broke after the notes were made and before the supervisor was there."""
    site = Site(tmp_path)
    fill(site.tree)
    before = site.state()
    with site.hands:
        transaction = site.begin(*two_steps(site.tree))
        events = transaction.advance()
        while transaction.change.actions[0].status != "running":
            next(events)
        events.close()
        change = site.store.load("last")
        assert change.actions[0].status == "running"
        notes = Path(change.place) / "run.0"
        notes.mkdir()
        (notes / "state").write_text(f"{'starting':39}\n")
        (notes / "ready").mkdir()
        again = site.resume(change)
        again.turn_back("ann thought better of it")
        list(again.advance())
    assert change.outcome is Outcome.CANNOT_FIX
    assert change.actions[0].run is None
    assert site.state() == before
