"""Changes on a real host: it is in the new state afterwards or in the former, and the record says
which."""

import pytest

from changing import Site, action, fill, two_steps
from sme_tools.actions.events import Ended, Held, NotUndone, PreStateTaken, Undone
from sme_tools.actions.outcome import Outcome
from sme_tools.actions.plan import Verify


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    fill(site.tree)
    with site.hands:
        yield site


def test_a_change_that_works_and_holds(site):
    change, events = site.carry_out(*two_steps(site.tree))
    assert change.outcome is Outcome.FIXED
    assert change.phase == "ended"
    assert (site.tree / "config").read_bytes() == b"new"
    assert [e.held_s for e in events if isinstance(e, Held) and e.action == 0] == [1, 3]
    assert PreStateTaken(0, 0, 2) in events
    assert events[-1] == Ended(Outcome.FIXED, "")
    assert list(site.locks.iterdir()) == []
    assert site.store.kept(change.id, 0) == []
    assert change.actions[1].before[0].text.endswith(" 3\n")


def test_a_command_that_fails_half_way_leaves_no_trace(site):
    before = site.state()
    first, second = two_steps(site.tree)
    second = second.model_copy(update={"run": f"{second.run}; echo half >&2; exit 3"})
    change, events = site.carry_out(first, second)
    assert change.outcome is Outcome.ROLLED_BACK
    assert site.state() == before
    assert [e.action for e in events if isinstance(e, Undone)] == [1, 0]
    assert change.reason == "Change it: it gave exit code 3: half"
    assert change.not_taken_back == []
