"""What a user lets happen on a host: its mode, maintenance windows, own allow and deny rules.

In the inventory, for a host, a group or a tag:

    policy:
      mode: approve            # observe: nothing but reading; auto: proven fixes run by themselves
      windows: ["Sat-Sun 02:00-06:00", "daily 04:00-04:30"]
      allow: ["systemctl restart nginx", "docker restart *"]
      deny: ["docker compose down *"]
      known: ["*.corp.example"]  # outside, but a model may ask there without leave
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from sme_tools.safety import own_network

Mode = Literal["observe", "approve", "auto"]
"""observe: read-only commands alone. approve: a person is asked for each change. auto: steps of
validated known issues that have an undo and a verification run by themselves, others are asked."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(
    r"(daily|[a-z]{3}(?:[-,][a-z]{3})*)\s+(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)", re.IGNORECASE
)


def _window(text: str) -> str:
    Window.parse(text)
    return text


def _rule(text: str) -> str:
    words = shlex.split(text)  # raises ValueError, as pydantic expects
    if not words or words[0] == "*":
        raise ValueError("a rule begins with a program's name: systemctl restart nginx")
    return text


@dataclass(frozen=True)
class Window:
    """A time of the week, by this machine's clock; it may go past midnight."""

    days: frozenset[int]
    """The days on which it begins; 0 is Monday."""
    begins: time
    ends: time

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read `Sat-Sun 02:00-06:00`. Raises ValueError."""
        found = _WINDOW.fullmatch(text.strip())
        if found is None:
            raise ValueError(
                f"{text!r} is no window; one is: Sat-Sun 02:00-06:00, daily 04:00-04:30"
            )
        days, *clock = found.groups()
        h1, m1, h2, m2 = map(int, clock)
        begins, ends = time(h1, m1), time(0) if (h2, m2) == (24, 0) else time(h2, m2)
        return cls(frozenset(_days(days.lower())), begins, ends)

    def holds(self, now: datetime) -> bool:
        """Whether this moment, in local time, lies within."""
        at, today = now.time(), now.weekday()
        if self.begins < self.ends:
            return today in self.days and self.begins <= at < self.ends
        yesterday = (now - timedelta(days=1)).weekday()
        return (today in self.days and at >= self.begins) or (
            yesterday in self.days and at < self.ends
        )


def _days(text: str) -> list[int]:
    if text == "daily":
        return list(range(7))
    found: list[int] = []
    for part in text.split(","):
        ends = part.split("-")
        if len(ends) > 2 or any(day not in _DAYS for day in ends):
            raise ValueError(f"{part!r} is no day of {', '.join(_DAYS)}")
        first, last = _DAYS.index(ends[0]), _DAYS.index(ends[-1])
        found += [day % 7 for day in range(first, last + 1 + (7 if last < first else 0))]
    return found


class HostRules(BaseModel):
    """The rules of one host, or of a group or tag that adds to them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode | None = None
    """None: as the group or tag says, else `approve`."""
    windows: tuple[Annotated[str, AfterValidator(_window)], ...] = ()
    """Outside of them nothing changes unless a person approves it at that moment."""
    allow: tuple[Annotated[str, AfterValidator(_rule)], ...] = ()
    """Commands, word by word with `*` and `?`, that run without asking; a last word `*` stands for
    any further words. They hold for a line that is that one command."""
    deny: tuple[Annotated[str, AfterValidator(_rule)], ...] = ()
    """Commands that never run, wherever in a line they stand and whatever follows their words."""

    known: tuple[Annotated[str, AfterValidator(own_network.rule)], ...] = ()
    """Names (`grafana.example.org`, `*.corp.example`) and networks outside that a command of a
    model may ask without leave."""

    def over(self, other: HostRules) -> HostRules:
        """These rules, with what they leave open from the other, and all lists added up."""
        return HostRules(
            mode=self.mode or other.mode,
            windows=self.windows or other.windows,
            allow=tuple(dict.fromkeys((*other.allow, *self.allow))),
            deny=tuple(dict.fromkeys((*other.deny, *self.deny))),
            known=tuple(dict.fromkeys((*other.known, *self.known))),
        )

    def within_window(self, now: datetime) -> bool:
        """Whether changes may run without a person at this moment, in local time."""
        return not self.windows or any(Window.parse(text).holds(now) for text in self.windows)
