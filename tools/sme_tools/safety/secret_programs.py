"""Secrets that programs take as an argument, or that are piped into them.

Rows as in `secret_contexts`: where a program's name stands, what follows on its line is looked at.
"""

from __future__ import annotations

from sme_tools.safety.secret_contexts import context

_OPTIONS = r"(?:[\s\"',][^\n|;&]{0,300}?)?[\s\"']"
"""The part of a command line between the program and the option that counts."""
_ARGUMENT = r"[\"']?(?P<value>(?<=')[^'\n]{1,256}|(?<=\")[^\"\n]{1,256}|[^\s\"']{1,256})"

PROGRAMS = (
    context(
        "password",
        "mysql|mariadb",
        rf"(?i:mysql|mariadb)[\w-]{{0,20}}{_OPTIONS}-p(?!ort\b){_ARGUMENT}",
    ),
    context("password", "sshpass", rf"sshpass{_OPTIONS}-p[\s\"',]{{0,4}}{_ARGUMENT}"),
    context("password", "redis-cli", rf"redis-cli{_OPTIONS}-a[\s\"',]{{1,4}}{_ARGUMENT}"),
    context(
        "password",
        "curl|wget",
        rf"(?:curl|wget){_OPTIONS}(?:-\w{{0,6}}[uU]|--user|--proxy-user)[\s\"',=]{{0,4}}[^\s:\"',=-]{{1,64}}:"
        r"(?P<value>[^\s\"']{1,256})",
    ),
    context(
        "password",
        "ldapsearch|ldapmodify|ldapadd|ldapwhoami",
        rf"ldap\w{{1,10}}{_OPTIONS}-w[\s\"',]{{1,4}}{_ARGUMENT}",
    ),
    context("password", "ipmitool", rf"ipmitool{_OPTIONS}-P[\s\"',]{{1,4}}{_ARGUMENT}"),
    context(
        "password",
        "smbclient|rpcclient",
        rf"(?:smb|rpc)client{_OPTIONS}(?:-U|--user)[\s\"',=]{{0,4}}[^\s%\"',=]{{1,64}}%"
        r"(?P<value>[^\s\"']{1,256})",
    ),
    context(
        "password",
        "docker login|podman login",
        rf"(?:docker|podman) login{_OPTIONS}-p[\s\"',]{{1,4}}{_ARGUMENT}",
    ),
    context(
        "password",
        "identified by",
        r"(?i:identified by) {1,4}(?:password {1,4})?['\"](?P<value>[^'\"\n]{1,256})",
    ),
    context(
        "password",
        "mongo",
        rf"mongo(?:dump|restore|export|import|stat|top|sh)?{_OPTIONS}-p[\s\"',]{{1,4}}{_ARGUMENT}",
    ),
    context(
        "password",
        "net ads|net rpc|rpcclient",
        rf"\w{{3,9}}{_OPTIONS}(?:-U|--user)[\s\"',=]{{0,4}}[^\s%\"',=]{{1,64}}%"
        r"(?P<value>[^\s\"']{1,256})",
    ),
    context(
        "password",
        "snmpget|snmpwalk|snmpbulkwalk|snmpbulkget|snmpgetnext|snmpset|snmptable|snmptranslate",
        rf"snmp\w{{3,9}}{_OPTIONS}-[cAX][\s\"',]{{0,4}}{_ARGUMENT}",
    ),
    context(
        "password",
        "zip|7z|7za|7zz|unrar|rar|unzip",
        rf"(?:(?:un)?zip{_OPTIONS}-P[\s\"',]{{0,4}}|(?:7z[az]?|(?:un)?rar){_OPTIONS}-h?p){_ARGUMENT}",
    ),
    context(
        "password",
        "sqlcmd|bcp|isql|tsql",
        rf"\w{{3,6}}{_OPTIONS}-P[\s\"',]{{0,4}}{_ARGUMENT}",
    ),
    context(
        "password", "wpa_passphrase", rf"wpa_passphrase\s{{1,4}}\S{{1,64}}\s{{1,4}}{_ARGUMENT}"
    ),
    context(
        "password",
        "change_password|add_user|authenticate_user",
        rf"(?:change_password|add_user|authenticate_user)\s{{1,4}}[\w.@-]{{1,64}}\s{{1,4}}{_ARGUMENT}",
    ),
    context(
        "key",
        "configure set",
        r"configure set\s{1,4}"
        rf"[\w.]{{0,64}}(?:secret|token|key)[\w.]{{0,64}}\s{{1,4}}{_ARGUMENT}",
    ),
    context(
        "password",
        "http -|https -|xh -|http --auth|https --auth|xh --auth",
        r"(?:https?|xh) (?:[^\n|;&]{0,300}? )?(?:-a|--auth)[ =]{1,4}[\"']?[^\s:\"'=-]{1,64}:"
        r"(?P<value>[^\s\"']{1,256})",
    ),
    context(
        "cookie",
        "curl",
        rf"curl{_OPTIONS}(?:-b|--cookie)[\s\"',=]{{1,4}}(?P<value>[\w.-]{{1,64}}=[^\s\"']{{4,4096}})",
    ),
    context(
        "password", "xfreerdp|xfreerdp3|wlfreerdp|rdesktop", rf"\w{{8,9}}{_OPTIONS}/p:{_ARGUMENT}"
    ),
    context(
        "password",
        "snmpget|snmpwalk|snmpbulkwalk|snmpbulkget",
        rf"snmp\w{{3,9}}{_OPTIONS}-X[\s\"',]{{0,4}}{_ARGUMENT}",
    ),
    context("password", "openssl", rf"openssl enc{_OPTIONS}-k[\s\"',]{{1,4}}{_ARGUMENT}"),
    context(
        "password",
        "htpasswd",
        rf"htpasswd\s{{1,4}}-\w{{0,4}}b\w{{0,4}} {{1,4}}"
        rf"\S{{1,256}} {{1,4}}\S{{1,64}} {{1,4}}{_ARGUMENT}",
    ),
    context("password", "nmcli", rf"nmcli{_OPTIONS}password {{1,4}}{_ARGUMENT}"),
    context(
        "password",
        "lftp|ncftp",
        rf"\w{{4,5}}{_OPTIONS}-u[\s\"',]{{1,4}}[^\s,\"']{{1,64}},(?P<value>[^\s\"']{{1,256}})",
    ),
    context(
        "password",
        "mosquitto_sub|mosquitto_pub|mosquitto_rr",
        rf"mosquitto_\w{{2,3}}{_OPTIONS}-P[\s\"',]{{1,4}}{_ARGUMENT}",
    ),
    context(
        "password",
        "--src-creds|--dest-creds|--creds",
        r"--(?:src-|dest-)?creds[ =]{1,4}[\"']?[^\s:\"']{1,64}:(?P<value>[^\s\"']{1,256})",
    ),
    context("key", "wandb login", r"wandb login(?: --\S{1,64}){0,4} (?P<value>[0-9a-f]{40})"),
    context("password", "rclone", rf"rclone{_OPTIONS}pass\s{{1,4}}{_ARGUMENT}"),
    context("password", "pihole", rf"pihole -a -p\s{{1,4}}{_ARGUMENT}"),
    context(
        "password",
        "transmission-remote",
        rf"transmission-remote{_OPTIONS}(?:-n|--auth)[ =]{{1,4}}"
        rf"[\"']?[^\s:\"']{{1,64}}:{_ARGUMENT}",
    ),
    # what is piped into programs that ask for a password
    context(
        "password",
        "echo|printf",
        r"(?:echo|printf)(?: -\w{1,3})? {1,4}[\"']?(?:[\w.-]{1,64}:)?"
        r"(?P<value>(?<=')[^'\n]{1,256}|(?<=\")[^\"\n]{1,256}|[^\s\"'|]{1,256})[\"']? {0,4}\| {0,4}"
        r"(?:passwd\b|sudo (?:-\w{1,3} )*-\w?S|chpasswd|cryptsetup|su\b|kinit|smbpasswd)",
    ),
    context("wireguard-key", "echo", r"echo {1,4}[\"']?(?P<value>[A-Za-z0-9+/]{43}=)"),
    context(
        "password",
        "--password-command",
        r"--password-command[ =]{1,4}[\"']?echo {1,4}(?P<value>[^\s\"']{1,256})",
    ),
)
