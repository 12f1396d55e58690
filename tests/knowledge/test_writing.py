"""Known issues as files: what is written is read back as it was, and people like to read it."""

import datetime
import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sme_knowledge.known_issue import KnownIssue
from sme_knowledge.store import KnownIssues
from sme_knowledge.writing import MOST_SYMPTOMS, save, updated, write
from sme_tools.errors import KnownIssueInvalid, StateError

LIBRARY = KnownIssues.load()

MINIMAL = """---
id: nas-asleep
title: "The NAS sleeps: its share hangs"
severity: medium
status: candidate
applies_to: [linux, nfs]
symptoms:
  - ls hangs on /mnt/nas
root_cause: The disks spin down after ten minutes.
resolution:
  - title: Wake it
    run: |
      set -e
      ls /mnt/nas
    verify: storage.filesystems.exists(f, f.mount == '/mnt/nas')
provenance:
  source: incident 20261120-094200-a1b2
  recorded: 2026-11-20
---
"""


def minimal(**changes) -> KnownIssue:
    values = KnownIssue.parse(MINIMAL, "nas-asleep.md").model_dump()
    return KnownIssue.model_validate(values | changes)


def read_back(issue: KnownIssue) -> KnownIssue:
    return KnownIssue.parse(write(issue), issue.id)


@pytest.mark.parametrize("issue", LIBRARY, ids=lambda issue: issue.id)
def test_each_shipped_issue_is_read_back_as_it_was(issue):
    assert read_back(issue).model_dump() == issue.model_dump()


def test_the_order_of_fields_is_that_of_the_shipped_files():
    for issue in LIBRARY:
        shipped = [line for line in issue.path.read_text("utf-8").split("\n") if line[:1].isalpha()]
        written = [line for line in write(issue).split("\n") if line[:1].isalpha()]
        fields = {name for name in KnownIssue.model_fields if name != "story"}
        first = [line.split(":")[0] for line in shipped if line.split(":")[0] in fields]
        assert [line.split(":")[0] for line in written][: len(first)] == first


def test_what_goes_without_saying_is_not_said():
    assert write(minimal()) == MINIMAL
    assert (
        write(minimal(story="\r\n  It wakes.\r\nSlowly.\n\n")) == f"{MINIMAL}It wakes.\nSlowly.\n"
    )


def test_prose_is_folded_and_commands_are_not():
    prose, command = "it sleeps and " * 12, "mount -o soft,timeo=30 " * 6
    step = {"title": "x", "run": command, "verify": {"run": "true", "exit_codes": [0, 3]}}
    written = write(minimal(root_cause=prose, resolution=[step]))
    assert max(map(len, written.split("\n"))) > len(command)
    assert "root_cause: >-\n  it sleeps and it" in written
    assert f"run: |\n      {command.strip()}\n" in written
    assert 'verify:\n      run: "true"\n      exit_codes: [0, 3]\n' in written


PIECES = st.sampled_from(
    ["yes", "no", "null", "~", "on", "2026-11-20", "1:30", "0x1F", "1e3", ".inf", "=", "<<", "- ",
     "---", "...", ": ", " #", "# ", "'", '"', "\\", "{", "}", "[", "]", ",", "&a", "*a", "!x", "|",
     ">", "%TAG", "@", "`", "? ", "\n", "\n\n", "\r\n", "\r", "\t", "  ", " \n", " " * 120, "é",
     "世", "😀", "\u200b", "\ufeff", "\x85", "\u2028", "\u2029", "\x00", "\x1b[2J", "\x7f",
     "\u202e", "\ufffe", "disk full", "\n  indented\n    more", "x" * 90]
)  # fmt: skip
TEXT = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=8).map("".join))
SAID = TEXT.filter(str.strip)
LINE = SAID.map(lambda text: text.replace("\n", " ")).filter(str.strip)
CONDITIONS = st.sampled_from(
    [
        "system.load.one > 1.0",
        "true",
        "storage.filesystems.exists(f,\n  f.mount == '/a: b'\n    && f.used_percent >= 99.0)",
        "logs.journal.exists(l, l.example.matches('avc: +denied|apparmor=\"DENIED\"'))",
        r"f.mount.matches(r'^\S+ # x$') || 'it''s' == 'x' || f.mount == \"'\"".replace("''", ""),
        " || ".join(["f.used_percent > 9.0"] * 8),
    ]
)
IDS = st.sampled_from(["disk.full", "storage.a-b", "logs.no"])
VERIFICATIONS = st.one_of(
    CONDITIONS,
    st.builds(lambda when: {"when": when, "exit_codes": [3]}, CONDITIONS),
    st.builds(
        lambda run, codes: {"run": run, "exit_codes": codes},
        SAID,
        st.lists(st.integers(0, 255), min_size=1, max_size=40),
    ),
)


def optional(**fields: st.SearchStrategy) -> st.SearchStrategy:
    return st.fixed_dictionaries({}, optional=fields)


