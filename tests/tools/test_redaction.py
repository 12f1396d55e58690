"""Secrets are replaced before anything is stored, shown or sent; everything else is left alone."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sme_tools.facts import plain
from sme_tools.hosts.evidence import Evidence
from sme_tools.probes.registry import find_probe
from sme_tools.safety.redaction import Redactor
from sme_tools.safety.secret_finder import _tables

RECORDED = sorted((Path(__file__).parent / "probes").glob("*/*.txt"))
MIXED = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA" * 8
HEX = "0a1b2c3d4e5f60718293a4b5c6d7e8f9" * 6
WG_PRIVATE = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
WG_PUBLIC = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="


def redacted(text: str) -> str:
    return Redactor().text(text)


# The secret is what stands between « and »; what stands around it must stay.
SECRETS = [
    # environments and their files
    "DB_PASSWORD=«hunter22»",
    "export MYSQL_ROOT_PASSWORD='«correct horse \"battery»'",
    '            "POSTGRES_PASSWORD=«hunter2»",',
    "Environment=SMTP_PASS=«geheim» LANG=C",
    "PGPASSWORD=«geheim» psql -h db",
    "REDIS_PASSWORD=«a,b;c&d)e»",
    "802-11-wireless-security.psk:«opensesame»",
    # YAML, INI, TOML
    "password: «my pass phrase»",
    "    api_key: «abcdef»",
    "db_password = «12345678»",
    "smtp_password: '«it is»'",
    "client-key-data: «LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVkt»",
    "aws_secret_access_key = «wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»",
    "secret: |\n    «line one\n    line two»\nother: x",
    "env:\n- name: DB_PASSWORD\n  value: «hunter2»\n",
    # JSON, also JSON inside a JSON string, which is how journald and Docker keep logs
    '{"user": "bob", "password": "«hun\\"ter2»", "tokens": 12}',
    '{"MESSAGE":"{\\"password\\":\\"«hunter2»\\",\\"x\\":1}"}',
    '{"name":"API_KEY","value":"«abcdef»"}',
    '["mysqld", "--password", "«hunter2»", "--user", "x"]',
    '"auths": {"ghcr.io": {"auth": "«dXNlcjpwYXNzd29yZA==»"}}',
    "<password>«hunter2»</password>",
    # URLs and connection strings
    "postgres://app:«s3cr@t»@db:5432/x?sslmode=disable",
    "redis://:«p4ss»@cache:6379/0",
    "amqp://u:«a/b»@mq/vhost",
    f"https://«{MIXED[:30]}»@git.example.com/x.git",
    "Server=db;User Id=sa;Password=«Str0ng,Pass»;Encrypt=true",
    "app:«geheim»@tcp(db:3306)/x",
    "https://x/?token=«abc123def456»&user=1",
    f"https://x.blob.core.windows.net/c?sv=2020&sig=«{MIXED[:40]}%3D»",
    "//nas/share /mnt cifs username=bob,password=«geheim»,uid=1000 0 0",
    # headers
    "Authorization: Bearer «abcdefghij1234567890»",
    'curl -H "Authorization: Basic «dXNlcjpwYXNz»" https://x',
    "proxy-authorization: token «0123abc»",
    "Cookie: «session=abc123; csrftoken=xyz12»",
    "X-Api-Key: «abc123def456»",
    # command lines
    "mysql -h db -u root -p«secretpw» mydb",
    "mysqldump --password=«foo123» db",
    "sshpass -p '«hu nter»' ssh x",
    "tool --token «abcdefgh12» --verbose",
    "curl -u admin:«geheim» https://x",
    "ldapsearch -x -D cn=admin -w «geheim» -b dc=x",
    "redis-cli -h x -a «geheim» ping",
    "ipmitool -I lanplus -U admin -P «geheim» sdr",
    "smbclient -U bob%«geheim» //nas/x",
    "docker login -u bob -p «geheim» ghcr.io",
    "ALTER USER x WITH PASSWORD '«foo bar»';",
    "CREATE USER x IDENTIFIED BY '«foo»';",
    "machine h login u password «pw1»",
    "requirepass «foobared»",
    # keys
    f"[Interface]\nPrivateKey = «{WG_PRIVATE}»\nPublicKey = {WG_PUBLIC}",
    f"wg0\t«{WG_PRIVATE}»\t{WG_PUBLIC}\t51820\toff",
    f"wg0\t{WG_PUBLIC}\t«{WG_PRIVATE}»\t192.0.2.7:51820\t10.0.0.2/32\t0\t0\t0\toff",
    "Authorization: «PVEAPIToken=root@pam!mon=aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab»",
    "root:«$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIec»:19000:0:99999:7:::",
    f"https://api.telegram.org/bot«110201543:AA{MIXED[:33]}»/getMe",
    f"«eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{MIXED[:43]}»",
    f"-----BEGIN OPENSSH PRIVATE KEY-----\n«{MIXED[:64]}\n{MIXED[:40]}==»\n"
    "-----END OPENSSH PRIVATE KEY-----\nnext",
    f'{{"k": "-----BEGIN PRIVATE KEY-----\\n«{MIXED[:64]}\\n{MIXED[:20]}»\\n'
    '-----END PRIVATE KEY-----\\n"}',
    f"-----BEGIN RSA PRIVATE KEY-----\n«{MIXED[:64]}\n{MIXED[:64]}»\n[… 900 bytes left out …]\n",
    f"[… 900 bytes left out …]\n«{MIXED[:64]}\n{MIXED[:40]}==»\n-----END RSA PRIVATE KEY-----\n",
]


@pytest.mark.parametrize("text", SECRETS)
def test_secret_is_replaced_and_nothing_else(text):
    before, secret, after = text.replace("»", "«").split("«")
    result = redacted(before + secret + after)
    assert result.startswith(before + "<secret:")
    assert result.endswith(">" + after)
    assert "«" not in result and secret not in result


KNOWN = [
    ("aws-key", "AKIAIOSFODNN7EXAMPLE"),
    ("github-token", "ghp_" + MIXED[:36]),
    ("github-token", "github_pat_" + MIXED[:60]),
    ("gitlab-token", "glpat-" + MIXED[:20]),
    ("slack-token", "xoxb-" + "1234567890-" + MIXED[:20]),
    ("openai-key", "sk-proj-" + MIXED[:40]),
    ("openai-key", "sk-" + HEX[:32]),
    ("anthropic-key", "sk-ant-" + "api03-" + MIXED[:40]),
    ("openrouter-key", "sk-or-v1-" + HEX[:64]),
    ("huggingface-token", "hf_" + MIXED[:34]),
    ("google-key", "AIza" + MIXED[:35]),
    ("stripe-key", "sk_live_" + MIXED[:24]),
    ("npm-token", "npm_" + MIXED[:36]),
    ("pypi-token", "pypi-" + MIXED[:80]),
    ("vault-token", "hvs." + MIXED[:24]),
    ("tailscale-key", "tskey-" + "auth-" + MIXED[:20]),
    ("docker-token", "dckr_pat_" + MIXED[:27]),
    ("swarm-token", "SWMTKN-1-" + HEX[:50] + "-" + HEX[:25]),
    ("webhook", "hooks.slack.com/services/" + "T0000/B0000/" + MIXED[:24]),
    ("ceph-key", "AQ" + MIXED[:36] + "=="),
]


@pytest.mark.parametrize(("kind", "secret"), KNOWN)
@pytest.mark.parametrize("around", ["{}", "used {} here", '{{"k":"{}"}}', "a\\n{}\\n", "TOKEN={}"])
def test_known_format_is_found_anywhere_and_named(kind, secret, around):
    assert redacted(around.format(secret)) == around.format(f"<secret:{kind}:1>")


INNOCENT = [
    "Private Key Permissions: 0600",
    "Private key: /etc/ssl/private/web1.pem",
    "SSLCertificateKeyFile /etc/letsencrypt/live/x/privkey.pem",
    "POSTGRES_PASSWORD_FILE=/run/secrets/db",
    "tokens: 12",
    "max_tokens: 4096, prompt_tokens: 17, token: 12",
    "print_info: EOS token        = 151645 '<|im_end|>'",
    "SyntaxError: Unexpected token: } in JSON at position 3",
    "keys: 4, evicted_keys:0, keyspace_hits:3",
    "password: expired",
    "Password: Authentication failure",
    "Last password change\t\t\t\t\t: Apr 08, 2019",
    "Failed password for invalid user admin from 192.0.2.7 port 40022 ssh2",
    "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh",
    "sudo: bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/usr/bin/apt update",
    "passwd:         files systemd",
    "status installed passwd:amd64 1:4.13+dfsg1-1+deb12u1",
    "  private key: (hidden)",
    "cipassword: **********",
    'password: "${DB_PASSWORD}"',
    "api_key: {{ vault_api_key }}",
    "PasswordAuthentication no",
    'secret "registry-login" not found',
    "docker pull registry.example.com/auth/token:v1.2",
    "compass: north, bypass: yes, surpass=3",
    "image: ghcr.io/x/y@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "3f2a9c1d0b7e  nginx:1.27  Up 3 days  0.0.0.0:80->80/tcp",
    "docker-3f2a9c1d0b7e4f5a6978c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5.scope: Succeeded.",
    "UUID=2c1d6a3e-7f0b-4d55-9a44-1be1c2d3e4f5 / ext4 defaults 0 1",
    "link/ether aa:aa:03:bb:cc:dd brd ff:ff:ff:ff:ff:ff",
    "inet6 fe80::aaaa:3ff:febb:ccdd/64 scope link",
    "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8 root@web1 (ED25519)",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bob@x",
    f"peer: {WG_PUBLIC}",
    "disk-by-id-ata-Samsung_SSD_870_EVO_1TB, task-manager-something-else-1",
    "X509v3 Subject Key Identifier: 14:2E:B3:17:B7:58:56:CB:AE:50:09:40:E6:1F:AF:9D:8B:14:C2:C6",
    "http://127.0.0.1:8080/path@2x.png and git@github.com:x/y.git",
    "GET /api?page=2&sort=asc 200",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYD\n"
    "-----END CERTIFICATE-----",
]


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_text_is_left_alone(text):
    assert redacted(text) == text


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_probe_reads_the_same_facts_from_redacted_output(recorded):
    output = recorded.read_text("utf-8")
    probe = find_probe(recorded.parent.name)
    assert plain(probe.read(redacted(output))) == plain(probe.read(output))


def test_same_secret_has_the_same_placeholder_throughout():
    redactor = Redactor()
    assert redactor.text("password=hunter22") == "password=<secret:password:1>"
    assert redactor.text("api_key=hunter33") == "api_key=<secret:key:2>"
    assert redactor.text('{"pwd": "hunter22"}') == '{"pwd": "<secret:password:1>"}'


def test_number_that_is_a_secret_leaves_valid_json():
    document = json.loads(redacted('{"password": 12345678, "pin": {"passcode":4711}}'))
    assert document == {
        "password": "<secret:password:1>",
        "pin": {"passcode": "<secret:password:2>"},
    }


def test_redactor_keeps_no_secret():
    redactor = Redactor()
    redactor.text("password=hunter22")
    assert "hunter22" not in repr(vars(redactor))


def test_several_threads_agree_on_the_placeholders():
    redactor = Redactor()
    texts = [f"password=hunter{n % 50:02}x" for n in range(2000)]
    results: list[list[str]] = [[] for _ in range(4)]

    def work(mine: list[str]) -> None:
        mine.extend(map(redactor.text, texts))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == results[0] for mine in results)
    assert len(set(results[0])) == 50


def test_evidence_is_redacted_in_its_command_and_both_streams():
    evidence = Evidence(
        id="db1/x#1",
        host="db1",
        step="x",
        command="mysql -u root -phunter22 -e 'show processlist'",
        stdout="DB_PASSWORD=hunter22\n",
        stderr="connecting to mysql://root:hunter22@db1/\n",
        exit_code=0,
        outcome="completed",
        privilege="user",
        started_at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
        duration_s=0.1,
    )
    clean = Redactor().evidence(evidence)
    assert clean.command == "mysql -u root -p<secret:password:1> -e 'show processlist'"
    assert clean.stdout == "DB_PASSWORD=<secret:password:1>\n"
    assert clean.stderr == "connecting to mysql://root:<secret:password:1>@db1/\n"
    assert clean.id == evidence.id


PIECES = st.one_of(
    st.sampled_from(sorted(_tables().finders)),
    st.sampled_from(
        [
            "=",
            ": ",
            ":",
            '"',
            "'",
            '\\"',
            "\n",
            " ",
            "  - ",
            "@",
            "/",
            "|",
            "<",
            ">",
            ",",
            "-p",
            "{",
        ]
    ),
    st.sampled_from(
        [
            "hunter22",
            "12",
            "null",
            "<secret:key:7>",
            "<secret:authorization:12>",
            "<secret:cookie:3>",
            "<secret:",
            MIXED[:44],
            "\\n",
            "İ",
        ]
    ),
    st.text(max_size=6),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
@example("password: |\n  a\n b")
@example("auth=İ!")
@example("mysql " + "x" * 300 + " -pa password=" + "y" * 400 + " -pz")
def test_redacting_twice_changes_nothing(text):
    once = redacted(text)
    assert redacted(once) == once


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=10).map("".join), st.sampled_from(["\n", " ", "\n\n# "]))
def test_known_key_is_found_whatever_stands_before_it(before, between):
    secret = "github_pat_" + MIXED[:60]
    assert secret not in redacted(before + between + secret)
