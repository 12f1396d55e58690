"""Mistakes in what is typed and in files that people write: where, what, and what is allowed."""

import os
import shlex
import subprocess
import sys
import time

import pytest


@pytest.fixture
def config(own_folders):
    """The folder for settings, inventory, checks and known issues."""
    folder = own_folders / ".config/sme"
    (folder / "checks").mkdir(parents=True)
    (folder / "issues").mkdir()
    return folder


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hosts:\n  web1: {address: 10.0.0.5\n", "hosts.yaml:3: not valid YAML"),
        ("hosts:\n  web1:\n    adress: x\n", "hosts.yaml:3: hosts.web1.adress: there is no such"),
        ("hosts:\n  web1:\n    port: ssh\n", "hosts.yaml:3: hosts.web1.port: "),
        ("hosts:\n  web1:\n  web1: {}\n", "hosts.yaml:3: "),
        ("hosts: [web1]\n", "hosts.yaml:1: hosts: "),
        ('hosts:\n  "we\\eb": {}\n', "can't be a name"),
        ("just words\n", "hosts.yaml:1: "),
    ],
)
def test_a_broken_inventory_names_file_line_and_field(sme, config, text, complaint):
    (config / "hosts.yaml").write_text(text)
    for command in (["hosts", "list"], ["diagnose"], ["hosts", "add", "x", "10.0.0.1"]):
        answer = sme(*command)
        assert (answer.code, answer.out) == (2, "")
        assert complaint in answer.err
        assert "Traceback" not in answer.err
    assert (config / "hosts.yaml").read_text() == text, "what could not be read is not written over"


def test_a_broken_check_names_file_line_field_and_what_is_allowed(sme, config, full_host):
    (config / "checks/own.yaml").write_text("- id: storage.own\n  title: x\n  sverity: low\n")
    answer = sme("diagnose", full_host)
    assert answer.code == 2
    assert "own.yaml:3: sverity: there is no such field; allowed: id, title" in answer.err
    remedy = answer.err[answer.err.index("sme checks show") :]
    assert sme(*shlex.split(remedy)[1:]).code == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("words\n", "own.md:1: no front matter"),
        ("---\nid: own\n", "own.md:1: the front matter has no end"),
        ("---\nid: own\ntitle: [\n---\n", "own.md:4: not valid YAML"),
        ("---\nid: own\ntitel: x\n---\n", "own.md:3: titel: there is no such field; allowed: id,"),
        ("---\nid: own\ntitle: x\nseverity: grave\n---\n", "own.md:4: severity: "),
    ],
)
def test_a_broken_known_issue_is_left_out_and_the_diagnosis_goes_on(
    sme, config, full_host, text, complaint
):
    (config / "issues/own.md").write_text(text)
    answer = sme("diagnose", full_host)
    assert answer.code == 1
    assert answer.out.startswith("✗ web1: / is 100 % full")
    assert answer.err.startswith("sme: left out: ")
    assert complaint in answer.err


def test_settings_that_no_check_hears_are_named(sme, config, full_host):
    (config / "hosts.yaml").write_text(
        "hosts:\n  lab:\n    address: 127.0.0.1\n"
        "    limits:\n      storage.filesystem-ful: {used_percent: 98}\n"
        "      storage.filesystem-full: {x: 1}\n"
        "    disabled_checks: [no.such]\n"
    )
    complaints = [
        "lab: there is no check 'storage.filesystem-ful'; did you mean storage.filesystem-full?",
        "lab: storage.filesystem-full has no limit 'x'; it has used_percent",
        "lab: there is no check 'no.such'",
    ]
    examined = sme("doctor", "--json")
    broken = [result["detail"] for result in examined.json if result["state"] == "broken"]
    assert examined.code == 4
    for complaint in complaints:
        assert any(complaint in detail for detail in broken)
    told = sme("diagnose", "lab")
    assert all(complaint in told.err for complaint in complaints)


