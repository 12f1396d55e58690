"""Which credentials open the door, and what is said when none does."""

import subprocess

import pytest

from sme_tools.errors import AuthenticationFailed
from sshd import Sshd, make_key, needs_root, public, sign, ssh_agent, tool


@pytest.fixture(params=["ed25519", "rsa", "ecdsa"])
def key(request, client):
    return make_key(client.folder / f"my_{request.param}", kind=request.param)


def test_a_key_of_each_kind_opens(client, server, say_hello, key):
    client.log_in_to(server, "web1", key=key)
    assert say_hello() == "hello"


def test_a_default_key_opens_without_being_named(client, server, say_hello):
    server.authorize(make_key(client.folder / "id_ed25519"))
    client.know(server)
    client.configure(server, "web1")
    assert say_hello() == "hello"


def test_a_key_of_the_inventory_opens_and_goes_first(client, server, say_hello, tmp_path):
    key = make_key(tmp_path / "elsewhere")
    server.authorize(key)
    client.know(server)
    others = [make_key(client.folder / f"other{n}") for n in range(7)]
    with ssh_agent(*others) as agent:
        client.configure(server, "web1", f"IdentityAgent {agent}")
        assert say_hello(identity_file=key) == "hello"


def test_a_locked_key_opens_with_its_passphrase(client, server, say_hello):
    key = make_key(client.folder / "locked", passphrase="open sesame")
    client.log_in_to(server, "web1", key=key)
    asked = []

    def ask(prompt):
        asked.append(prompt)
        return "wrong" if len(asked) == 1 else "open sesame"

    assert say_hello(ask=ask) == "hello"
    assert asked == [f"Passphrase of {key}"] * 2


def test_a_locked_key_in_the_old_pem_form_opens_too(client, server, say_hello):
    key = client.folder / "old"
    subprocess.run(
        [tool("ssh-keygen"), "-q", "-t", "rsa", "-m", "PEM", "-N", "open sesame", "-f", key],
        check=True,
    )
    client.log_in_to(server, "web1", key=key)
    assert say_hello(ask=lambda _: "open sesame") == "hello"


def test_without_anybody_to_ask_a_locked_key_says_what_to_do(client, server, say_hello):
    key = make_key(client.folder / "locked", passphrase="open sesame")
    client.log_in_to(server, "web1", key=key)
    with pytest.raises(AuthenticationFailed, match="locked by a passphrase") as failure:
        say_hello()
    assert failure.value.remedy == f"Unlock the key for your agent: ssh-add {key}"


def test_an_agents_key_opens(client, server, say_hello, monkeypatch):
    key = make_key(client.folder / "in_agent")
    server.authorize(key)
    client.know(server)
    client.configure(server, "web1")
    with ssh_agent(key) as agent:
        key.unlink()
        public(key).unlink()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
        assert say_hello() == "hello"


