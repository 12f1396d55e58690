"""The file format: what it holds, what may be written short, and how it says what is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_knowledge.known_issue import MAX_FILE_BYTES, KnownIssue
from sme_tools.errors import KnownIssueInvalid

FILE = """---
id: docker-root-full
title: Docker's data root has filled its disk
severity: critical
status: candidate
applies_to: [docker]
symptoms:
  - no space left on device while pulling an image
signature:
  each: storage.filesystems as f
  when: f.used_percent >= 99.0
explains: [containers.exited-with-error]
root_cause: Images and logs grow without bound.
diagnosis:
  - probe: storage.filesystems
    why: Names the filesystem.
    supports: storage.filesystems.exists(f, f.used_percent >= 99.0)
resolution:
  - title: Make room
    run: docker image prune --force
    verify: storage.filesystems.all(f, f.used_percent < 90.0)
  - title: Move it
    run: systemctl stop docker
    undo: systemctl start docker
    verify: {run: systemctl is-active docker, exit_codes: [0, 3]}
prevention:
  - Prune weekly.
  - {text: Alert in time., check: storage.filesystem-filling, limit: 80}
supersedes: [docker-disk-full]
provenance: {source: a test, recorded: 2026-11-20}
---
The story.

With a second paragraph.
"""


def invalid(text: str) -> str:
    with pytest.raises(KnownIssueInvalid) as caught:
        KnownIssue.parse(text, "broken.md")
    return str(caught.value)


def changed(old: str, new: str) -> str:
    assert old in FILE
    return FILE.replace(old, new)


def test_a_file_is_read_into_one_issue():
    issue = KnownIssue.parse(FILE, "docker-root-full.md")
    assert issue.id == "docker-root-full"
    assert issue.signature is not None
    assert issue.signature.each == "storage.filesystems as f"
    assert issue.resolution[0].verify.when == "storage.filesystems.all(f, f.used_percent < 90.0)"
    assert issue.resolution[1].verify.run == "systemctl is-active docker"
    assert issue.resolution[1].verify.exit_codes == [0, 3]
    assert issue.prevention[0].text == "Prune weekly."
    assert issue.prevention[1].limit == 80
    assert issue.story == "The story.\n\nWith a second paragraph."


def test_a_signature_without_a_list_may_be_written_as_its_condition():
    text = changed(
        "signature:\n  each: storage.filesystems as f\n  when: f.used_percent >= 99.0\n",
        "signature: containers.docker_daemon.root_used_percent >= 99.0\n",
    )
    signature = KnownIssue.parse(text, "x.md").signature
    assert signature is not None
    assert signature.when == "containers.docker_daemon.root_used_percent >= 99.0"
    assert signature.rules_out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("critical", "catastrophic", "broken.md:4: severity: Input should be 'critical', 'high'"),
        ("candidate", "maybe", "broken.md:5: status: Input should be 'candidate', 'validated'"),
        ("id: docker-root-full", "id: Docker Root", "broken.md:2: id: must be lower-case words"),
        ("explains: [", "explanes: [", "broken.md:12: explanes: there is no such field"),
        ("    why: Names", "    because: Names", "broken.md:16: diagnosis.0.because"),
        ("applies_to: [docker]\n", "", "applies_to: this field is required"),
        ("f.used_percent >= 99.0\nexp", "f.used_percent >=\nexp", "broken.md:11: signature.when:"),
        ("as f\n", "with f\n", "broken.md:10: signature.each: must be PATH as NAME"),
        ("all(f, f.used_percent < 90.0)", "all(f, (", "broken.md:21: resolution.0.verify.when"),
        ("[0, 3]", "[0, 300]", "broken.md:25: resolution.1.verify.exit_codes.1"),
        ("{run: systemctl is-active docker, exit_codes: [0, 3]}", "{}", "must be a condition over"),
        ("[containers.exited-with-error]", "[exited]", "broken.md:12: explains.0: must be the id"),
        ("critical", "{a: [", "not valid YAML"),
        (
            "severity: critical",
            "id: twice",
            "broken.md:4: not valid YAML: 'id' comes twice",
        ),
        ("2026-11-20", "2026-13-45", "broken.md:1: not valid YAML: month must be"),
        ("    undo:", "    undo: [", "not valid YAML"),
        ("provenance:", "story: no\nprovenance:", "there is no such field"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_field(old, new, said):
    assert said in invalid(changed(old, new))


def test_a_missing_field_lists_nothing_but_its_name():
    assert "why" in invalid(changed("    why: Names the filesystem.\n", ""))


def test_a_wrong_field_name_is_answered_with_those_there_are():
    assert "title, run, undo, verify, " in invalid(changed("    undo:", "    revert:"))


@pytest.mark.parametrize("text", ["", "no front matter", "---\nid: x\n", "---\n- a list\n---\n"])
def test_a_file_without_front_matter_is_refused_with_a_remedy(text):
    with pytest.raises(KnownIssueInvalid) as caught:
        KnownIssue.parse(text, "broken.md")
    assert "begins with a line ---" in caught.value.remedy


def test_a_condition_longer_than_is_allowed_is_refused():
    long = " || ".join(["f.used_percent > 1.0"] * 200)
    assert "at most 2000" in invalid(changed("f.used_percent >= 99.0\nexp", f"{long}\nexp"))


def test_line_ends_and_byte_order_marks_of_other_systems_are_read(tmp_path):
    path = tmp_path / "issue.md"
    path.write_bytes(b"\xef\xbb\xbf" + FILE.replace("\n", "\r\n").encode())
    assert KnownIssue.read(path).story.startswith("The story.")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"---\nid: \xff\xfe\n---\n", "not UTF-8 (byte 8)"),
        (b"x" * (MAX_FILE_BYTES + 1), "larger than 256 KiB"),
        (b"---\n" + b"[" * 50_000 + b"\n---\n", "broken.md:"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, content, said):
    path = tmp_path / "broken.md"
    path.write_bytes(content)
    with pytest.raises(KnownIssueInvalid, match=r"broken\.md") as caught:
        KnownIssue.read(path)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(KnownIssueInvalid, match="No such file"):
        KnownIssue.read(tmp_path / "gone.md")


@given(st.text())
def test_any_text_is_an_issue_or_is_refused_as_one(text):
    for content in (text, f"---\n{text}\n---\n"):
        with pytest.raises(KnownIssueInvalid):
            KnownIssue.parse(content, "broken.md")


STEP = "  - title: Make room\n    run: docker image prune --force\n"


def with_step_fields(lines: str) -> str:
    return changed(STEP, STEP + "".join(f"    {line}\n" for line in lines.splitlines()))


def test_a_step_may_say_what_to_keep_and_how_long_to_wait():
    text = with_step_fields(
        "pre_state: [docker info, df -P]\n"
        "keep_files: [/etc/docker/daemon.json, FILE, /etc/NAME.conf]\n"
        "timeout_s: 600\nhold_s: 0"
    )
    first, second = KnownIssue.parse(text, "docker-root-full.md").resolution
    assert first.pre_state == ["docker info", "df -P"]
    assert first.keep_files == ["/etc/docker/daemon.json", "FILE", "/etc/NAME.conf"]
    assert (first.timeout_s, first.hold_s) == (600, 0)
    assert (second.timeout_s, second.hold_s) == (120, 60)
    assert (second.pre_state, second.keep_files) == ([], [])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("timeout_s: 0", "timeout_s"),
        ("timeout_s: 3601", "timeout_s"),
        ("hold_s: -1", "hold_s"),
        ("hold_s: 3601", "hold_s"),
        ("keep_files: [daemon.json]", "must be the full path of a file"),
        ("keep_files: [/etc/docker/]", "must be the full path of a file"),
        ("keep_files: [/etc/../shadow]", "must be written without //, . and .."),
        ("pre_state: ['']", "pre_state"),
    ],
)
def test_a_step_that_asks_for_the_impossible_is_refused(line, problem):
    assert problem in invalid(with_step_fields(line))