@pytest.mark.parametrize(
    "words",
    [["-"], ["@"], ["@web"], ["root@"], ["ssh://"], ["ssh://root@"], ["web1:99999"], ["256.1.1.1"],
     ["nothing.smesnap"], ["./nothing.smesnap"], ["/etc/passwd"], ["/"], ["a\x1b[31mb"],
     ["\udc9b"], ["x" * 5000], ["/" + "x" * 5000]],
)  # fmt: skip
def test_words_that_are_no_host(sme, words):
    answer = sme("diagnose", *words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("sme: ")
    assert "a fault of its own" not in answer.err
    assert not set(answer.err) & set("\x1b\x9b")


def test_a_symptom_of_one_word_and_its_remedy_as_typed(sme, full_host):
    answer = sme("diagnose", full_host, "slow")
    assert answer.code == 2
    command = answer.err[answer.err.index("If it is the symptom: ") :].split(": ", 1)[1]
    again = sme(*shlex.split(command)[1:], "--json")
    assert (again.json["symptom"], again.json["hosts"]) == ("slow", ["web1"])


def test_a_symptom_may_be_the_name_of_a_host_or_a_file(sme, full_host, monkeypatch):
    assert sme("diagnose", full_host, "-s", "localhost", "--json").json["symptom"] == "localhost"
    monkeypatch.chdir(full_host.parent)
    answer = sme("diagnose", full_host, "--symptom", full_host.name, "--json")
    assert answer.json["symptom"] == full_host.name


@pytest.mark.parametrize("nothing", ["", " ", "\t\n"])
def test_a_blank_symptom_is_none(sme, full_host, nothing):
    assert sme("diagnose", full_host, "--symptom", nothing, "--json").json["symptom"] is None


def test_a_symptom_of_100_kb_is_kept_but_does_not_flood_the_screen(sme, sound_host):
    text = ("the printer makes strange noises " * 3200)[:100_000]
    began = time.monotonic()
    answer = sme("diagnose", sound_host, text)
    assert time.monotonic() - began < 10
    assert answer.code in (0, 3)
    assert len(answer.out) < 4000
    assert len(sme("incidents", "list").out) < 1000
    assert sme("incidents", "show", "last", "--json").json["symptom"] == text.strip()


def test_bytes_that_are_no_text_do_no_harm(sme, full_host):
    answer = sme("diagnose", full_host, "no space \udc9b31m left", "--json")
    assert (answer.code, answer.json["symptom"]) == (1, "no space \ufffd31m left")
    assert sme("issues", "search", "no space \udc9b").code == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["hosts", "add", "we b", "x"], "can't be a name"),
        (["hosts", "add", "we\x1b[31mb", "x"], "can't be a name"),
        (["hosts", "add", "localhost", "x"], "is this machine"),
        (["hosts", "add", "web1", "--key", "/no/such/key"], "/no/such/key"),
        (["hosts", "import", "/no/such/file"], "/no/such/file"),
        (["diagnose", "--resume", "last", "localhost"], "--resume goes on with"),
        (["probes", "parse", "df", __file__], "no header of df"),
        (["facts", "--level", "9"], "--level"),
        (["nosuch"], "nosuch"),
        (["diagnos"], "diagnose"),
    ],
)
def test_other_mistakes(sme, arguments, complaint):
    answer = sme(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert complaint in answer.err
    assert not set(answer.err) & set("\x1b╭│")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["incidents", "list"], "no incidents yet"),
        (["incidents", "list", "--host", "web9"], "no incidents of web9"),
        (["log"], "the evolution log is empty"),
        (["log", "--kind", "x.y"], "no entries of the kind x.y"),
    ],
)
def test_nothing_is_said_on_stderr_and_is_an_empty_list_as_json(sme, arguments, said):
    plain = sme(*arguments)
    assert (plain.code, plain.out, plain.err) == (0, "", f"{said}\n")
    assert sme(*arguments, "--json").json == []


def complete(*words):
    """What bash would offer, what it would show on the terminal, and the time of the processor."""
    as_sme = "import sys; sys.argv[0] = 'sme'; from sme_cli.app import main; main()"
    before = os.times()
    result = subprocess.run(
        [sys.executable, "-c", as_sme],
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "_SME_COMPLETE": "complete_bash",
            "COMP_WORDS": shlex.join(("sme", *words)),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    after = os.times()
    used = after.children_user + after.children_system
    return result, used - before.children_user - before.children_system


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["dia"], ["diagnose"]),
        (["diagnose", "we"], ["web1"]),
        (["diagnose", "@"], ["@web"]),
        (["diagnose", "--resume", "la"], ["last"]),
        (["fix", "la"], ["last"]),
        (["fix", "--issue", "docker-root"], ["docker-root-full"]),
        (["probes", "show", "storage.filesys"], ["storage.filesystems"]),
        (["checks", "show", "storage.filesystem-fu"], ["storage.filesystem-full"]),
        (["checks", "show", "storage.ow"], ["storage.own"]),
        (["issues", "show", "docker-root"], ["docker-root-full"]),
        (["issues", "show", "zzz"], []),
    ],
)
def test_completion_offers_names_quickly(config, words, offered):
    (config / "hosts.yaml").write_text("hosts: {web1: {address: 10.0.0.5, groups: [web]}}\n")
    (config / "checks/own.yaml").write_text("- id: storage.own\n")
    result, used_s = complete(*words)
    assert (result.stdout.split(), result.stderr) == (offered, "")
    assert used_s < 1, "a promise of 0.3 s, on a machine that has other things to do"


def test_completion_is_silent_about_broken_files(config):
    (config / "hosts.yaml").write_text("hosts: [\n")
    (config / "config.toml").write_text("min_severity = 'grave'\n")
    for words in (["diagnose", "w"], ["checks", "show", "x"], ["incidents", "show", "2"]):
        result, _ = complete(*words)
        assert (result.stdout.split(), result.stderr) == ([], "")


@pytest.mark.parametrize(
    "command",
    ["", "diagnose", "fix", "snapshot", "facts", "doctor", "hosts", "hosts add", "hosts test",
     "incidents", "incidents list", "incidents show", "issues", "issues search", "probes",
     "probes parse", "checks", "checks run", "log", "log verify", "config", "config show"],
)  # fmt: skip
def test_every_help_says_what_the_exit_codes_mean(sme, command):
    answer = sme(*command.split(), "--help")
    assert (answer.code, answer.err) == (0, "")
    assert "Exit codes: 0 " in answer.out
    assert "130 interrupted" in " ".join(answer.out.split())
    listed = answer.out.partition("Commands:")[2]
    assert "..." not in listed, "a line of the list is cut"


def test_sme_alone_says_how_to_begin(sme):
    answer = sme()
    assert (answer.code, answer.out) == (2, "")
    assert "Start with:  sme diagnose" in answer.err
