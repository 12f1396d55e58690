"""The same change on several hosts: one first, then batches, until one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from sme_tools.actions.outcome import Outcome

DEFAULT_BATCHES = (1, "10%", "25%", "50%")
HOSTS_AT_ONCE = 16


@dataclass
class Rollout:
    """How far it came."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """By host, in the order of the batches."""
    errors: dict[str, BaseException] = field(default_factory=dict)
    """Hosts whose change raised, with what: a fault of ours. The change's own record says more."""
    not_begun: list[str] = field(default_factory=list)
    """Hosts that had no turn, since one before them failed."""

    @property
    def stopped_by(self) -> list[str]:
        """The hosts that did not come to the new state."""
        failed = [host for host, outcome in self.outcomes.items() if outcome.host_state != "new"]
        return [*failed, *self.errors]


def batches(hosts: Sequence[str], sizes: Sequence[int | str] = DEFAULT_BATCHES) -> list[list[str]]:
    """The hosts in the order of their turns.

    `sizes` are numbers of hosts, or shares of all of them such as "25%", at least one host; the
    last one holds for the rest.

    Raises:
        ValueError: there is no size, or one that is no number and no share above 0.
    """
    if not sizes:
        raise ValueError("a rollout needs at least one size of batch")
    unique = list(dict.fromkeys(hosts))
    counts = [_count(size, len(unique)) for size in sizes]
    turns, begin = [], 0
    for number in range(len(unique)):
        if begin >= len(unique):
            break
        count = counts[min(number, len(counts) - 1)]
        turns.append(unique[begin : begin + count])
        begin += count
    return turns


def _count(size: int | str, total: int) -> int:
    text = str(size)
    number = text.removesuffix("%")
    if not number.isdecimal() or int(number) < 1:
        raise ValueError(f"a batch is a number of hosts or a share such as 25%, not {size!r}")
    if text.endswith("%"):
        return max(1, total * min(int(number), 100) // 100)
    return int(number)


def roll_out(
    hosts: Sequence[str],
    change_one: Callable[[str], Outcome],
    *,
    sizes: Sequence[int | str] = DEFAULT_BATCHES,
    batch_done: Callable[[Sequence[str], Rollout], None] = lambda _hosts, _rollout: None,
) -> Rollout:
    """Change the hosts of one batch at once, the next batch only when all of them are fixed.

    `change_one` carries out one transaction and returns when it is over or stands still; it is
    called from several threads. A batch that has begun is carried to its end. What one host raises
    ends the rollout after its batch, and is in `errors`; Ctrl-C is passed on.
    """
    rollout = Rollout()
    turns = batches(hosts, sizes)
    for number, batch in enumerate(turns):
        for host, result in _change(batch, change_one):
            if isinstance(result, Outcome):
                rollout.outcomes[host] = result
            else:
                rollout.errors[host] = result
        if rollout.stopped_by:
            rollout.not_begun = [host for later in turns[number + 1 :] for host in later]
        batch_done(batch, rollout)
        if rollout.stopped_by:
            break
    return rollout


def _change(
    batch: Sequence[str], change_one: Callable[[str], Outcome]
) -> Iterator[tuple[str, Outcome | BaseException]]:
    with ThreadPoolExecutor(min(len(batch), HOSTS_AT_ONCE), "rollout") as pool:
        begun = [(host, pool.submit(change_one, host)) for host in batch]
        for host, future in begun:
            error = future.exception()
            yield host, error if error is not None else future.result()
