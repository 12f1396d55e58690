"""Secrets that are known by where they stand: in a URL, a header, a command line, a key block.

A row of `CONTEXTS` is tried where one of its anchors stands; its pattern begins there, is linear
(every repeat is bounded) and names the secret `value`. What a pattern can't say is a function.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass

from sme_tools.safety.secret_values import Secret, is_innocent, is_masked, looks_random

Finder = Callable[[str, int, int], Secret | None]
"""Given a text and the place of an anchor in it, text[at:end], the secret that belongs to it."""


@dataclass(frozen=True)
class Context:
    """One place where secrets stand."""

    kind: str
    anchors: tuple[str, ...]
    """In lower case; they are looked for without regard to case."""
    pattern: re.Pattern[str]
    judge: Callable[[str], bool]
    """Whether this value is a secret."""

    def find(self, text: str, at: int, end: int) -> Secret | None:
        """The secret at this anchor."""
        match = self.pattern.match(text, at)
        if match is None or "<secret" in match["value"] or not self.judge(match["value"]):
            return None
        return Secret(*match.span("value"), self.kind)


def _given(value: str) -> bool:
    return not is_masked(value)


def _plain(value: str) -> bool:
    return not is_innocent(value)


def is_basic_auth(value: str) -> bool:
    """Whether a value is `user:password` in base64 (RFC 7617)."""
    try:
        return b":" in b64decode(value + "=" * (-len(value) % 4), validate=True)[1:]
    except ValueError:  # no base64, or no ASCII
        return False


def _no_number(value: str) -> bool:
    return not is_innocent(value) and not value.isdigit()


_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_USER = r"[^\s/?#@:\"'`<>\\|]"


def context(
    kind: str, anchors: str, pattern: str, judge: Callable[[str], bool] = _given
) -> Context:
    """A row: `anchors` stand between `|`."""
    return Context(kind, tuple(anchors.split("|")), re.compile(pattern), judge)


CONTEXTS = (
    context("token", "://", rf"://(?P<value>{_USER}{{20,512}}):x-oauth-basic@", looks_random),
    # RFC 3986 userinfo; people leave `@` and `/` in passwords unescaped, so both are tried.
    context(
        "password",
        "://",
        rf"://{_USER}{{0,128}}:(?P<value>[^\s/?#\"'`<>\\|]{{1,1024}})@(?=[\w\[%.-])",
    ),
    context(
        "password",
        "://",
        rf"://{_USER}{{0,128}}:(?!\d{{1,5}}(?:[/?#]|$))(?P<value>[^\s\"'`<>\\|,]{{1,256}})@(?=[\w\[%.-])",
    ),
    context("token", "://", rf"://(?P<value>{_USER}{{20,512}})@(?=[\w\[%.-])", looks_random),
    # RFC 9110 Authorization and its kin
    context(
        "authorization",
        "authorization",
        r"(?i:authorization)(?:\\{0,7}[\"'])?\]?\s{0,4}[:=,]\s{0,4}[\[(]?(?:\\{0,7}[\"'])?"
        r"(?i:bearer|basic|token|apikey|bot|negotiate|ntlm|jwt|geniekey|ssws)\s{1,4}"
        r"(?P<value>[^\s\"'\\,;<>\])]{1,4096})",
        _plain,
    ),
    context(
        "authorization",
        "authorization",
        r"(?i:authorization)(?:\\{0,7}[\"'])?\]?\s{0,4}[:=,]\s{0,4}[\[(]?(?:\\{0,7}[\"'])?"
        r"(?P<value>(?!AWS4-)[^\s\"'\\,;<>\])]{10,2048})",
        looks_random,
    ),
    context("token", "bearer ", r"(?i:bearer) {1,4}(?P<value>[\w.~+/=-]{12,4096})", looks_random),
    context(
        "cookie",
        "cookie",
        r"(?i:cookie)(?:\\{0,7}[\"'])?\s{0,4}[:=]\s{0,4}(?:\\{0,7}[\"'])?"
        r"(?P<value>[\w.-]{1,64}=[^\s\"'\\<>;]{4,4096}(?:; ?[^\s\"'\\<>;]{1,4096}){0,50})",
    ),
    context("signature", "?sig=|&sig=", r"[?&](?i:sig)=(?P<value>[\w%+/=.-]{20,512})"),
    context(
        "password",
        "sip:|sips:",
        rf"sips?:{_USER}{{1,64}}:(?P<value>[^\s/?#\"'`<>\\|@]{{1,256}})@(?=[\w\[])",
    ),
    context("code", "?code=|&code=", r"[?&]code=(?P<value>[\w%+/=.-]{20,2048})", looks_random),
    context(
        "authorization",
        "authorization",
        r"(?i:authorization) {1,4}[\"'](?i:bearer|basic|token) (?P<value>[^\s\"']{4,4096})",
        _plain,
    ),
    # webhooks: whoever knows the address may write
    context(
        "webhook",
        "/hooks/|/with/key/|hc-ping.com/|hooks.zapier.com/|.webhook.office.com/",
        r"(?:/hooks/|/with/key/|hc-ping\.com/|hooks\.zapier\.com/hooks/catch/"
        r"|\.webhook\.office\.com/webhookb2/)(?P<value>[\w@/-]{18,512})",
        looks_random,
    ),
    # settings of programs that name no password a password
    context(
        "snmp-community",
        "rocommunity|rwcommunity|rocommunity6|rwcommunity6",
        r"\w{11,12} {1,4}(?P<value>\S{1,64})",
    ),
    context(
        "password",
        ": psk|: eap|: xauth",
        r": (?i:psk|eap|xauth) {1,4}[\"'](?P<value>[^\"'\n]{1,256})",
    ),
    context(
        "password",
        ":*:|:5432:|:5433:|:6432:",
        r":(?:\*|\d{4}):[^\s:]{1,63}:[^\s:]{1,63}:(?P<value>[^\s:]{2,256})[ \t]*(?:$|\n)",
        _no_number,
    ),
    context(
        "password",
        "<auth-user-pass>",
        r"<auth-user-pass>\r?\n[^\n]{1,256}\n(?P<value>[^\n]{1,256})\r?\n</auth-user-pass>",
    ),
    context(
        "credential",
        ".dockerconfigjson|.dockercfg",
        r"\.docker\w{3,10}[\"']?\s?:\s?[\"']?(?P<value>[A-Za-z0-9+/=]{20,8192})",
    ),
    context(
        "key",
        "hmac-sha|hmac-md5",
        r"(?i:hmac-(?:sha\d{1,3}|md5))[: ]\s?[\"']?"
        r"(?P<value>[A-Za-z0-9+/]{20,256}={0,2})(?![\w+/])",
        looks_random,
    ),
    context("key", "unseal key", r"(?i:unseal key)(?: \d{1,2})?: (?P<value>\S{20,256})"),
    context(
        "key",
        "network_key|pan_key",
        r"(?:network|pan)_key[\"']?\s?[:=]\s?\[(?P<value>\s?(?:0x)?[0-9a-fA-F]{1,3}(?:,\s?(?:0x)?[0-9a-fA-F]{1,3}){15,63})",
    ),
    context(
        "cookie",
        "cookie",
        r"(?i:(?<=erlang[._-])|(?<=rabbitmq_erlang_)|(?<=--set))"
        r"(?i:cookie)\s?[:= ]\s?[\"']?(?P<value>[\w-]{8,256})",
    ),
    context("password", "pin code", r"(?i:pin code)\s?[:=]\s?(?P<value>\d{4,10})"),
    context("password", "mot de passe", r"(?i:mot de passe)\s?[:=]\s?(?P<value>\S{3,256})", _plain),
    context(
        "snmp-community",
        "snmp-server community",
        r"(?i:snmp-server community) {1,4}(?P<value>\S{1,64})",
    ),
    context(
        "password",
        "createuser ",
        r"createUser \S{1,64} (?:MD5|SHA\S{0,4}) \"?(?P<value>[^\s\"]{1,256})",
    ),
    context(
        "password",
        "createuser ",
        r"createUser \S{1,64} (?:MD5|SHA\S{0,4}) \S{1,256} "
        r"(?:AES|DES)\S{0,4} \"?(?P<value>[^\s\"]{1,256})",
    ),
    context("password", "= password('", r"= (?i:password)\('(?P<value>[^'\n]{1,256})"),
    context("password", "oracle:thin:", r"oracle:thin:[\w$]{1,64}/(?P<value>[^\s@\"']{1,256})@"),
    context("session", "bw_session", r"(?i:bw_session)=[\"']?(?P<value>[A-Za-z0-9+/=]{40,256})"),
    context("vault-token", "secret_id", rf"secret_id\b[\"']?[\s:=]{{1,4}}[\"']?(?P<value>{_UUID})"),
    context("key", "setup key", rf"(?i:setup key):? (?P<value>{_UUID})"),
    context("authorization", 'response="', r'response="(?P<value>[0-9a-f]{32,128})"'),
    context(
        "ansible-vault",
        "$ansible_vault;",
        r"\$ANSIBLE_VAULT;[\d.]{3,5};AES256(?:;\S{1,64})?\s{1,80}(?P<value>\d{40,80}(?:\s{1,80}\d{2,80}){0,400})",
    ),
    context(
        "snmp-community",
        "snmp_community|snmp-community|snmpcommunity|community =|community=",
        r"(?i:snmp[_-]?)?(?i:community)[\"']?\s?[:=]\s?[\"']?(?P<value>[^\s\"',;:]{1,64})",
        _no_number,
    ),
    context(
        "password",
        "rpc-password",
        r"rpc-password\"\s?: ?\"(?P<value>\{[0-9a-f]{40}[^\s\"]{8})",
        bool,
    ),
    context(
        "password",
        "monitor ",
        r"MONITOR \S{1,64}@\S{1,64} \d{1,3} \S{1,64} (?P<value>\S{1,256}) "
        r"(?:primary|secondary|master|slave)",
    ),
    context(
        "secret",
        "shared secret",
        r"(?i:shared secret)\s?[:=] ?[\"']?(?P<value>[^\s\"']{3,256})",
        _plain,
    ),
    context("session", "session_id=|sessionid=", r"\w{9,10}=(?P<value>[0-9a-fA-F]{32,128})\b"),
    context(
        "key",
        "key=",
        r"(?i:key)=(?P<value>(?=[A-Za-z]{0,40}\d)(?=[a-z0-9]{0,40}[A-Z])(?=[A-Z0-9]{0,40}[a-z])"
        r"[A-Za-z0-9]{24,128})(?![\w-])",
    ),
    context(
        "key",
        "api key |api token |access token |api secret ",
        r"(?i:api|access) (?i:key|token|secret) [\"'](?P<value>[\w-]{16,256})[\"']",
        looks_random,
    ),
    # sentences that give one away
    context(
        "password",
        "password |passphrase |passwort ",
        r"(?i:password|passphrase|passwort) "
        r"(?:(?:for|of|von) (?:(?:the )?(?:user|account|admin) )?\S{1,64} )?"
        r"(?i:is|ist|set to):? [\"']?"
        r"(?P<value>(?<=\")[^\"\n]{2,256}|(?<=')[^'\n]{2,256}|[^\s\"']{2,256})"
        r"[\"'.]{0,2}[ \t]*(?:$|\n)",
        _plain,
    ),
    # Proxmox: the secret of a token beside its name
    context("proxmox-token", "!", rf"![\w.-]{{1,64}}[\"']?[=:\s]{{1,8}}(?P<value>{_UUID})"),
    context("proxmox-token", "│ value", rf"│ value {{1,40}}│ (?P<value>{_UUID})"),
    context(
        "proxmox-token",
        "full-tokenid",
        rf"full-tokenid[^\n]{{1,300}}?\"value\"\s?:\s?\"(?P<value>{_UUID})",
    ),
    context("key", '"kdf":', r'"kdf":[^\n]{1,400}?"data":\s?"(?P<value>[A-Za-z0-9+/=]{40,512})"'),
    # RFC 7517: the private members of a JSON Web Key
    context(
        "private-key",
        '"d":|"p":|"q":|"dp":|"dq":|"qi":',
        r'"\w{1,2}":\s?"(?P<value>[\w-]{40,2048})"',
    ),
)
