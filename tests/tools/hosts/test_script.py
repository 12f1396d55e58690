"""One script carries all steps: under every POSIX shell, whatever the steps do."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_tools.errors import HostLost, NoPosixShell
from sme_tools.hosts.frames import HEAD_BYTES, TAIL_BYTES
from sme_tools.hosts.host import localhost
from sme_tools.hosts.local import LocalTransport
from sme_tools.hosts.script import Script, ScriptReader, Step
from typed_commands import eventually

SHELLS = {"dash": ("dash",), "bash": ("bash",), "busybox ash": ("busybox", "ash")}


@pytest.fixture(params=SHELLS)
def shell(request):
    command = SHELLS[request.param]
    if shutil.which(command[0]) is None:
        pytest.fail(f"{command[0]} is missing: apt-get install {command[0]}", pytrace=False)
    return command


def run(*steps, shell=("/bin/sh",), timeout_s=30, **script):
    transport = LocalTransport(localhost(), shell=shell)
    with transport:
        return list(transport.run(Script(steps, **script), timeout_s=timeout_s))


def test_each_step_has_its_own_streams_and_exit_code(shell):
    both, absent, failed, killed = run(
        Step("both", "echo out; echo err >&2"),
        Step("absent", "no-such-command"),
        Step("failed", "exit 3"),
        Step("killed", "kill -KILL $$"),
        shell=shell,
    )
    assert (both.stdout, both.stderr, both.exit_code) == ("out\n", "err\n", 0)
    assert absent.is_absent
    assert failed.exit_code == 3
    assert killed.exit_code == 128 + 9


def test_output_comes_exactly_as_printed(shell):
    texts = ["", "\n", "\n\n", "no newline", "two\nlines\n", " spaces ", "tab\tö€😀\n", "'\"$x`\\"]
    steps = [Step(str(n), f"printf %s {_quote(text)}") for n, text in enumerate(texts)]
    assert [evidence.stdout for evidence in run(*steps, shell=shell)] == texts


def _quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


def test_a_hanging_pipeline_costs_its_own_limit_and_leaves_nothing_behind(shell):
    began = time.monotonic()
    hang, after = run(
        Step("hang", "echo before; sleep 987 | cat", timeout_s=1),
        Step("after", "echo after; ps -A -o args | grep '[s]leep 987'"),
        shell=shell,
    )
    assert hang.outcome == "timed-out"
    assert hang.exit_code is None
    assert hang.stdout == "before\n"
    assert hang.stderr == ""
    assert 1 <= hang.duration_s < 4
    assert after.stdout == "after\n"
    assert time.monotonic() - began < 6


def test_a_step_that_ends_when_the_clock_ticks_keeps_its_exit_code(shell):
    steps = [Step(str(n), f"sleep 0.9{n}; exit 127") for n in (6, 8)]
    assert [evidence.exit_code for evidence in run(*steps, shell=shell)] == [127, 127]


def test_a_step_reads_nothing_of_the_script(shell):
    first, second = run(Step("reads", "cat; read line"), Step("second", "echo here"), shell=shell)
    assert first.stdout == ""
    assert second.stdout == "here\n"


def test_steps_see_a_plain_environment_and_the_system_folders(shell, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    (evidence,) = run(Step("env", "echo $LC_ALL $LANGUAGE $TERM; pwd; echo $PATH"), shell=shell)
    environment, folder, path = evidence.stdout.splitlines()
    assert environment == "C dumb"
    assert folder == "/"
    assert {"/usr/sbin", "/sbin", "/usr/local/bin"} <= set(path.split(":"))


def test_long_output_keeps_its_head_and_tail_and_says_what_is_missing():
    (evidence,) = run(Step("long", "echo first; head -c 2000000 /dev/zero | tr '\\0' x; echo last"))
    assert evidence.stdout.startswith("first\nx")
    assert evidence.stdout.endswith("xlast\n")
    assert evidence.omitted_bytes == 6 + 2_000_000 + 5 - HEAD_BYTES - TAIL_BYTES
    assert f"[… {evidence.omitted_bytes} bytes left out …]" in evidence.stdout


def test_bytes_that_are_no_utf8_survive_as_replacement_characters():
    (evidence,) = run(Step("bytes", r"printf 'caf\351 \377 \303\251'"))
    assert evidence.stdout == "caf� � é"


def test_a_step_without_a_turn_is_timed_out():
    began = time.monotonic()
    hang, never = run(Step("hang", "echo so far; sleep 20"), Step("never", "true"), timeout_s=1)
    assert (hang.outcome, hang.stdout) == ("timed-out", "so far\n")
    assert hang.duration_s == pytest.approx(1, abs=0.5)
    assert (never.outcome, never.stdout, never.exit_code) == ("timed-out", "", None)
    assert time.monotonic() - began < 5


def test_a_shell_that_dies_leaves_what_came_before():
    transport = LocalTransport(localhost())
    seen = []
    with pytest.raises(HostLost):
        for evidence in transport.run(
            Script([Step("ok", "echo fine"), Step("dies", "echo half; kill -9 $PPID; sleep 1")]),
            timeout_s=10,
        ):
            seen.append((evidence.step, evidence.outcome, evidence.stdout))
    assert seen == [("ok", "completed", "fine\n"), ("dies", "lost", "half\n")]


def test_a_shell_that_is_none_says_what_it_said():
    with pytest.raises(NoPosixShell, match="This account is currently not available"):
        run(
            Step("x", "true"),
            shell=("/bin/sh", "-c", "echo This account is currently not available."),
        )


def test_a_step_that_is_broken_off_as_it_begins_does_not_run(shell, tmp_path, monkeypatch):
    """The signal comes while the step's process is still on its way to a group of its own."""
    real = shutil.which("setsid")
    if real is None:
        pytest.skip("there is no setsid here, and so no group for a step")
    slow = tmp_path / "setsid"
    slow.write_text(f'#!/bin/sh\necho $$ >{tmp_path}/pid\nsleep 1\nexec {real} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    script = Script([Step("x", f"touch {tmp_path}/ran")])
    process = subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    process.stdin.write(script.text().encode())
    process.stdin.close()
    begun = tmp_path / "pid"
    pid = int(eventually(lambda: begun.exists() and begun.read_text()))
    process.terminate()
    process.wait(20)
    eventually(lambda: not Path(f"/proc/{pid}").exists())
    assert not (tmp_path / "ran").exists()


def test_a_script_that_arrives_cut_off_runs_nothing(tmp_path):
    script = Script([Step("touch", f"touch {tmp_path}/ran")]).text()
    for share in (0.5, 0.9, 0.999):
        part = script[: int(len(script) * share)]
        os.system(f"/bin/sh >/dev/null 2>&1 <<'THE-END'\n{part}\nTHE-END\n")
    assert not (tmp_path / "ran").exists()


def test_ids_name_host_step_and_round():
    (evidence,) = run(Step("system.uptime", "true"), round=3)
    assert evidence.id == "localhost/system.uptime#3"


def _recorded(script):
    """What a shell prints for a script: two streams."""
    marker = script.marker
    out = (
        f"Welcome!\n\n{marker} B 0 root\nfirst\n\n{marker} E 0 12.50 12.75 completed\n"
        f"\n{marker} B 1 user\n{marker}\n{marker} X\n\n\n{marker} E 7 12.75 13.00 completed\n"
        f"\n{marker} B 2 sudo\nhalf a line\n{marker} E 137 13.00 23.10 timed-out\n"
        f"\n{marker} Z\n"
    )
    err = (
        f"stty: not a tty\n\n{marker} B 0\n\n{marker} E\n\n{marker} B 1\noops\n\n{marker} E\n"
        f"\n{marker} B 2\n\n{marker} E\n\n{marker} Z\n"
    )
    return out.encode(), err.encode()


def _facts(evidence):
    return evidence.model_dump(exclude={"started_at"})


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.integers(1, 60))))
def test_chunks_of_any_size_give_the_same_evidence(chunks):
    script = Script([Step("a", "…"), Step("b", "…"), Step("c", "…")])
    out, err = _recorded(script)
    whole = ScriptReader(script, "web1")
    whole.feed("stdout", out)
    whole.feed("stderr", err)
    expected = [_facts(evidence) for evidence in whole.take()]
    assert [e["stdout"] for e in expected] == [
        "first\n",
        f"{script.marker}\n{script.marker} X\n\n",
        "half a line",
    ]

    left = {"stdout": out, "stderr": err}
    reader = ScriptReader(script, "web1")
    got = []
    for stream, size in chunks:
        reader.feed(stream, left[stream][:size])
        left[stream] = left[stream][size:]
        got += [_facts(evidence) for evidence in reader.take()]
    for stream, rest in left.items():
        reader.feed(stream, rest)
        got += [_facts(evidence) for evidence in reader.take()]
    assert got == expected
    assert reader.ended
    assert reader.noise.split("\n") == ["Welcome!", "", "stty: not a tty"]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_hostile_host_can_break_evidence_but_not_the_reader(data):
    script = Script([Step("a", "…"), Step("b", "…"), Step("c", "…")])
    reader = ScriptReader(script, "web1")
    word = st.sampled_from(
        ["B", "E", "Z", "0", "1", "99", "-1", "root", "nan", "inf", "1e999", "completed", "\0", "٣"]
    )
    for stream in ("stdout", "stderr"):
        for line in data.draw(st.lists(st.lists(word, max_size=6), max_size=12)):
            reader.feed(stream, f"\n{script.marker} {' '.join(line)}\n".encode())
        reader.feed(stream, data.draw(st.binary(max_size=40)))
    got = [*reader.take(), *reader.take_rest("lost")]
    assert {evidence.step for evidence in got} <= {"a", "b", "c"}
    assert len({evidence.id for evidence in got}) == len(got)


def test_markers_differ_from_script_to_script():
    text = Script([Step("a", "true")]).text()
    (marker,) = set(re.findall(r"sme-[0-9a-f]{32}", text))
    assert marker not in Script([Step("a", "true")]).text()
