"""What models took: summed for a day and a session, whatever happens to the processes."""

import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from sme_memory.model_ledger import SPEED_OVER, ModelLedger, Spending, Spent
from sme_tools.errors import StateError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def spending(**changes) -> Spending:
    usual = {
        "model": "anthropic/claude", "role": "reasoning", "session": "i1", "input_tokens": 1000,
        "output_tokens": 100, "cost_usd": 0.25, "duration_s": 2.0, "at": NOON,
    }  # fmt: skip
    return Spending.model_validate(usual | changes)


@pytest.fixture
def ledger(tmp_path: Path) -> ModelLedger:
    return ModelLedger(tmp_path / "models.db")


@pytest.fixture
def zone(monkeypatch):
    """Set the time zone of this machine."""

    def be_in(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield be_in
    monkeypatch.undo()
    time.tzset()


def test_nothing_is_spent_at_first(ledger):
    assert ledger.spent_today(NOON) == Spent(0, 0.0, False)
    assert ledger.spent_in("i1") == Spent(0, 0.0, False)
    assert ledger.by_model(NOON) == []
    assert ledger.speed("anthropic/claude") is None
    assert ledger.health("anthropic/claude") is None


def test_a_session_is_summed_over_models_and_roles(ledger):
    ledger.spend(spending())
    ledger.spend(spending(model="ollama/qwen", role="summaries", cost_usd=0.5))
    ledger.spend(spending(session="i2", input_tokens=7, output_tokens=0))
    assert ledger.spent_in("i1") == Spent(2200, 0.75, False)
    assert ledger.spent_in("i2") == Spent(7, 0.25, False)


def test_a_price_that_is_not_known_is_not_nothing(ledger):
    ledger.spend(spending(cost_usd=0.0))
    assert ledger.spent_in("i1") == Spent(1100, 0.0, False)
    ledger.spend(spending(cost_usd=None))
    assert ledger.spent_in("i1") == Spent(2200, 0.0, True)
    assert ledger.spent_today(NOON).unknown_cost


@pytest.mark.parametrize(
    ("where", "first", "last"),
    [
        ("UTC", "2026-11-20T00:00:00+00:00", "2026-11-20T23:59:59.999999+00:00"),
        ("Asia/Tokyo", "2026-11-19T15:00:00+00:00", "2026-11-20T14:59:59.999999+00:00"),
        ("America/Los_Angeles", "2026-11-20T08:00:00+00:00", "2026-11-21T07:59:59.999999+00:00"),
    ],
)
def test_a_day_is_that_of_this_machines_clock(ledger, zone, where, first, last):
    zone(where)
    begins, ends = datetime.fromisoformat(first), datetime.fromisoformat(last)
    for at in (begins - timedelta(microseconds=1), begins, ends, ends + timedelta(microseconds=1)):
        ledger.spend(spending(at=at, input_tokens=at == begins, output_tokens=2 * (at == ends)))
    assert ledger.spent_today(NOON) == Spent(3, 0.5, False)
    assert ledger.spent_today(begins) == ledger.spent_today(ends) == Spent(3, 0.5, False)


def test_a_day_with_a_change_of_the_clock_is_longer(ledger, zone):
    zone("Europe/Berlin")
    ledger.spend(spending(at=datetime(2026, 10, 24, 22, 30, tzinfo=UTC)))
    ledger.spend(spending(at=datetime(2026, 10, 25, 22, 30, tzinfo=UTC)))
    ledger.spend(spending(at=datetime(2026, 10, 25, 23, 30, tzinfo=UTC)))
    assert ledger.spent_today(datetime(2026, 10, 25, 12, tzinfo=UTC)).tokens == 2200


def test_what_each_model_took_is_told_the_busiest_first(ledger):
    ledger.spend(spending(at=NOON - timedelta(days=9)))
    ledger.spend(spending(model="ollama/qwen", cost_usd=None))
    ledger.spend(spending(first_token_s=1.0, cached_tokens=900, reasoning_tokens=50))
    ledger.spend(spending(first_token_s=0.5, at=NOON + timedelta(hours=1)))
    claude, qwen = ledger.by_model(NOON - timedelta(days=1))
    assert claude.model_dump() == {
        "model": "anthropic/claude", "answers": 2, "input_tokens": 2000, "output_tokens": 200,
        "cached_tokens": 900, "reasoning_tokens": 50, "usd": 0.5, "unknown_cost": False,
        "first_token_s": 0.75, "last_at": NOON + timedelta(hours=1),
    }  # fmt: skip
    assert (qwen.model, qwen.usd, qwen.unknown_cost, qwen.first_token_s) == (
        "ollama/qwen", 0.0, True, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"duration_s": 4.0}, 25.0),
        ({"duration_s": 4.0, "first_token_s": 2.0}, 50.0),
        ({"duration_s": 4.0, "first_token_s": 2.0, "reasoning_tokens": 60}, 25.0),
        ({"duration_s": 4.0, "first_token_s": 3.99}, 25.0),
        ({"output_tokens": 0}, None),
        ({"duration_s": 0.0}, None),
    ],
    ids=["not streamed", "streamed", "reasoned", "all at once", "no answer", "no time"],
)
def test_speed_is_that_of_writing(ledger, answer, expected):
    ledger.spend(spending(**answer))
    assert ledger.speed("anthropic/claude") == expected


