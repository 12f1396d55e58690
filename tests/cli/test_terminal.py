"""The screen as a person sees it, in a real terminal."""

import re
import shutil
import socket
import time

import pytest

from terminal import Terminal
from typed_commands import DF, eventually, hanging_processes, record

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="apt-get install tmux")


@pytest.fixture
def terminal(tmp_path, own_folders):
    """Open a terminal of this size."""
    opened = []

    def open_terminal(width=80, height=30, shell="sh"):
        opened.append(Terminal(tmp_path, width, height, shell))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()


@pytest.fixture(scope="session")
def loud_host(tmp_path_factory):
    """A host whose evidence is a line of 150 characters, with a name to match."""
    device = "/dev/mapper/" + "-".join(["ubuntu--vg"] * 8)
    df = DF.replace("/dev/vda1 ", f"{device} ")
    folder = tmp_path_factory.mktemp("snapshots")
    return record(folder / "loud.smesnap", "web1", {"storage.filesystems": f"{df}\n"})


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_screen_is_read_from_top_to_bottom(terminal, loud_host, width):
    screen = terminal(width, 30).run(f"sme diagnose {loud_host}")
    verdict, root, evidence, step, details = (
        screen.index(text)
        for text in ("✗ web1: / is", "Root cause", "Evidence", "Next", "sme incidents show")
    )
    assert verdict < root < evidence < step < details
    lines = screen.splitlines()
    assert all(len(line) <= width for line in lines)
    quoted = screen[evidence:step].splitlines()
    assert len(quoted) <= 4, "long evidence is cut"
    assert "…" in screen[evidence:step] or width >= 80
    assert len(lines) <= (20 if width >= 80 else 30)


def test_colours_tell_good_from_bad_unless_nobody_wants_them(terminal, full_host, sound_host):
    at = terminal()
    at.run(f"sme diagnose {full_host}")
    assert re.search(r"\x1b\[(?:1;)?31m✗|\x1b\[1m\x1b\[31m✗", at.screen(colours=True))
    at.run(f"sme diagnose {sound_host}")
    assert re.search(r"32m✓", at.screen(colours=True))
    at.run(f"NO_COLOR=1 sme diagnose {full_host}")
    assert not re.search(r"\x1b\[(?:\d+;)*3[0-7]m", at.screen(colours=True))


def test_a_dumb_terminal_gets_no_escape_sequence(terminal, full_host):
    at = terminal()
    screen = at.run(f"TERM=dumb sme diagnose {full_host}")
    assert "✗ web1: / is 100 % full" in screen
    said = at.raw.read_text("utf-8", "replace")
    assert "\x1b" not in said[said.rindex("✗ web1") :].split("ended ")[0]


@pytest.fixture
def silent(own_folders):
    """The name of a host that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        (own_folders / ".ssh").mkdir(mode=0o700)
        (own_folders / ".ssh/config").write_text(
            f"Host silent\n  HostName 127.0.0.1\n  Port {listener.getsockname()[1]}\n  User root\n"
        )
        yield "silent"


def test_progress_is_live_and_leaves_nothing_behind(terminal, silent, full_host, tmp_path):
    at = terminal()
    file = tmp_path / "screen.txt"
    at.start(f"SME_CONNECT_TIMEOUT_S=5 sme diagnose silent {full_host} > {file}")
    eventually(lambda: re.search(r"[⠀-⣿] .*commands answered|[⠀-⣿] observe", at.screen()))
    eventually(lambda: re.search(r"[⠀-⣿] 3 s · ", at.screen()))
    left = at.answer()
    assert not re.search(r"[⠀-⣿]", left)
    assert left.startswith("sme: silent: 127.0.0.1:"), "the complaint alone"
    assert at.code == 3
    written = file.read_text()
    assert written.startswith("✗ web1: / is 100 % full")
    assert not re.search(r"[⠀-⣿\x1b]", written)


def test_what_fails_is_told_once_on_one_terminal(terminal, silent):
    screen = terminal().run("SME_CONNECT_TIMEOUT_S=1 sme diagnose silent")
    assert " ".join(screen.split()).count("sent no SSH greeting") == 1
    assert screen.startswith("! silent: ")
    assert "Next          1. Check that the host is up" in screen


def test_ctrl_c_is_heeded_at_once_and_says_how_to_go_on(terminal, silent):
    at = terminal()
    at.start("sme diagnose silent")
    eventually(lambda: re.search(r"[⠀-⣿] observe", at.screen()))
    pressed = time.monotonic()
    at.press("C-c")
    left = at.answer()
    assert time.monotonic() - pressed < 3
    assert at.code == 130
    assert "Go on from there: sme diagnose --resume " in left
    assert not re.search(r"[⠀-⣿]", left)


def test_ctrl_c_on_this_machine_leaves_no_process(terminal, hanging_df):
    at = terminal()
    at.start(f"PATH={hanging_df}:$PATH sme diagnose")
    eventually(hanging_processes)
    at.press("C-c")
    at.answer()
    assert at.code == 130
    eventually(lambda: hanging_processes() == 0)


def test_tables_keep_names_whole(terminal):
    at = terminal(60)
    screen = at.run("sme issues list")
    assert re.search(r"^nvidia-driver-library-mismatch\s", screen, re.MULTILINE)


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_bash_completes(terminal, own_folders):
    at = terminal(shell="bash")
    (own_folders / ".config/sme").mkdir(parents=True)
    (own_folders / ".config/sme/hosts.yaml").write_text("hosts: {webserver: {}}\n")
    at.run('eval "$(_SME_COMPLETE=source_bash sme)"')
    at.type("sme diag")
    at.press("Tab")
    eventually(lambda: "sme diagnose" in at.screen())
    at.type("webs")
    at.press("Tab")
    eventually(lambda: "sme diagnose webserver" in at.screen())