STEPS = st.builds(
    dict.__or__,
    st.fixed_dictionaries({"title": LINE, "run": SAID, "verify": VERIFICATIONS}),
    optional(
        undo=SAID, notes=SAID, pre_state=st.lists(SAID, max_size=3), by_hand=st.booleans(),
        alternative=st.booleans(), timeout_s=st.integers(1, 900), hold_s=st.integers(0, 60),
        keep_files=st.lists(st.sampled_from(["/etc/fstab", "/a b/c, d", "FILE", "/x'y: z"])),
    ),
)  # fmt: skip
ISSUES = st.builds(
    dict.__or__,
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(["disk-full", "no", "404", "1e3"]),
            "title": LINE,
            "severity": st.sampled_from(["critical", "info"]),
            "status": st.sampled_from(["candidate", "validated"]),
            "applies_to": st.lists(
                st.sampled_from(["linux", "no", "3.11", "y"]), min_size=1, max_size=30
            ),
            "symptoms": st.lists(LINE, min_size=1, max_size=4),
            "root_cause": SAID,
            "resolution": st.lists(STEPS, min_size=1, max_size=2),
            "provenance": st.builds(
                dict.__or__,
                st.fixed_dictionaries({"source": LINE, "recorded": st.dates()}),
                optional(recorded_by=LINE, incidents=st.lists(LINE, max_size=2)),
            ),
        }
    ),
    optional(
        signature=st.builds(
            lambda when, each, out: {"when": when, "each": each, "rules_out": out},
            CONDITIONS, st.sampled_from([None, "storage.filesystems as f"]), st.booleans(),
        ),
        explains=st.lists(IDS, max_size=20),
        diagnosis=st.lists(
            st.builds(dict.__or__, st.fixed_dictionaries({"probe": st.just("a.b"), "why": SAID}),
                      optional(supports=CONDITIONS, refutes=CONDITIONS)), max_size=2),
        parameters=st.dictionaries(
            st.sampled_from(["NO", "ON", "POOL", "NULL"]),
            st.builds(dict.__or__, st.fixed_dictionaries({"about": LINE}),
                      optional(value=CONDITIONS))),
        prevention=st.lists(
            st.builds(dict.__or__, st.fixed_dictionaries({"text": SAID}),
                      optional(check=IDS, limit=st.floats(allow_nan=False))), max_size=2),
        supersedes=st.lists(st.sampled_from(["no", "a-b"]), max_size=2),
        story=TEXT,
    ),
)  # fmt: skip

AWKWARD_STORY = "---\nid: x\n---\n- a: b\n\n```\n---\n```\n..."


@settings(max_examples=300, deadline=None)
@given(values=ISSUES)
@example(values=minimal(story=AWKWARD_STORY).model_dump())
@example(values=minimal(root_cause="a\n---\nb", symptoms=["---", "yes", "- x", "# y"]).model_dump())
def test_whatever_an_issue_says_is_read_back_from_its_file(tmp_path_factory, values):
    try:
        issue = KnownIssue.model_validate(values)
    except ValidationError:
        reject()
    expected = issue.model_dump()
    story = expected["story"].replace("\r\n", "\n").replace("\r", "\n").strip()
    written = write(issue)
    assert KnownIssue.parse(written, "x").model_dump() == expected | {"story": story}
    path = tmp_path_factory.getbasetemp() / "written.md"
    path.write_bytes(written.encode())
    assert KnownIssue.read(path).model_dump() == expected | {"story": story}
    assert write(KnownIssue.read(path)) == written


@pytest.mark.parametrize(
    "changes",
    [{"root_cause": "[" * 200}, {"prevention": [{"text": "x", "limit": float("nan")}]}],
    ids=["nested too deeply", "no number"],
)
def test_what_no_file_can_say_is_not_written(changes, tmp_path):
    with pytest.raises(KnownIssueInvalid) as error:
        save(minimal(**changes), tmp_path / "issues")
    assert error.value.remedy
    assert not (tmp_path / "issues").exists()


# In a folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "config/issues"


def test_an_issue_is_saved_for_its_owner_alone(folder):
    path = save(minimal(), folder)
    assert path == folder / "nas-asleep.md"
    assert path.read_text("utf-8") == MINIMAL
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(folder.iterdir()) == [path]


def test_an_issue_that_is_there_is_written_over_only_if_that_is_meant(folder):
    path = save(minimal(), folder)
    with pytest.raises(KnownIssueInvalid, match="nas-asleep already") as error:
        save(minimal(severity="high"), folder)
    assert "another id" in error.value.remedy
    assert path.read_text("utf-8") == MINIMAL
    assert save(minimal(severity="high"), folder, replace=True) == path
    assert KnownIssue.read(path).severity == "high"
    assert list(folder.iterdir()) == [path]