def test_a_public_key_picks_one_of_an_agent_that_is_full(client, server, say_hello):
    """More keys than the server's MaxAuthTries of 6, the right one last."""
    keys = [make_key(client.folder / f"key{n}", kind="ed25519") for n in range(8)]
    right = keys[-1]
    server.authorize(right)
    client.know(server)
    with ssh_agent(*keys) as agent:
        right.unlink()
        client.configure(
            server, "web1", f"IdentityAgent {agent}\nIdentitiesOnly yes\nIdentityFile {right}.pub"
        )
        assert say_hello() == "hello"
        client.configure(server, "web2", f"IdentityAgent {agent}")
        with pytest.raises(AuthenticationFailed, match="server ended the connection"):
            say_hello("web2")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return make_key(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture(scope="module")
def server_of_authority(authority):
    """A server that knows no key, only an authority."""
    with Sshd(login_shell="dash", settings=f"TrustedUserCAKeys {public(authority)}") as server:
        yield server


def test_a_certificate_beside_the_key_opens(client, server_of_authority, say_hello, key, authority):
    sign(authority, key, names=server_of_authority.user)
    client.know(server_of_authority)
    client.configure(server_of_authority, "web1", f"IdentityFile {key}")
    assert say_hello() == "hello"


def test_a_certificate_file_opens_with_a_key_of_the_agent(
    client, server_of_authority, say_hello, authority
):
    key = make_key(client.folder / "my_key")
    certificate = sign(authority, key, names=server_of_authority.user)
    elsewhere = certificate.rename(client.folder / "elsewhere.pub")
    client.know(server_of_authority)
    with ssh_agent(key) as agent:
        key.unlink()
        client.configure(
            server_of_authority,
            "web1",
            f"IdentityAgent {agent}\nCertificateFile {elsewhere}",
        )
        assert say_hello() == "hello"


def test_a_certificate_in_the_agent_opens(
    client, server_of_authority, say_hello, key, authority, monkeypatch
):
    sign(authority, key, names=server_of_authority.user)
    client.know(server_of_authority)
    client.configure(server_of_authority, "web1", "IdentityFile none")
    with ssh_agent(key) as agent:  # ssh-add takes the certificate along
        key.unlink()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
        assert say_hello() == "hello"


def test_a_certificate_for_somebody_else_does_not_open(
    client, server_of_authority, say_hello, authority
):
    key = make_key(client.folder / "my_key")
    sign(authority, key, names="somebody")
    client.know(server_of_authority)
    client.configure(server_of_authority, "web1", f"IdentityFile {key}")
    with pytest.raises(AuthenticationFailed, match="my_key with its certificate"):
        say_hello()


def test_a_wrong_key_is_refused_and_said(client, server, say_hello):
    wrong = make_key(client.folder / "wrong")
    client.know(server)
    client.configure(server, "web1", f"IdentityFile {wrong}")
    with pytest.raises(AuthenticationFailed) as failure:
        say_hello()
    message = str(failure.value)
    assert message.startswith(f"web1: no credential was accepted for {server.user}@127.0.0.1:")
    assert f"refused: {wrong}" in message
    assert "the server accepts: publickey" in message


def test_no_key_at_all_is_said(client, server, say_hello):
    client.know(server)
    client.configure(server, "web1")
    with pytest.raises(AuthenticationFailed, match="there was no key to offer"):
        say_hello()


def test_a_key_file_that_is_missing_or_damaged_is_said(client, server, say_hello):
    client.know(server)
    damaged = client.folder / "damaged"
    damaged.write_text(
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"
    )
    client.configure(server, "web1", f"IdentityFile {damaged}")
    with pytest.raises(AuthenticationFailed) as failure:
        say_hello(identity_file=client.folder / "gone")
    assert f"{client.folder / 'gone'} does not exist" in str(failure.value)
    assert f"{damaged} can't be read as a private key" in str(failure.value)


def test_an_agent_that_is_gone_is_said_and_files_still_work(client, server, say_hello, monkeypatch):
    monkeypatch.setenv("SSH_AUTH_SOCK", str(client.folder / "no-agent"))
    client.log_in_to(server, "web1")
    assert say_hello() == "hello"
    client.configure(server, "web2")
    with pytest.raises(AuthenticationFailed, match="no-agent gave no keys"):
        say_hello("web2")


@pytest.fixture(scope="module")
def server_with_passwords():
    with Sshd(login_shell="dash", settings="PasswordAuthentication yes") as server:
        subprocess.run([tool("chpasswd")], input=f"{server.user}:tr0ub4dor", text=True, check=True)
        yield server


@needs_root
def test_a_password_opens_where_somebody_can_be_asked(client, server_with_passwords, say_hello):
    client.know(server_with_passwords)
    client.configure(server_with_passwords, "web1")
    asked = []

    def ask(prompt):
        asked.append(prompt)
        return "tr0ub4dor"

    assert say_hello(ask=ask) == "hello"
    assert asked == [f"Password of {server_with_passwords.user}@127.0.0.1"]


@needs_root
def test_a_wrong_password_is_refused(client, server_with_passwords, say_hello):
    client.know(server_with_passwords)
    client.configure(server_with_passwords, "web1")
    with pytest.raises(AuthenticationFailed, match="refused: the password"):
        say_hello(ask=lambda _: "hunter2")


@needs_root
def test_a_key_and_then_a_password_open_where_both_are_asked_for(client, say_hello):
    settings = "PasswordAuthentication yes\nAuthenticationMethods publickey,password"
    with Sshd(login_shell="dash", settings=settings) as server:
        subprocess.run([tool("chpasswd")], input=f"{server.user}:tr0ub4dor", text=True, check=True)
        client.log_in_to(server, "web1")
        assert say_hello(ask=lambda _: "tr0ub4dor") == "hello"
        with pytest.raises(AuthenticationFailed, match="the server accepts: password"):
            say_hello()
