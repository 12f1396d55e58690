"""Our own secrets come from where settings say they are, and show nowhere."""

import os
import pickle
import subprocess
import sys
import traceback
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked
from pydantic import BaseModel, ValidationError

from sme_tools import secrets
from sme_tools.errors import AuthenticationFailed, InventoryInvalid, SecretUnavailable
from sme_tools.hosts.inventory import Inventory
from sme_tools.hosts.open import open_transport
from sme_tools.hosts.script import Script, Step
from sme_tools.secrets import SecretSource
from sshd import Client, Sshd, make_key

VALUE = "open sesame 42"


def fetched(source: str) -> str:
    return SecretSource.parse(source).get().get_secret_value()


def refusal(source: str) -> SecretUnavailable:
    with pytest.raises(SecretUnavailable) as refused:
        fetched(source)
    assert VALUE not in str(refused.value) + refused.value.remedy
    return refused.value


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "folder" / "secret"
    file.parent.mkdir(mode=0o700)
    file.write_text(f"{VALUE}\nsecond line\n")
    file.chmod(0o600)
    return file


def test_secret_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("MY_SECRET", VALUE)
    assert fetched("env:MY_SECRET") == VALUE


def test_variable_that_is_missing_or_empty_is_said(monkeypatch):
    assert refusal("env:NO_SUCH_SECRET").remedy == "Set it: export NO_SUCH_SECRET=…"
    monkeypatch.setenv("MY_SECRET", "")
    assert "nothing in it" in str(refusal("env:MY_SECRET"))


def test_secret_is_the_first_line_of_a_file(file):
    assert fetched(f"file:{file}") == VALUE


def test_home_is_known_in_the_path_of_a_file(file, monkeypatch):
    monkeypatch.setenv("HOME", str(file.parent))
    assert fetched("file:~/secret") == VALUE


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610])
def test_file_that_others_can_read_is_refused_with_the_fix(file, mode):
    file.chmod(mode)
    assert f"chmod 600 {file}" in refusal(f"file:{file}").remedy


def test_file_in_a_folder_that_others_can_write_to_is_refused_with_the_fix(file):
    file.parent.chmod(0o707)
    assert refusal(f"file:{file}").remedy == f"Close the folder: chmod o-w {file.parent}"


def test_link_from_a_closed_folder_into_an_open_one_is_refused(file, tmp_path):
    link = tmp_path / "closed" / "link"
    link.parent.mkdir(mode=0o700)
    link.symlink_to(file)
    assert fetched(f"file:{link}") == VALUE
    file.parent.chmod(0o707)
    assert str(file.parent) in refusal(f"file:{link}").remedy


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, kind):
    place = tmp_path / kind
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place, 0o600)
    refusal(f"file:{place}")


def test_secret_is_the_first_line_that_a_program_prints():
    code = f"import sys; print({VALUE!r}); print('more'); print('noise', file=sys.stderr)"
    assert fetched(f'command:{sys.executable} -c "{code}"') == VALUE


def test_no_shell_reads_the_command(tmp_path):
    assert fetched(f"command:echo $HOME; touch {tmp_path}/made `id`") == (
        f"$HOME; touch {tmp_path}/made `id`"
    )
    assert not (tmp_path / "made").exists()


def test_command_that_fails_is_said_without_what_it_printed():
    code = f"import sys; print({VALUE!r}, file=sys.stderr); print({VALUE!r}); sys.exit(3)"
    script = f"command:{sys.executable} -c 'exec(bytes.fromhex(\"{code.encode().hex()}\"))'"
    assert "ended with exit code 3" in str(refusal(script))
    assert "can't be run" in str(refusal("command:no-such-program-here x"))
    assert "can't be read as a command" in str(refusal("command:echo 'open"))


def test_command_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(secrets, "COMMAND_TIMEOUT_S", 0.2)
    assert "no answer within 0.2 s" in str(refusal("command:sleep 60"))


class OwnKeyring(KeyringBackend):
    """A keyring in memory, as keyring lets anybody bring one."""

    priority = 1

    def __init__(self):
        self.entries = {}
        self.locked = False

    def get_password(self, service, username):
        if self.locked:
            raise KeyringLocked(VALUE)
        return self.entries.get((service, username))

    def set_password(self, service, username, password):
        self.entries[service, username] = password


@pytest.fixture
def own_keyring():
    before = keyring.get_keyring()
    own = OwnKeyring()
    keyring.set_keyring(own)
    yield own
    keyring.set_keyring(before)


