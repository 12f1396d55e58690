"""Databases and message brokers: what their logs say, and whether they answer."""

from __future__ import annotations

import re
from datetime import timedelta

from sme_tools.analysis.database_events import DatabaseEvent, database_events
from sme_tools.analysis.database_lines import database_lines
from sme_tools.analysis.log_lines import CLOCK_COMMAND
from sme_tools.analysis.log_times import Clock
from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe

LOG_HOURS = 24

_PLACES = " ".join(
    [
        "/var/log/postgresql/*.log",
        "/var/lib/pgsql/data/log/*.log",
        "/var/lib/pgsql/data/pg_log/*.log",
        "/var/lib/pgsql/*/data/log/*.log",
        "/var/log/mysql/error.log",
        "/var/log/mysql/mysqld.log",
        "/var/log/mysqld.log",
        "/var/log/mariadb/*.log",
        "/var/lib/mysql/*.err",
        "/var/log/redis/*.log",
        "/var/log/valkey/*.log",
        "/var/log/rabbitmq/*.log",
        "/var/log/rabbitmq/startup_log",
        "/var/log/mongodb/*.log",
    ]
)


@probe(
    "database.logs",
    level=2,
    needs_root=True,
    command=CLOCK_COMMAND
    + f"""\
find {_PLACES} -prune -type f -mmin -{LOG_HOURS * 60} 2>/dev/null | head -n 12 | {{
  seen=; read_one=
  while read -r file; do
    seen=1
    [ -r "$file" ] || continue
    read_one=1
    printf '\\n==> %s <==\\n' "$file"
    tail -n 400 "$file" | cut -c 1-600
  done
  [ -n "$seen" ] || exit 127
  [ -n "$read_one" ] || exit 77
}}
""",
    reads=(
        "database log",
        "mariadb log",
        "mongodb log",
        "mysql log",
        "mysqld log",
        "postgresql log",
        "rabbitmq log",
        "rabbitmq startup_log",
        "redis log",
    ),
)
def logs(output: str) -> list[DatabaseEvent]:
    """What the logs of database servers say is wrong or out of the ordinary, of the last day.

    Read are PostgreSQL, MySQL and MariaDB, Redis, RabbitMQ and MongoDB in their default forms.
    """
    clock = next((Clock.read(line) for line in output.splitlines()[:1]), None)
    since = clock.now - timedelta(hours=LOG_HOURS) if clock and clock.now else None
    return database_events(
        line
        for line in database_lines(output)
        if since is None or line.at is None or line.at >= since
    )


class PostgresqlServer(Fact):
    """Whether a PostgreSQL server answers on this host's default socket."""

    accepting: bool
    status: str
    """`accepting connections`, `rejecting connections`, `no response`."""
    address: str
    server_running: bool | None = None
    """Whether a server process runs; None where that is not known."""


@probe(
    "database.postgresql",
    level=2,
    tool="pg_isready",
    command="""\
pg_isready -t 3
if command -v pgrep >/dev/null 2>&1; then
  if pgrep -x 'postgres|postmaster' >/dev/null 2>&1; then echo running; else echo stopped; fi
fi
exit 0
""",
    reads=("pg_isready",),
)
def postgresql(output: str) -> PostgresqlServer:
    """Whether the local PostgreSQL server accepts connections. Source: pg_isready(1)."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    match = re.fullmatch(
        r"(\S.*?) - (accepting connections|rejecting connections|no response|no attempt)",
        lines[0] if lines else "",
    )
    if not match:
        raise ProbeError("database.postgresql", line=output)
    return PostgresqlServer(
        accepting=match[2] == "accepting connections",
        status=match[2],
        address=match[1],
        server_running=lines[1] == "running" if len(lines) > 1 else None,
    )


class RedisServer(Fact):
    """The state of the local Redis (or Valkey) server."""

    version: str
    role: str
    used_memory_bytes: int
    max_memory_bytes: int | None = None
    """None if the server has no limit of its own."""
    memory_used_percent: float | None = None
    evicts: bool
    """Whether keys are evicted at the limit; otherwise writes fail there."""
    connected_clients: int | None = None
    """None if only other parts of INFO were asked for."""
    rejected_connections: int
    last_save_ok: bool
    last_append_ok: bool
    """Whether the append-only file could be written."""
    loading: bool
    primary_link_up: bool | None = None
    """For a replica."""


@probe(
    "database.redis",
    level=3,
    tool="redis-cli",
    command="""\
t=; command -v timeout >/dev/null 2>&1 && t='timeout 5'
answer=$($t redis-cli -h 127.0.0.1 info </dev/null 2>&1)
case "$answer" in
*'Could not connect'*|*'Connection refused'*) exit 127;;
*NOAUTH*|*'Authentication required'*) exit 77;;
esac
printf '%s\\n' "$answer"
""",
    reads=("redis-cli info", "redis-cli INFO"),
)
def redis(output: str) -> RedisServer:
    """Memory, clients, persistence and replication of Redis. Source: redis.io, INFO."""
    values = dict(line.strip().split(":", 1) for line in output.splitlines() if ":" in line)
    if "redis_version" not in values:
        raise ProbeError("database.redis", line=output.split("\n")[0])
    used, limit = int(values["used_memory"]), int(values.get("maxmemory", 0))
    link = values.get("master_link_status")
    return RedisServer(
        version=values["redis_version"],
        role=values["role"],
        used_memory_bytes=used,
        max_memory_bytes=limit or None,
        memory_used_percent=round(100 * used / limit, 1) if limit else None,
        evicts=values.get("maxmemory_policy", "noeviction") != "noeviction",
        connected_clients=int(n) if (n := values.get("connected_clients")) else None,
        rejected_connections=int(values.get("rejected_connections", 0)),
        last_save_ok=values.get("rdb_last_bgsave_status", "ok") == "ok",
        last_append_ok=values.get("aof_last_write_status", "ok") == "ok",
        loading=values.get("loading", "0") == "1",
        primary_link_up=link == "up" if link else None,
    )
