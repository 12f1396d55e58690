"""Incidents on disk: what was saved stays, whatever happens to the process."""

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

import sme_memory.database
from incident_stories import (
    BEGAN,
    database_down_on_a_full_disk,
    evidence,
    failed_unit,
    full_disk,
)
from sme_memory.database import Database
from sme_memory.incident import Incident, TimelineEntry
from sme_memory.incidents import IncidentStore
from sme_tools.errors import StateError, UsageError


@pytest.fixture
def store(tmp_path: Path) -> IncidentStore:
    return IncidentStore(tmp_path / "incidents.db")


def saved(store: IncidentStore, **changes) -> Incident:
    incident = database_down_on_a_full_disk().model_copy(update=changes)
    store.create(incident)
    return incident


def test_incident_is_read_back_as_it_was_saved(store):
    incident = saved(store)
    assert store.load(incident.id) == incident
    assert store.load("last") == incident


def test_step_saves_the_incident_its_entry_and_its_evidence_together(store):
    incident = Incident.begin(["web1"], "slow")
    store.create(incident)
    incident.findings.append(full_disk())
    entry = TimelineEntry(
        step="observe", text="one finding", evidence=["web1/storage.filesystems#1"]
    )
    store.save_step(incident, [evidence("storage.filesystems", "/var 100%\n")], entry)
    store.save_step(incident, [evidence("services.failed"), evidence("system.load")])
    again = store.load(incident.id)
    assert again.timeline == [entry]
    assert again.findings == [full_disk()]
    assert store.evidence_ids(incident.id) == [
        "web1/storage.filesystems#1",
        "web1/services.failed#1",
        "web1/system.load#1",
    ]
    assert store.evidence(incident.id, "web1/storage.filesystems#1").stdout == "/var 100%\n"


def test_ids_sort_by_time_and_any_unique_beginning_will_do(store):
    first = saved(store, id="20261120-094200-a1b2")
    saved(store, id="20261120-094200-a1ff", started_at=BEGAN + timedelta(hours=1))
    assert store.load("20261120-094200-a1b") == first
    with pytest.raises(UsageError, match="several incidents begin with '20261120'"):
        store.load("20261120")
    with pytest.raises(UsageError, match="no incident '2027'"):
        store.load("2027")


def test_no_incidents_yet_is_said(store):
    with pytest.raises(UsageError, match="no incidents yet"):
        store.load("last")


def test_incidents_are_listed_by_host_and_time_the_latest_first(store):
    old = saved(store, id="a", hosts=["web1"])
    new = saved(store, id="b", hosts=["web1", "db1"], started_at=BEGAN + timedelta(days=1))
    assert [i.id for i in store.list()] == ["b", "a"]
    assert [i.id for i in store.list(limit=1)] == ["b"]
    assert store.list(host="db1") == [new]
    assert store.list(since=BEGAN + timedelta(hours=1)) == [new]
    assert store.list(host="web2") == []
    assert old in store.list(host="web1")


def test_same_findings_of_the_past_are_found(store):
    saved(store, id="a")
    saved(store, id="b")
    asked = [full_disk().fingerprint, failed_unit("db9").fingerprint]
    assert store.seen_before(asked) == {full_disk().fingerprint: ["b", "a"]}
    assert store.seen_before(asked, other_than="b") == {full_disk().fingerprint: ["a"]}


def test_finding_that_went_away_is_not_remembered_as_seen(store):
    incident = saved(store)
    incident.findings = [failed_unit()]
    store.save_step(incident)
    assert store.seen_before([full_disk().fingerprint]) == {}


def test_known_issue_counts_where_it_was_the_root_cause(store):
    saved(store, id="a")
    saved(store, id="b")
    saved(store, id="c", diagnosis=None)
    assert store.issues_seen() == {"docker-root-on-full-disk": ["b", "a"]}


def test_known_issue_that_the_evidence_does_not_bear_is_not_counted(store):
    incident = saved(store)
    assert incident.diagnosis is not None
    incident.diagnosis.root_causes[0].supported = False
    store.save_step(incident)
    assert store.issues_seen() == {}
    assert store.load(incident.id) == incident


def test_record_from_before_a_claim_could_be_doubted_is_read(store):
    incident = saved(store)
    document = incident.model_dump(mode="json", exclude_none=True)
    del document["diagnosis"]["by"]
    for claim in document["diagnosis"]["root_causes"]:
        del claim["supported"], claim["doubt"]
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute("UPDATE incident SET document = ?", (json.dumps(document),))
    assert store.load(incident.id) == incident


def test_evidence_that_is_not_there_is_a_usage_error(store):
    incident = saved(store)
    with pytest.raises(UsageError, match="no evidence 'web1/x#1'"):
        store.evidence(incident.id, "web1/x#1")


def test_large_evidence_is_kept_small_on_disk(store):
    incident = saved(store)
    text = "Nov 20 10:00:00 web1 kernel: I/O error, dev sda\n" * 20_000
    store.save_step(incident, [evidence("logs.journal", text)])
    assert store.evidence(incident.id, "web1/logs.journal#1").stdout == text
    assert sum(f.stat().st_size for f in store.path.parent.glob("incidents.db*")) < 300_000


def test_database_is_for_its_owner_alone(store):
    saved(store)
    files = list(store.path.parent.glob("incidents.db*"))
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


