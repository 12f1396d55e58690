"""Redis commands: read-only if they are on the list of those that only read."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from sme_tools.safety.policy.verdict import READS, Ruling, change, refuse
from sme_tools.safety.policy.words import Word

_READS_TEXT = """ping echo info dbsize
    time lastsave role type ttl pttl exists get mget strlen getrange
    substr hget hmget hgetall hkeys hvals hlen hexists hstrlen hscan hrandfield lrange llen
    lindex lpos smembers scard sismember smismember sinter sunion sdiff sintercard
    srandmember sscan zrange zrangebyscore zrangebylex zrevrange zrevrangebyscore
    zrevrangebylex zcard zcount zscore zmscore zrank zrevrank zscan zlexcount zrandmember
    zinter zunion zdiff zintercard xlen xrange xrevrange pfcount getbit bitcount bitpos
    geopos geodist geohash geosearch georadius_ro georadiusbymember_ro keys scan randomkey
    dump expiretime pexpiretime lolwut bitfield_ro sort_ro lcs readonly"""
_READS = frozenset(_READS_TEXT.split())
"""Commands that only read, whatever their arguments."""

_PARTS = {
    "config": "get help",
    "client": "list info id getname trackinginfo getredir help",
    "slowlog": "get len help",
    "latency": "latest history doctor graph histogram help",
    "memory": "usage stats doctor malloc-stats help",
    "cluster": (
        "info nodes slots shards keyslot countkeysinslot getkeysinslot myid myshardid links"
        " replicas slaves help"
    ),
    "object": "encoding freq idletime refcount help",
    "command": "count docs list info getkeys help",
    "module": "list help",
    "acl": "whoami users cat list help",
    "xinfo": "stream groups consumers help",
    "pubsub": "channels numsub numpat shardchannels shardnumsub help",
    "script": "exists help",
    "function": "list stats help",
    "sentinel": (
        "masters master replicas slaves sentinels get-master-addr-by-name ckquorum myid"
        " info-cache is-master-down-by-addr help"
    ),
}
"""Commands of which these subcommands only read."""

_PASSWORDS = (
    "requirepass",
    "masterauth",
    "primaryauth",
    "tls-key-file-pass",
    "tls-client-key-file-pass",
)
_ENDLESS = {"monitor", "subscribe", "psubscribe", "ssubscribe", "sync", "psync"}


def redis_command(name: str, words: Sequence[Word]) -> Ruling:
    """What one command to a Redis server can do."""
    command = words[0]
    if not command.known:
        return change("which command the server gets can't be known before")
    verb = command.text.lower()
    if " " in verb.strip():
        # One quoted word, which newer clients take apart.
        return redis_command(name, [Word(text) for text in verb.split()] + list(words[1:]))
    if verb in _ENDLESS:
        return refuse(f"{name} {verb} does not end")
    if any(word.splits for word in words):
        return change(f"what {name} {verb} is given can't be known before")
    if verb in _READS:
        return READS
    if verb in _PARTS and len(words) > 1:
        return _part(name, verb, words[1], words[2:])
    return change(f"the command {verb.upper()} is not known to only read")


def _part(name: str, verb: str, part: Word, rest: Sequence[Word]) -> Ruling:
    if not part.known or part.text.lower() not in _PARTS[verb].split():
        return change(f"the command {verb.upper()} {part.shown} is not known to only read")
    if (verb, part.text.lower()) == ("acl", "list"):
        return change("ACL LIST prints the hashes of passwords")
    if (verb, part.text.lower()) == ("config", "get"):
        for word in rest:
            pattern = word.text.lower()
            if not word.known or any(fnmatchcase(setting, pattern) for setting in _PASSWORDS):
                return change(f"CONFIG GET {word.shown} prints passwords")
    return READS
