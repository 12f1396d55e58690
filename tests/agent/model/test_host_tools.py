"""Commands that tools make of a model's words only read, and no word becomes more than one."""

import subprocess

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from model_cases import bench_for, case_of
from sme_agent.llm.messages import ToolCall
from sme_agent.model import toolbox
from sme_agent.model.bench import Refusal, Wanted
from sme_prompts.load import Prompts
from sme_tools.safety.policy.judge import judge
from sme_tools.safety.policy.verdict import Verdict

TOOLS = toolbox.tools(Prompts(), may_fix=True)
PROGRAMS = ("journalctl", "docker", "grep", "sed", "tail", "head")
SCRIPT = """#!/bin/sh
printf '%s\\0' "${0##*/}" "$@" "
" >> "$SEEN"  # in one write: the programs of a pipe run side by side
cat > /dev/null < /dev/null
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Programs that write down what they are called with, and nothing else in reach."""
    folder = tmp_path_factory.mktemp("bin")
    for name in PROGRAMS:
        (folder / name).write_text(SCRIPT)
        (folder / name).chmod(0o755)
    (folder / "cat").symlink_to("/bin/cat")
    work = tmp_path_factory.mktemp("work")
    seen = work / "seen"

    def run(command):
        seen.write_bytes(b"")
        before = set(work.iterdir())
        environment = {"PATH": str(folder), "SEEN": str(seen), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=environment, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, timeout=20,
            check=False,
        )  # fmt: skip
        assert set(work.iterdir()) == before, "a file was made"
        assert done.stderr == b"", done.stderr
        calls = seen.read_bytes().decode("utf-8", "surrogateescape").split("\n\0")
        return sorted(call.split("\0")[:-1] for call in calls if call)

    return run


@pytest.fixture
def request_of(colleague, tmp_path):
    """What a tool asks for; a function, so that a failure does not print a whole case."""
    bench = bench_for(colleague, case_of("healthy", colleague, tmp_path))

    def make(name, **arguments):
        call = ToolCall(id="c1", name=name, arguments={"host": "box", **arguments})
        outcome = toolbox.use(call, bench, TOOLS)
        assert isinstance(outcome, Wanted)
        return outcome.request

    return make


hostile = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("'\"`$(){}[]|&;<>*?!#~\\ \t\n-=%"),
    ),
    min_size=1,
    max_size=40,
)
KEEP = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)


def runnable(request_of, name, **arguments):
    """The command, if the policy lets it run; it never takes one for a change."""
    try:
        command = request_of(name, **arguments)["command"]
    except Refusal:
        return None
    judged = judge(command)
    assert judged.verdict in (Verdict.READ_ONLY, Verdict.REFUSED), (command, judged.reason)
    return command if judged.verdict is Verdict.READ_ONLY else None


@KEEP
@given(hostile, hostile, st.integers(-900, 900))
@example("x'; touch y; '", "$(touch y)", 1)
@example("-i", "-e", -5)
@example("a b", "x\ny", 1)
def test_a_file_is_read_whatever_it_is_called(asked, request_of, name, pattern, first):
    path = "/srv/" + name.replace("/", "_").replace("\n", " ")
    if command := runnable(request_of, "read_file", path=path, first_line=first):
        calls = asked(command)
        assert sum(call[-1] == path for call in calls) == 1, calls
        assert [call[0] for call in calls] in (["sed"], ["head", "tail"])
        assert all(len(call) <= 4 for call in calls)
    if command := runnable(request_of, "read_file", path=path, pattern=pattern):
        assert asked(command) == [["grep", "-n", "-E", "-m", "200", "-e", pattern, path]]


@KEEP
@given(hostile, hostile, hostile)
@example("--follow", "--file=/etc/passwd", "2h")
@example("x; touch y", "a' b", "`touch y`")
@example("-f", "-f", "-f")
def test_logs_are_read_whatever_their_source_is_called(asked, request_of, source, pattern, since):
    for kind in ("unit", "container"):
        arguments = {kind: source, "pattern": pattern, "since": since}
        command = runnable(request_of, "read_logs", **arguments)
        if command is None:
            continue
        reader, grep = sorted(asked(command), key=lambda call: call[0] == "grep")
        assert grep == ["grep", "-i", "-E", "-e", pattern]
        if kind == "container":
            assert reader[-2:] == ["--", source]
        elif source != "kernel":
            assert f"--unit={source}" in reader
        assert sum(word.startswith("--since=") for word in reader) == bool(since.strip())
        assert len(reader) <= 8


ORDINARY = [
    ("read_file", {"path": "/etc/nginx/nginx.conf"}),
    ("read_file", {"path": "/var/log/app log/my file.log", "first_line": -200}),
    ("read_file", {"path": "/etc/fstab", "first_line": 10, "lines": 5}),
    ("read_file", {"path": "/srv/ü's/x.conf", "pattern": "^(error|warn)\\b.*'x'"}),
    ("read_logs", {"unit": "nginx.service"}),
    ("read_logs", {"unit": "getty@tty1.service", "since": "2h", "pattern": "fail|err"}),
    ("read_logs", {"unit": "kernel", "since": "3d"}),
    ("read_logs", {"since": "2026-11-20 09:00"}),
    ("read_logs", {"path": "/var/log/syslog", "pattern": "oom"}),
    ("read_logs", {"container": "plex", "since": "30m", "pattern": "error"}),
    ("read_logs", {"container": "stack_web.1", "since": "2026-11-20T09:00:00"}),
    ("read_logs", {}),
]


def test_ordinary_files_and_logs_are_read_without_asking_anybody(request_of):
    for name, arguments in ORDINARY:
        command = request_of(name, **arguments)["command"]
        judged = judge(command)
        assert judged.verdict is Verdict.READ_ONLY, (command, judged.reason)


@pytest.mark.parametrize(
    ("since", "told"),
    [
        ("2h", "-2h"),
        ("30m", "-30min"),
        ("90 min", "-90min"),
        ("3 d", "-3d"),
        ("2h ago", "-2h"),
        ("1 week", "1 week"),
        ("yesterday", "yesterday"),
        ("2026-11-20 09:00", "2026-11-20 09:00"),
    ],
)
def test_a_span_of_time_ends_now(request_of, asked, since, told):
    (call,) = asked(request_of("read_logs", unit="nginx", since=since)["command"])
    assert f"--since={told}" in call


def test_secret_places_are_left_to_the_policy(request_of):
    command = request_of("read_file", path="/etc/shadow")["command"]
    assert judge(command).verdict is not Verdict.READ_ONLY


def test_probes_are_found_by_id_and_by_domain(request_of):
    ids = request_of("look", probes=["storage.*", "storage.filesystems"], why="x")["probes"]
    assert len(ids) == len(set(ids)) > 5
    assert all(id.startswith("storage.") for id in ids)
    for wrong, near in (("storage.filesystem", "storage.filesystems"), ("nonsense", "network.*")):
        with pytest.raises(Refusal) as raised:
            request_of("look", probes=wrong, why="x")
        assert near in raised.value.text