def test_secret_comes_from_the_keyring(own_keyring):
    keyring.set_password("sme/ssh", "bob", VALUE)
    assert fetched("keyring:sme/ssh/bob") == VALUE
    assert refusal("keyring:sme/eve").remedy == "Put it there: keyring set sme eve"
    own_keyring.locked = True
    assert "KeyringLocked" in str(refusal("keyring:sme/ssh/bob"))


def test_missing_keyring_package_is_said_with_the_way_to_install_it():
    code = (
        "import sys; sys.modules['keyring'] = None\n"
        "from sme_tools.secrets import SecretSource\n"
        "try: SecretSource.parse('keyring:a/b').get()\n"
        "except Exception as error: print(type(error).__name__, error.remedy)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "SecretUnavailable Install it: pip install 'debug-sme[keyring]'\n"


def test_value_shows_in_no_repr_and_no_traceback(file):
    value = SecretSource.parse(f"file:{file}").get()
    shown = [repr(value), str(value), f"{value}", repr([value]), repr(SecretSource.parse("env:A"))]
    try:
        raise RuntimeError(value)
    except RuntimeError:
        shown.append(traceback.format_exc())
    assert not any(VALUE in text for text in shown)


class Section(BaseModel):
    token: SecretSource | None = None


@pytest.mark.parametrize("literal", [VALUE, "hunter22", "https://x/y", "env:", "keyring:a", ""])
def test_literal_secret_is_refused_and_not_repeated(literal):
    with pytest.raises(ValidationError) as refused:
        Section(token=literal)
    message = refused.value.errors()[0]["msg"]
    assert "env:NAME, keyring:SERVICE/USER, command:PROGRAM ARGUMENTS or file:PATH" in message
    assert not literal or literal in ("env:", "keyring:a") or literal not in message


def test_source_is_written_as_it_was_read():
    section = Section.model_validate({"token": "command:pass show 'my nas'"})
    assert section.model_dump(mode="json") == {"token": "command:pass show 'my nas'"}
    assert Section.model_validate_json(section.model_dump_json()) == section
    assert pickle.loads(pickle.dumps(section)) == section


def test_inventory_with_a_literal_passphrase_is_refused_with_the_fix(tmp_path):
    path = tmp_path / "hosts.yaml"
    path.write_text(f"hosts:\n  web1:\n    passphrase: {VALUE}\n")
    with pytest.raises(InventoryInvalid) as refused:
        Inventory.load(path)
    assert str(refused.value).startswith(f"{path}:3: hosts.web1.passphrase: a secret is not")
    assert VALUE not in str(refused.value) + str(refused.value.__cause__)


def test_inventory_keeps_where_a_passphrase_is(tmp_path):
    path = tmp_path / "hosts.yaml"
    path.write_text("hosts:\n  web1:\n    passphrase: env:WEB1\n")
    inventory = Inventory.load(path)
    inventory.add(inventory.resolve("web1").model_copy(update={"name": "web2"}))
    inventory.save()
    assert str(Inventory.load(path).resolve("web2").passphrase) == "env:WEB1"


@pytest.fixture
def locked_key(own_folders):
    """An sshd that accepts one key, which is locked by a passphrase."""
    client = Client(own_folders)
    key = make_key(client.folder / "locked", passphrase=VALUE)
    with Sshd(login_shell="dash") as server:
        client.log_in_to(server, "web1", key=key)
        yield key


def said(source: str, ask=None) -> str:
    host = Inventory.load(_inventory(source)).resolve("web1")
    with open_transport(host, connect_timeout_s=5, ask_passphrase=ask) as transport:
        (evidence,) = transport.run(Script([Step("hello", "echo hello")]), timeout_s=10)
        return evidence.stdout.strip()


def _inventory(source):
    path = Path.home() / "hosts.yaml"
    path.write_text(f"hosts:\n  web1:\n    passphrase: {source}\n")
    return path


def test_key_is_unlocked_by_the_passphrase_that_the_inventory_names(locked_key, file):
    assert said(f"file:{file}") == "hello"


def test_user_is_asked_when_the_passphrase_does_not_open_the_key(locked_key, monkeypatch):
    monkeypatch.setenv("WRONG", "wrong")
    assert said("env:WRONG", ask=lambda _: VALUE) == "hello"
    with pytest.raises(AuthenticationFailed, match="the passphrase does not open it"):
        said("env:WRONG")


def test_passphrase_that_can_not_be_fetched_is_this_hosts_trouble(locked_key):
    with pytest.raises(AuthenticationFailed, match="NO_SUCH_SECRET") as failure:
        said("env:NO_SUCH_SECRET")
    assert (failure.value.host, failure.value.remedy) == (
        "web1",
        "Set it: export NO_SUCH_SECRET=…",
    )