# What goes wrong


def test_locked_database_is_said_with_what_to_do(store, monkeypatch):
    incident = saved(store)
    monkeypatch.setattr(sme_memory.database, "BUSY_TIMEOUT_S", 0.1)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StateError, match="locked") as error:
            store.save_step(incident)
    finally:
        other.close()
    assert "fuser" in error.value.remedy
    store.save_step(incident)


def test_file_that_is_no_database_is_said(store):
    store.path.write_bytes(b"not a database at all, but long enough to look like one" * 99)
    with pytest.raises(StateError, match="not a database") as error:
        store.list()
    assert "Move" in error.value.remedy


def test_damaged_database_fails_its_verification(store):
    for n in range(30):
        saved(store, id=f"i{n}")
    assert store.verify() == 30
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(store.path.read_bytes())
    content[8192:16384] = os.urandom(8192)
    store.path.write_bytes(bytes(content))
    with pytest.raises(StateError, match=r"malformed|damaged"):
        IncidentStore(store.path).verify()


@pytest.mark.parametrize("table", ["incident", "evidence"])
def test_damaged_row_is_said_and_the_others_stay_readable(store, table):
    good = saved(store, id="good")
    saved(store, id="bad")
    store.save_step(store.load("bad"), [evidence("x")])
    with closing(sqlite3.connect(store.path)) as database, database:
        column, damage = ("id", "'{}'") if table == "incident" else ("incident", "x'00'")
        database.execute(f"UPDATE {table} SET document = {damage} WHERE {column} = 'bad'")
    with pytest.raises(StateError, match="damaged"):
        store.evidence("bad", "web1/x#1") if table == "evidence" else store.load("bad")
    assert store.load("good") == good


def test_database_of_a_newer_sme_is_left_alone(store):
    saved(store)
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute("PRAGMA user_version=999")
    with pytest.raises(StateError, match="newer sme") as error:
        store.list()
    assert "Use the newer sme" in error.value.remedy


def test_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(StateError, match="can't be opened"):
        IncidentStore(tmp_path / "absent/incidents.db").list()


def test_database_of_an_older_form_is_brought_up_to_date_and_keeps_what_it_holds(tmp_path):
    path = tmp_path / "x.db"
    first, second = "CREATE TABLE a (x TEXT);", "ALTER TABLE a ADD COLUMN y TEXT DEFAULT 'new';"
    with Database(path, [first]).write() as database:
        database.execute("INSERT INTO a VALUES ('old')")
    newer = Database(path, [first, second])
    for _ in range(2):
        with newer.read() as database:
            assert database.execute("SELECT * FROM a").fetchall() == [("old", "new")]
    with pytest.raises(StateError, match="newer sme"), Database(path, [first]).read():
        pass


# Real processes

WRITER = """
    import sys, resource, signal
    from pathlib import Path
    from sme_memory.incident import Incident, TimelineEntry
    from sme_memory.incidents import IncidentStore
    from sme_tools.errors import StateError
    from incident_stories import evidence

    store, name, steps = IncidentStore(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
    incident = Incident.begin([name], "slow")
    incident.id = name
    store.create(incident)
"""
STEPS = """
    for n in range(steps):
        entry = TimelineEntry(step="observe", text=f"step {n}")
        store.save_step(incident, [evidence(f"s{n}", f"output {n}", host=name)], entry)
        print(n, flush=True)
"""
FULL_DISK = """
    size = max(path.stat().st_size for path in store.path.parent.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, size + 20_000))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        store.save_step(incident, [evidence("big", __import__("os").urandom(400_000).hex())])
    except StateError as error:
        print(error, "|", error.remedy)
"""


def writer(store: IncidentStore, name: str, steps: int, body: str = STEPS) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER + body), str(store.path), name, str(steps)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_nothing_acknowledged_is_lost_when_the_process_is_ended(store, end):
    process = writer(store, "web1", 100_000)
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(20)][-1]
    process.send_signal(end)
    rest = process.communicate()[0].split()
    acknowledged = int(rest[-1]) if rest and rest[-1].isdigit() else acknowledged
    incident = store.load("web1")
    assert len(incident.timeline) > acknowledged
    ids = store.evidence_ids("web1")
    assert len(ids) == len(incident.timeline)
    assert store.evidence("web1", ids[acknowledged]).stdout == f"output {acknowledged}"
    store.verify()


def test_several_threads_write_at_once(store):
    def work(name: str) -> None:
        incident = saved(store, id=name)
        for n in range(10):
            store.save_step(incident, [evidence(f"s{n}")])

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.verify() == 4
    assert [len(store.evidence_ids(f"t{n}")) for n in range(4)] == [10] * 4


def test_several_processes_write_at_once(store):
    processes = [writer(store, f"web{n}", 15) for n in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    for process in processes:
        process.stdout.close()
    for n in range(4):
        assert len(store.load(f"web{n}").timeline) == 15
        assert len(store.evidence_ids(f"web{n}")) == 15


def test_full_disk_is_said_and_leaves_the_database_whole(store):
    saved(store, id="before")
    output, _ = writer(store, "web1", 0, FULL_DISK).communicate(timeout=60)
    assert "Free space on the disk" in output
    assert store.evidence_ids("web1") == []
    assert store.verify() == 2
