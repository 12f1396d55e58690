"""run.py on a small project of its own: a lock with one package, a program called sme.

Nothing is patched: real environments, real pip, which finds its packages in a folder.
"""

import ast
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

SME = """
import json, os, sys
def main():
    facts = {"arguments": sys.argv[1:], "folder": os.getcwd(), "python": sys.prefix}
    facts |= {name: os.environ.get(name) for name in ("VIRTUAL_ENV", "PYTHONPATH")}
    print(json.dumps(facts))
    sys.exit(3 if "unreachable" in sys.argv else 0)
"""

BACKEND = """
import zipfile
from pathlib import Path
FILES = {
    "small.pth": str(Path.cwd()),
    "small-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\n",
    "small-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "small-1.dist-info/entry_points.txt": "[console_scripts]\\nsme = small_sme:main\\n",
    "small-1.dist-info/RECORD": "",
}
def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(Path(folder) / "small-1-py3-none-any.whl", "w") as wheel:
        for name, text in FILES.items():
            wheel.writestr(name, text)
    return "small-1-py3-none-any.whl"
"""

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def make_wheel(folder: Path, name: str, module: str) -> str:
    """A package of one module; returns its line of a lock file."""
    path = folder / f"{name}-1-py3-none-any.whl"
    info = f"{name}-1.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", module)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        wheel.writestr(f"{info}/RECORD", "")
    return f"{name}==1 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


class Project:
    """A checkout with nothing set up, in a folder whose name holds a space."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a project"
        self.venv = self.folder / ".venv"
        packages = folder / "packages"
        packages.mkdir()
        shutil.copytree(ROOT / "setup", self.folder / "setup")
        for name in ("run.py", "Makefile"):
            shutil.copy(ROOT / name, self.folder)
        runtime = make_wheel(packages, "needed", "")
        dev = make_wheel(packages, "pytest", "import sys; print('pytest', sys.argv[1:])")
        for name, text in {
            "requirements.lock": runtime,
            "requirements-dev.lock": runtime + dev,
            "pyproject.toml": PYPROJECT,
            "backend.py": BACKEND,
            "small_sme.py": SME,
        }.items():
            (self.folder / name).write_text(text)
        # pip looks into this folder and nowhere else; a make that runs the tests is not seen.
        others = ("PIP_", "MAKE")
        self.env = {key: text for key, text in os.environ.items() if not key.startswith(others)}
        self.env |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": packages.as_uri()}
        self.env |= {"PIP_CONFIG_FILE": os.devnull, "HOME": str(folder)}

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        options = {"cwd": self.folder.parent, "env": self.env} | options
        command = [sys.executable, str(self.folder / "run.py"), *arguments]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
        )

    def run(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        process = self.start(*arguments, **options)
        out, err = process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def run_changed(self, change: str, *arguments: str, **options) -> subprocess.CompletedProcess:
        """Run run.py after a change to the Python that runs it."""
        script = f"import runpy, sys; {change}; runpy.run_path('run.py', run_name='__main__')"
        return subprocess.run(
            [sys.executable, "-c", script, *arguments],
            **(
                {"cwd": self.folder, "env": self.env, "capture_output": True, "text": True}
                | options
            ),
        )


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose sme has been run once, and its answer."""
    project = Project(tmp_path_factory.mktemp("made"))
    project.first = project.run("diagnose")
    assert project.first.returncode == 0, project.first.stderr
    return project


@pytest.fixture
def clean_checkout(tmp_path):
    return Project(tmp_path)


def test_first_run_sets_up_and_diagnoses_this_machine(project):
    assert json.loads(project.first.stdout)["arguments"] == ["diagnose"]
    assert project.first.stderr.startswith("sme: setting up .venv with Python 3.")


def test_arguments_folder_and_exit_code_are_passed_on(project, tmp_path):
    ran = project.run("diagnose", "web1", "it's slow", "unreachable", cwd=tmp_path)
    said = json.loads(ran.stdout)
    assert said["arguments"] == ["diagnose", "web1", "it's slow", "unreachable"]
    assert said["folder"] == str(tmp_path)
    assert ran.returncode == 3