def test_an_issue_is_written_over_in_the_file_that_the_user_gave_it(folder):
    folder.mkdir(parents=True)
    (folder / "my-nas.md").write_text(MINIMAL)
    assert save(minimal(severity="high"), folder, replace=True) == folder / "my-nas.md"
    found = KnownIssues.load(folder, shipped=False)
    assert (found.problems, found.by_id["nas-asleep"].severity) == ([], "high")


@pytest.mark.parametrize("content", ["half a file", MINIMAL.replace("nas-asleep", "other")])
@pytest.mark.parametrize("replace", [False, True])
def test_a_file_that_is_something_else_is_left_alone(folder, content, replace):
    folder.mkdir(parents=True)
    (folder / "nas-asleep.md").write_text(content)
    with pytest.raises(KnownIssueInvalid, match="no known issue nas-asleep"):
        save(minimal(), folder, replace=replace)
    assert [path.read_text() for path in folder.iterdir()] == [content]


def test_a_file_that_would_not_be_read_again_is_not_written(folder):
    with pytest.raises(KnownIssueInvalid, match="larger than 256 KiB"):
        save(minimal(story="long " * 60_000), folder)
    assert not folder.exists()


def test_a_folder_that_can_not_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="can't be written") as error:
        save(minimal(), tmp_path / "file/issues")
    assert "writable" in error.value.remedy


WRITER = """
    import sys
    from pathlib import Path
    from sme_knowledge.known_issue import KnownIssue
    from sme_knowledge.writing import save
    from sme_tools.errors import KnownIssueInvalid

    issue = KnownIssue.parse(sys.stdin.read(), "x")
    folder, mode = Path(sys.argv[1]), sys.argv[2]
    for n in range(100_000):
        try:
            save(issue.model_copy(update={"story": f"{n} " * 5000}), folder, replace=mode == "over")
        except KnownIssueInvalid:
            sys.exit("taken")
        print(n, flush=True)
        if mode == "new":
            break
"""


def writer(folder: Path, mode: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(folder), mode],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(MINIMAL)
    process.stdin.close()
    process.stdin = None
    return process


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(folder):
    process = writer(folder, "over")
    assert process.stdout is not None
    for _ in range(5):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    found = KnownIssues.load(folder, shipped=False)
    assert found.problems == []
    assert len(set(found.by_id["nas-asleep"].story.split())) == 1


def test_of_several_processes_one_makes_a_new_issue(folder):
    processes = [writer(folder, "new") for _ in range(4)]
    assert [process.communicate()[1].strip() for process in processes].count("taken") == 3
    assert len(list(folder.iterdir())) == 1


# What was learned since

TODAY = datetime.date(2026, 11, 21)


def test_what_was_learned_is_added_and_all_else_stays():
    old = minimal(story="It sleeps.")
    new = updated(
        old,
        on=TODAY,
        symptoms=["LS  hangs on /mnt/nas", "df hangs", "DF hangs"],
        incidents=["i1", "i2", "i1"],
        story_addition="Also after\r\na power cut.\n",
    )
    assert new.symptoms == ["ls hangs on /mnt/nas", "df hangs"]
    assert new.provenance.incidents == ["i1", "i2"]
    assert new.story == "It sleeps.\n\n2026-11-21: Also after\na power cut."
    added = {"symptoms", "provenance", "story"}
    assert new.model_dump(exclude=added) == old.model_dump(exclude=added)
    assert read_back(new) == new


def test_what_is_known_is_not_added_again():
    once = updated(
        minimal(), on=TODAY, symptoms=["df hangs"], incidents=["i1"], story_addition="More."
    )
    again = updated(
        once, on=TODAY, symptoms=["DF hangs "], incidents=["i1"], story_addition="More."
    )
    assert again is once
    assert once.story == "2026-11-21: More."


def test_symptoms_do_not_grow_without_end():
    many = [f"symptom {n}" for n in range(100)]
    full = updated(minimal(), on=TODAY, symptoms=many)
    assert full.symptoms == ["ls hangs on /mnt/nas", *many[: MOST_SYMPTOMS - 1]]
    assert updated(full, on=TODAY, symptoms=many) is full


@pytest.mark.parametrize("wrong", [{"symptoms": ["two\nlines"]}, {"incidents": ["x" * 400]}])
def test_what_is_no_symptom_is_refused(wrong):
    with pytest.raises(KnownIssueInvalid, match="nas-asleep") as error:
        updated(minimal(), on=TODAY, **wrong)
    assert "one line" in error.value.remedy


def test_a_shipped_issue_is_replaced_by_its_updated_copy(folder):
    shipped = LIBRARY.by_id["docker-root-full"]
    save(updated(shipped, on=TODAY, symptoms=["the registry is full"]), folder)
    found = KnownIssues.load(folder)
    assert found.problems == []
    mine = found.by_id["docker-root-full"]
    assert mine.path == folder / "docker-root-full.md"
    assert (mine.symptoms[-1], mine.status) == ("the registry is full", shipped.status)
    assert len(found) == len(LIBRARY)
