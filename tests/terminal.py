"""A real terminal for tests: tmux with a shell in it, in which `sme` can be typed."""

import os
import re
import shlex
import subprocess
import sys

from typed_commands import eventually

PROMPT = "ready> "
WAIT_S = 30


class Terminal:
    """A terminal of some size with a shell in it, in which `sme` can be typed."""

    def __init__(self, folder, width, height, shell="sh", program=None):
        self.socket = folder / "tmux"
        self.commands = 0
        self.raw = folder / "raw"
        rc = folder / "rc"
        rc.write_text(f"PS1='{PROMPT}'\n")  # a shell of root takes none from the environment
        environment = {
            **os.environ,
            "PATH": f"{command_folder(folder, program)}:{os.environ['PATH']}:/usr/sbin",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "ENV": str(rc),
            "LC_ALL": "C.UTF-8",
        }
        for name in ("NO_COLOR", "FORCE_COLOR", "TMUX"):
            environment.pop(name, None)
        size = ("-x", str(width), "-y", str(height))
        command = f"bash --noprofile --rcfile {rc}" if shell == "bash" else shell
        self.tmux("-f", os.devnull, "new-session", "-d", *size, command, environment=environment)
        self.tmux("pipe-pane", "-o", f"cat > {shlex.quote(str(self.raw))}")
        eventually(lambda: self.screen().startswith(PROMPT.strip()))

    def tmux(self, *arguments, environment=None):
        ran = subprocess.run(
            ["tmux", "-S", str(self.socket), *arguments],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return ran.stdout

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def screen(self, *, colours=False):
        """What is to be seen, and what has scrolled out of sight."""
        return self.tmux("capture-pane", "-p", "-S", "-300", *(["-e"] if colours else []))

    def run(self, command):
        """Type a command, wait for its end; gives what it left on the terminal."""
        self.start(command)
        return self.answer()

    def start(self, command):
        self.tmux("clear-history")
        self.commands += 1  # what the command before left may still be on the screen
        self.type(f"clear; {command}; echo ended {self.commands}=$?")
        self.press("Enter")

    def answer(self):
        shown, _ = eventually(self.ended, WAIT_S)
        return shown

    def ended(self):
        """What the last command left on the screen, and its exit code, when it has ended."""
        screen = self.screen()
        last = re.search(rf"^ended {self.commands}=(\d+)$", screen, re.MULTILINE)
        return last and (screen[: last.start()], int(last[1]))

    @property
    def code(self):
        _, code = self.ended()
        return code

    def close(self):
        self.tmux("kill-server")


def command_folder(folder, program=None):
    """A folder in which `sme` is the program under test, called by its own name."""
    bin = folder / "bin"
    if not bin.exists():
        bin.mkdir()
        (bin / "sme").write_text(
            program
            or f"#!{sys.executable}\nfrom sme_cli.app import main\n\nif __name__ == '__main__':\n"
            "    main()\n"
        )
        (bin / "sme").chmod(0o755)
    return bin