def test_speed_is_that_of_the_last_answers(ledger):
    ledger.spend(spending(duration_s=1000.0))
    ledger.spend(spending(model="ollama/qwen", duration_s=1000.0))
    for _ in range(SPEED_OVER):
        ledger.spend(spending(duration_s=1.0))
    assert ledger.speed("anthropic/claude") == 100.0


def test_health_is_kept_in_whatever_form(ledger):
    ledger.change_health("a", lambda _: '{"failures": 3}')
    ledger.change_health("b", lambda _: "ü\n")
    ledger.change_health("a", lambda _: '{"failures": 4}')
    assert (ledger.health("a"), ledger.health("b")) == ('{"failures": 4}', "ü\n")
    assert ModelLedger(ledger.path).health("a") == '{"failures": 4}'
    ledger.change_health("a", lambda _: None)
    assert ledger.health("a") is None


def test_a_change_of_health_that_fails_changes_nothing(ledger):
    ledger.change_health("a", lambda _: "nonsense")
    with pytest.raises(json.JSONDecodeError):
        ledger.change_health("a", json.loads)
    assert ledger.health("a") == "nonsense"


@pytest.mark.parametrize(
    "wrong", [{"input_tokens": -1}, {"cost_usd": float("nan")}, {"duration_s": float("inf")}]
)
def test_what_can_not_be_summed_is_refused(wrong):
    with pytest.raises(ValidationError):
        spending(**wrong)


def test_the_database_is_for_its_owner_alone(ledger):
    ledger.spend(spending())
    files = list(ledger.path.parent.glob("models.db*"))
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


# What goes wrong


def test_a_file_that_is_no_database_is_said(ledger):
    ledger.path.write_bytes(b"not a database at all, but long enough to look like one" * 99)
    with pytest.raises(StateError, match="not a database") as error:
        ledger.spend(spending())
    assert "Move" in error.value.remedy


def python(script: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]


ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

READER = """
    import sys
    from datetime import datetime
    from pathlib import Path
    from sme_memory.model_ledger import ModelLedger
    from sme_tools.errors import StateError

    ledger = ModelLedger(Path(sys.argv[1]))
    print(ledger.spent_today(datetime.fromisoformat(sys.argv[2])).tokens, ledger.health("a"))
    try:
        ledger.change_health("a", lambda _: "worse")
    except StateError as error:
        print(error.remedy)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0 or not shutil.which("unshare"),
    reason="only root on Linux can mount",
)
def test_on_a_read_only_disk_it_can_be_read_and_says_that_it_takes_nothing(ledger):
    ledger.spend(spending())
    ledger.change_health("a", lambda _: "well")
    folder = ledger.path.parent
    mount = f"mount --bind '{folder}' '{folder}' && mount -o remount,ro,bind '{folder}'"
    ran = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{mount} && exec "$@"',
         "sh", *python(READER, ledger.path, NOON.isoformat())],
        env=ENVIRONMENT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.startswith("1100 well\nMake ")
    assert ledger.health("a") == "well"


# Real processes

SPENDER = """
    import sys
    from pathlib import Path
    from sme_memory.model_ledger import ModelLedger, Spending

    ledger = ModelLedger(Path(sys.argv[1]))
    for n in range(int(sys.argv[2])):
        ledger.spend(Spending(
            model="a", role="reasoning", session="i1", input_tokens=1, cost_usd=0.5, duration_s=1,
        ))
        ledger.change_health("a", lambda text: str(int(text or 0) + 1))
        print(n, flush=True)
"""


def spender(ledger: ModelLedger, times: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        python(SPENDER, ledger.path, times), stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )


def test_nothing_written_down_is_lost_when_the_process_is_killed(ledger):
    process = spender(ledger, 100_000)
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(20)][-1]
    process.send_signal(signal.SIGKILL)
    rest = process.communicate()[0].split()
    acknowledged = int(rest[-1]) if rest and rest[-1].isdigit() else acknowledged
    spent = ledger.spent_in("i1")
    assert spent.tokens > acknowledged
    assert spent.usd == spent.tokens / 2
    assert int(ledger.health("a") or 0) > acknowledged
    with closing(sqlite3.connect(ledger.path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_several_processes_spend_and_change_health_at_once(ledger):
    processes = [spender(ledger, 15) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    for process in processes:
        process.stdout.close()
    assert ledger.spent_in("i1") == Spent(60, 30.0, False)
    assert ledger.health("a") == "60"


def test_what_a_session_took_is_told_by_kind_of_token(tmp_path):
    ledger = ModelLedger(tmp_path / "models.db")
    assert ledger.used_in("s1") == (0, 0, 0, 0, 0.0, False)
    took = {"model": "m", "role": "r", "duration_s": 1.0, "input_tokens": 10, "output_tokens": 4}
    ledger.spend(Spending(session="s1", cached_tokens=3, reasoning_tokens=2, cost_usd=0.5, **took))
    ledger.spend(Spending(session="s2", cost_usd=9.0, **took))
    assert ledger.used_in("s1") == (10, 4, 3, 2, 0.5, False)
    ledger.spend(Spending(session="s1", cost_usd=None, estimated=True, **took))
    assert ledger.used_in("s1") == (20, 8, 3, 2, None, True)