def test_sme_runs_any_command_and_finds_its_project_through_a_link(project, tmp_path):
    (tmp_path / "link").symlink_to(project.folder / "run.py")
    ran = subprocess.run(
        [sys.executable, tmp_path / "link", "sme", "hosts", "list"],
        env=project.env,
        capture_output=True,
        text=True,
    )
    assert json.loads(ran.stdout)["arguments"] == ["hosts", "list"]
    assert ran.stderr == ""


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make here")
def test_make_is_another_name_for_it(project):
    ran = subprocess.run(
        ["make", "diagnose", 'ARGS=web1 "it is slow"', f"PYTHON={sys.executable}"],
        cwd=project.folder,
        env=project.env,
        capture_output=True,
        text=True,
    )
    assert json.loads(ran.stdout)["arguments"] == ["diagnose", "web1", "it is slow"]


def test_second_run_costs_next_to_nothing(project):
    def cpu_seconds(command):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=project.env, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    through = [sys.executable, project.folder / "run.py", "sme"]
    itself = [project.venv / "bin" / "sme"]
    added = min(cpu_seconds(through) for _ in range(5)) - min(cpu_seconds(itself) for _ in range(5))
    assert added < 0.1


def test_another_active_environment_is_ignored(project, tmp_path):
    (tmp_path / "small_sme.py").write_text("def main(): print('the wrong one')")
    others = {"VIRTUAL_ENV": "/elsewhere", "PYTHONPATH": str(tmp_path), "PYTHONHOME": ""}
    said = json.loads(project.run("sme", env=project.env | others).stdout)
    assert said["python"] == said["VIRTUAL_ENV"] == str(project.venv)
    assert said["PYTHONPATH"] is None


def test_tests_add_what_developing_needs_and_keep_the_rest(project):
    (project.venv / "kept").touch()
    ran = project.run("test", "-k", "probes")
    assert ran.stdout == "pytest ['-k', 'probes']\n", ran.stderr
    assert (project.venv / "kept").exists()


def test_changed_lock_makes_the_environment_again(project):
    lock = project.folder / "requirements.lock"
    lock.write_text(lock.read_text() + "# changed\n")
    ran = project.run("sme")
    assert "setting up .venv" in ran.stderr
    assert ran.returncode == 0
    assert not (project.venv / "kept").exists()


def test_package_that_was_altered_is_refused_and_what_was_there_still_works(project):
    lock = project.folder / "requirements-dev.lock"
    whole = lock.read_text()
    lock.write_text(re.sub(r"(pytest.*sha256:).*", r"\g<1>" + 64 * "0", whole))
    refused = project.run("test")
    lock.write_text(whole)
    assert refused.returncode == 4
    assert "is not the one that the lock file names" in refused.stderr
    assert "→ a mirror or a proxy may have altered it" in refused.stderr
    assert project.run("sme").stderr == ""


