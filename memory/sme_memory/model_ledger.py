"""What answers of language models took, how fast they came, and how well each model is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from sme_memory.database import Database

FILE_NAME = "models.db"
"""Of the ledger, in the state folder."""
SPEED_OVER = 20
"""The speed of a model is that of its last so many answers."""
SHORTEST_STREAM_S = 0.1
"""What came within less than that came at once, and was not streamed."""

_FORMS = (
    """
CREATE TABLE answer (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, model TEXT NOT NULL, role TEXT NOT NULL,
    session TEXT NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL, cost_usd REAL,
    estimated INTEGER NOT NULL, duration_s REAL NOT NULL, first_token_s REAL
) STRICT;
CREATE INDEX answer_by_time ON answer (at, input_tokens, output_tokens, cost_usd);
CREATE INDEX answer_by_session ON answer (session, input_tokens, output_tokens, cost_usd);
CREATE INDEX answer_by_model ON answer (model, number);
CREATE TABLE health (model TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT;
""",
)

_Count = Annotated[int, Field(ge=0)]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Spending(BaseModel):
    """What one answer took, or a request that brought none and is paid for all the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    """The chain entry."""
    role: str
    """What it was asked for: reasoning, summaries."""
    session: str
    """What a session's budget is for: an incident's id."""
    input_tokens: _Count = 0
    """The whole prompt, what came from a cache included."""
    output_tokens: _Count = 0
    """Reasoning included."""
    cached_tokens: _Count = 0
    reasoning_tokens: _Count = 0
    cost_usd: _Amount | None
    """None where the price is not known."""
    estimated: bool = False
    """Whether the provider did not say, and the counts are our own estimates."""
    duration_s: _Amount
    """From the request to the end of the answer."""
    first_token_s: _Amount | None = None
    """From the request to the first piece of the answer or its reasoning; None: not streamed."""
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Spent(NamedTuple):
    """A sum of spendings."""

    tokens: int
    """Of prompts and answers."""
    usd: float
    """As far as prices are known."""
    unknown_cost: bool
    """Whether the price of some of it is not known."""


class Used(NamedTuple):
    """A sum of spendings, in more detail."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost_usd: float | None
    """None where the price of some of it is not known."""
    estimated: bool
    """Whether some of the counts are estimates."""


class ModelUse(BaseModel):
    """What one chain entry was used for, and at what cost."""

    model_config = ConfigDict(frozen=True)

    model: str
    answers: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    usd: float
    unknown_cost: bool
    first_token_s: float | None
    """The mean over the answers that were streamed; None if none was."""
    last_at: datetime


class ModelLedger:
    """What models took, over all sessions on this machine. Safe for several processes at once.

    What `spend` or `change_health` has returned from survives a kill -9.

    Raises:
        StateError: by every method, if the database can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = Database(path, _FORMS)

    def spend(self, spending: Spending) -> None:
        """Write down what an answer took."""
        row = spending.model_dump() | {"at": _moment(spending.at)}
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        with self._database.write() as database:
            database.execute(f"INSERT INTO answer ({names}) VALUES ({marks})", row)

    def spent_today(self, now: datetime) -> Spent:
        """What was spent on the day that `now` lies in, by the clock of this machine."""
        today = now.astimezone().date()
        return self._sum("at >= ? AND at < ?", _midnight(today), _midnight(today + timedelta(1)))

    def spent_in(self, session: str) -> Spent:
        """What was spent in a session."""
        return self._sum("session = ?", session)

    def used_in(self, session: str) -> Used:
        """What was spent in a session, by kind of token."""
        with self._database.read() as database:
            given, made, cached, thought, usd, unknown, estimated = database.execute(
                "SELECT coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),"
                " coalesce(sum(cached_tokens), 0), coalesce(sum(reasoning_tokens), 0),"
                " total(cost_usd), count(*) > count(cost_usd), coalesce(max(estimated), 0)"
                " FROM answer WHERE session = ?",
                (session,),
            ).fetchone()
        cost = None if unknown else float(usd)
        return Used(given, made, cached, thought, cost, bool(estimated))

    def by_model(self, since: datetime) -> list[ModelUse]:
        """What each model took since then, the one that answered most often first."""
        with self._database.read() as database:
            rows = database.execute(
                "SELECT model, count(*), sum(input_tokens), sum(output_tokens), sum(cached_tokens),"
                " sum(reasoning_tokens), total(cost_usd), count(*) > count(cost_usd),"
                " avg(first_token_s), max(at) FROM answer WHERE at >= ?"
                " GROUP BY model ORDER BY count(*) DESC, model",
                (_moment(since),),
            ).fetchall()
        return [
            ModelUse.model_validate(dict(zip(ModelUse.model_fields, row, strict=True)))
            for row in rows
        ]

    def speed(self, model: str) -> float | None:
        """Tokens a second over a model's last answers; None where nothing tells.

        Counted from the first token on, since the wait for it is the prompt's. An answer with
        reasoning counts from its request: not every provider streams its reasoning.
        """
        with self._database.read() as database:
            rows = database.execute(
                "SELECT output_tokens, duration_s, first_token_s, reasoning_tokens > 0 FROM answer"
                " WHERE model = ? AND output_tokens > 0 AND duration_s > 0"
                " ORDER BY number DESC LIMIT ?",
                (model, SPEED_OVER),
            ).fetchall()
        if not rows:
            return None
        return float(sum(row[0] for row in rows) / sum(_writing_s(*row[1:]) for row in rows))

    def health(self, model: str) -> str | None:
        """What was last noted of a model's health; None if nothing was."""
        with self._database.read() as database:
            row = database.execute("SELECT state FROM health WHERE model = ?", (model,)).fetchone()
        return None if row is None else str(row[0])

    def change_health(self, model: str, change: Callable[[str | None], str | None]) -> str | None:
        """Note what `change` makes of what is noted, in whatever form; None: nothing any more.

        No other process writes in between. `change` must be quick: all other writers wait. Gives
        what is noted now.
        """
        with self._database.write() as database:
            row = database.execute("SELECT state FROM health WHERE model = ?", (model,)).fetchone()
            text = change(None if row is None else str(row[0]))
            if text is None:
                database.execute("DELETE FROM health WHERE model = ?", (model,))
            else:
                database.execute("INSERT OR REPLACE INTO health VALUES (?, ?)", (model, text))
        return text

    def _sum(self, condition: str, *values: str) -> Spent:
        with self._database.read() as database:
            tokens, usd, unknown = database.execute(
                "SELECT coalesce(sum(input_tokens + output_tokens), 0), total(cost_usd),"
                f" count(*) > count(cost_usd) FROM answer WHERE {condition}",
                values,
            ).fetchone()
        return Spent(int(tokens), float(usd), bool(unknown))


def _writing_s(duration_s: float, first_token_s: float | None, reasoned: bool) -> float:
    """How long a model wrote at an answer."""
    if first_token_s is None or reasoned or duration_s - first_token_s < SHORTEST_STREAM_S:
        return duration_s
    return duration_s - first_token_s


def _midnight(day: date) -> str:
    return _moment(datetime.combine(day, time()).astimezone())


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
