"""Imports the modules named and prints, as JSON, what they did at their top level beyond that.

usage: python watched_imports.py FOLDER MODULE…

Only what a file below FOLDER does itself counts: neither the loading of the next module, nor what
other packages do when they are imported.
"""

import importlib
import json
import os
import sys
import threading

TOUCHES = {
    "open",
    "os.chmod",
    "os.exec",
    "os.fork",
    "os.listdir",
    "os.mkdir",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.scandir",
    "os.system",
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "sqlite3.connect",
    "subprocess.Popen",
}
"""Audit events: https://docs.python.org/3/library/audit_events.html"""

folder, *modules = sys.argv[1:]
found = []
watching = False


def asker(depth):
    """File and line below the folder that this happens for, directly or through the standard
    library; None for what an import or another package does.
    """
    frame = sys._getframe(depth)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib") or "site-packages" in name:
            return None
        if name.startswith(folder):
            return name, frame.f_lineno
        frame = frame.f_back
    return None


def watch(event, arguments):
    if not watching or event not in TOUCHES:
        return
    at = asker(2)
    own_source = at and event == "open" and arguments[0] == at[0]  # pydantic reads docstrings there
    if at and not own_source:
        found.append(f"{at[0]}:{at[1]}: {event} {arguments[0]!r}")


class Variables(dict):
    """os.environ, as long as the modules are imported."""

    def note(self, name):
        at = watching and asker(3)
        if at:
            found.append(f"{at[0]}:{at[1]}: reads the variable {name}")

    def __getitem__(self, name):
        self.note(name)
        return super().__getitem__(name)

    def __contains__(self, name):
        self.note(name)
        return super().__contains__(name)

    def get(self, name, default=None):
        self.note(name)
        return super().get(name, default)


os.environ = Variables(os.environ)  # noqa: B003 - nothing here starts a process
os.getenv = os.environ.get
sys.addaudithook(watch)
watching = True
for module in modules:
    importlib.import_module(module)
watching = False
found += [f"the thread {thread.name}" for thread in threading.enumerate()[1:]]
print(json.dumps(found))