def test_second_python_version_gets_a_folder_of_its_own(project, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from setup import environment

    monkeypatch.setattr(environment, "ROOT", project.folder)
    assert environment.venv_of_this_python() == project.venv
    monkeypatch.setattr(environment, "VERSION", "3.99")
    assert environment.venv_of_this_python() == project.folder / ".venv-3.99"
    (project.venv / "bin" / "python").rename(project.venv / "bin" / "gone")
    assert environment.venv_of_this_python() == project.venv
    (project.venv / "bin" / "gone").rename(project.venv / "bin" / "python")


def test_interrupted_set_up_is_done_again_once_by_one_of_three_runs(clean_checkout):
    first = clean_checkout.start("diagnose", start_new_session=True)
    while not (clean_checkout.venv / "pyvenv.cfg").exists():
        assert first.poll() is None
        time.sleep(0.01)
    os.killpg(first.pid, signal.SIGINT)
    _, err = first.communicate()
    assert first.returncode == 130
    assert err.endswith("sme: interrupted\n  → the same command does what is left to do\n")

    runs = [clean_checkout.start("diagnose", f"web{n}") for n in range(3)]
    answers = [run.communicate() for run in runs]
    assert [json.loads(out)["arguments"][1] for out, _ in answers] == ["web0", "web1", "web2"]
    assert sum("setting up .venv" in err for _, err in answers) == 1


def test_folder_that_is_no_environment_is_left_alone(clean_checkout):
    clean_checkout.venv.mkdir()
    (clean_checkout.venv / "thesis.txt").write_text("the only copy")
    ran = clean_checkout.run("diagnose")
    assert ran.returncode == 4
    assert "is no virtual environment" in ran.stderr
    assert (clean_checkout.venv / "thesis.txt").read_text() == "the only copy"


def test_folder_that_cannot_be_written_is_named(clean_checkout):
    clean_checkout.venv.write_text("a file where the folder should be")
    ran = clean_checkout.run("diagnose")
    assert ran.returncode == 4
    assert str(clean_checkout.venv) in ran.stderr
    assert "pipx install ." in ran.stderr


def test_python_without_ensurepip_gets_the_command_that_installs_it(clean_checkout):
    without = "sys.modules.update(ensurepip=None, virtualenv=None)"
    ran = clean_checkout.run_changed(without, "diagnose")
    assert ran.returncode == 4
    assert "comes without ensurepip\n  → " in ran.stderr
    assert "then give the same command again" in ran.stderr


def test_virtualenv_stands_in_for_ensurepip(clean_checkout):
    maker = "import sys, venv; venv.create(sys.argv[1], symlinks=True, with_pip=True)"
    (clean_checkout.folder / "virtualenv.py").write_text(maker)
    ran = clean_checkout.run_changed("sys.modules.update(ensurepip=None)", "diagnose")
    assert json.loads(ran.stdout)["arguments"] == ["diagnose"]


OLD = "sys.version_info = (3, 9, 2, 'final', 0)"


def test_old_python_hands_over_to_a_newer_one_on_path(project, tmp_path):
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2; exit 127\n")
    newer = tmp_path / "python3.12"
    newer.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for path in (shim, newer):
        path.chmod(0o755)
    env = project.env | {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYENV_ROOT": str(tmp_path)}
    ran = project.run_changed(OLD, "diagnose", "web1", env=env)
    assert json.loads(ran.stdout)["arguments"] == ["diagnose", "web1"]


def test_old_python_alone_is_told_which_versions_will_do(clean_checkout):
    env = clean_checkout.env | {"PATH": "/nowhere", "PYENV_ROOT": "/nowhere"}
    ran = clean_checkout.run_changed(OLD, "diagnose", env=env)
    assert ran.returncode == 2
    assert "Python 3.11, 3.12, 3.13 will do; found Python 3.9 (" in ran.stderr
    assert "Traceback" not in ran.stderr
    ast.parse((ROOT / "run.py").read_text("utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize(
    "arguments", [["frobnicate"], ["--python", "3.2", "test"], ["--python"], []], ids=str
)
def test_what_it_does_not_know_is_a_usage_error(clean_checkout, arguments):
    ran = clean_checkout.run(*arguments)
    assert ran.returncode == 2
    assert "run.py" in ran.stderr
    assert not clean_checkout.venv.exists()


RETRYING = (
    "WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after "
    "connection broken by "
)
GAVE_UP = "ERROR: No matching distribution found for mdurl==0.1.2\n"
PIP_SAID = {
    "Temporary failure in name resolution": f"{RETRYING}'NewConnectionError('<pip._vendor.urllib3."
    "connection.HTTPSConnection object at 0x7fcb4f90a8d0>: Failed to establish a new connection: "
    f"[Errno -3] Temporary failure in name resolution')': /simple/mdurl/\n{GAVE_UP}",
    "Cannot connect to proxy": f"{RETRYING}'ProxyError('Cannot connect to proxy.', "
    "NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7fc6>: Failed "
    f"to establish a new connection: [Errno 111] Connection refused'))': /simple/mdurl/\n{GAVE_UP}",
    "certificate verify failed: self-signed certificate": f"{RETRYING}'SSLError("
    "SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
    f"self-signed certificate (_ssl.c:1006)'))': /simple/mdurl/\n{GAVE_UP}",
    "No space left on device": "ERROR: Could not install packages due to an OSError: [Errno 28] No "
    "space left on device: '/tmp/pip-unpack-x1/mdurl-0.1.2-py3-none-any.whl'\n",
    "No matching distribution found for mdurl==0.1.2": "ERROR: Could not find a version that "
    f"satisfies the requirement mdurl==0.1.2 (from versions: none)\n{GAVE_UP}",
}


@pytest.mark.parametrize("essence", PIP_SAID)
def test_failure_of_pip_comes_down_to_one_line_and_a_remedy(essence, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from setup import packages

    problem, remedy = packages.failure(PIP_SAID[essence])
    assert problem.splitlines()[1:] == [f"    {essence}"]
    assert remedy
