"""Several hosts: a canary, then batches, until one fails."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_tools.actions.outcome import Outcome
from sme_tools.actions.rollout import batches, roll_out

HOSTS = [f"web{number}" for number in range(1, 11)]
sizes = st.lists(
    st.integers(1, 20) | st.integers(1, 150).map(lambda n: f"{n}%"), min_size=1, max_size=4
)


def test_one_first_then_growing_batches():
    assert [len(batch) for batch in batches(HOSTS)] == [1, 1, 2, 5, 1]
    assert [len(batch) for batch in batches(HOSTS, [1, 3])] == [1, 3, 3, 3]
    assert batches([]) == []


@given(st.lists(st.text("ab", min_size=1, max_size=3)), sizes)
def test_every_host_has_one_turn(hosts, sizes):
    turns = batches(hosts, sizes)
    assert [host for batch in turns for host in batch] == list(dict.fromkeys(hosts))
    assert all(turns)


@pytest.mark.parametrize("size", [0, -1, "0%", "some", "", "1.5%"])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match="a batch is a number of hosts"):
        batches(HOSTS, [size])


def test_all_hosts_are_changed():
    rollout = roll_out(HOSTS, lambda host: Outcome.FIXED)
    assert list(rollout.outcomes) == HOSTS
    assert (rollout.not_begun, rollout.stopped_by) == ([], [])


@pytest.mark.parametrize("outcome", [o for o in Outcome if o.host_state != "new"])
def test_it_stops_after_the_batch_in_which_one_failed(outcome):
    begun = []

    def change_one(host):
        begun.append(host)
        return outcome if host == "web3" else Outcome.FIXED

    rollout = roll_out(HOSTS, change_one)
    assert sorted(begun) == ["web1", "web2", "web3", "web4"]
    assert rollout.stopped_by == ["web3"]
    assert rollout.outcomes["web4"] is Outcome.FIXED
    assert rollout.not_begun == HOSTS[4:]


def test_a_canary_that_fails_is_the_only_one():
    rollout = roll_out(HOSTS, lambda host: Outcome.ROLLED_BACK)
    assert rollout.not_begun == HOSTS[1:]


def test_the_hosts_of_a_batch_are_changed_at_once():
    together = threading.Barrier(3, timeout=20)

    def change_one(host):
        if host != "web1":
            together.wait()
        return Outcome.FIXED

    rollout = roll_out(HOSTS[:4], change_one, sizes=[1, 3])
    assert rollout.stopped_by == []


def test_what_raises_ends_the_rollout_and_is_kept():
    def change_one(host):
        raise KeyError(host)

    rollout = roll_out(HOSTS, change_one)
    assert rollout.stopped_by == ["web1"]
    assert isinstance(rollout.errors["web1"], KeyError)
    assert rollout.not_begun == HOSTS[1:]


def test_each_batch_is_told_of():
    told = []
    roll_out(HOSTS, lambda host: Outcome.FIXED, batch_done=lambda batch, _: told.append(len(batch)))
    assert told == [1, 1, 2, 5, 1]
