"""Whether an action worked: looked at anew, and again, until it has held for its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sme_tools.actions.errands import PATIENCE_S, ask, complaint
from sme_tools.actions.plan import Action, MustClear
from sme_tools.actions.ports import Clock, Errand, Hands, Sight
from sme_tools.errors import HostLost, HostUnreachable

SETTLE_S = 30.0
"""A change may need a moment to show: a service to start, a log line to come. So long the first
verification may fail."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 15.0
"""Between two looks: 1 s, 2 s, 4 s, … up to this."""
UNSURE_LOOKS = 3
"""So often in a row a look may bring no answer (a probe that timed out) before it counts as no."""
VERIFY_TIMEOUT_S = 60


Eyes = Callable[[str | None, Sequence[MustClear]], Sight]
"""One look, as `Look.look`."""


@dataclass(frozen=True)
class Looked:
    """One look of a verification."""

    sight: Sight
    held_s: float
    """For how long it has been true; 0 when it is not."""


@dataclass(frozen=True)
class Verification:
    """Looks at what one action should have brought about."""

    action: Action
    must_clear: Sequence[MustClear]
    """Findings that must be gone as well."""
    name: str
    approval: str
    hands: Hands
    eyes: Eyes
    clock: Clock

    def once(self) -> Sight:
        """One look. Raises HostError."""
        verify = self.action.verify
        if verify.run is not None:
            sight = self._run(verify.run, verify.exit_codes)
            if sight.holds is not True or not self.must_clear:
                return sight
            clear = self._look(None)
            return Sight(clear.holds, clear.why, (*sight.evidence, *clear.evidence))
        return self._look(verify.when)

    def settled(self, settle_s: float = SETTLE_S) -> Iterator[Looked]:
        """Look until it is true, for at most so long. The last one says how it is."""
        began = self.clock.now()
        pause_s = FIRST_PAUSE_S
        while True:
            sight = self.once()
            yield Looked(sight, 0.0)
            left_s = settle_s - (self.clock.now() - began)
            if sight.holds is True or left_s <= 0:
                return
            self.clock.sleep(min(pause_s, left_s))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def held(self) -> Iterator[Looked]:
        """Once it is true: look again and again for `hold_s`, or until it is not any more."""
        began = self.clock.now()
        pause_s = FIRST_PAUSE_S
        unsure = 0
        held_s = 0.0
        while held_s < self.action.hold_s:
            self.clock.sleep(min(pause_s, self.action.hold_s - held_s))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            sight = self.once()
            unsure = unsure + 1 if sight.holds is None else 0
            if sight.holds is not None:
                held_s = self.clock.now() - began
            yield Looked(sight, held_s if sight.holds else 0.0)
            if sight.holds is False or unsure == UNSURE_LOOKS:
                return

    def _run(self, command: str, exit_codes: Sequence[int]) -> Sight:
        why = f"verify: {self.action.title}"
        errand = Errand(
            self.name, command, why, "change", self.approval, timeout_s=VERIFY_TIMEOUT_S
        )
        evidence = ask(self.hands, errand, self.clock)
        if evidence.outcome != "completed":
            return Sight(None, f"the verification: {complaint(evidence)}", (evidence,))
        if evidence.exit_code in exit_codes:
            return Sight(True, "", (evidence,))
        return Sight(False, f"the verification gave {complaint(evidence)}", (evidence,))

    def _look(self, when: str | None) -> Sight:
        deadline = self.clock.now() + PATIENCE_S
        while True:
            try:
                return self.eyes(when, self.must_clear)
            except (HostLost, HostUnreachable):
                if self.clock.now() > deadline:
                    raise
                self.clock.sleep(LONGEST_PAUSE_S / 3)
