"""Play a plan: python -m sme_agent.llm.scripted PLAN.yaml [--port N] [--host ADDRESS]."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from sme_agent.llm.scripted import PlanInvalid, ScriptedServer, read_plan

UNMATCHED = 1
UNUSABLE = 2


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM.

    Returns:
        0, or 1 if something was asked that the plan has no answer for, or 2 if the plan or the
        address can't be used.
    """
    parser = argparse.ArgumentParser(
        prog="python -m sme_agent.llm.scripted",
        description="A model server for tests that plays a plan. It prints its address on one "
        "line, and exits with 1 if something was asked that the plan has no answer for.",
    )
    parser.add_argument("plan", type=Path, metavar="PLAN.yaml")
    parser.add_argument("--port", type=int, default=0, help="0, the default, is any that is free")
    parser.add_argument("--host", default="127.0.0.1", help="the default is 127.0.0.1")
    given = parser.parse_args(arguments)
    try:
        plan = read_plan(given.plan.read_text("utf-8"), str(given.plan))
        server = ScriptedServer(plan, host=given.host, port=given.port)
    except PlanInvalid as error:
        return _complain(f"{error}\n{error.remedy}")
    except (OSError, OverflowError, UnicodeDecodeError) as error:
        return _complain(str(error))
    with server:
        _wait_for_the_end(server.base)
    for message in server.unmatched:
        sys.stderr.write(f"unmatched: {message}\n")
    if server.unplayed:
        sys.stderr.write(f"not played: exchange {', '.join(server.unplayed)}\n")
    return UNMATCHED if server.unmatched else 0


def _wait_for_the_end(base: str) -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    # Whoever reads this line may rely on signals being handled by then.
    sys.stdout.write(f"{base}\n")
    sys.stdout.flush()
    ended.wait()


def _complain(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return UNUSABLE


if __name__ == "__main__":
    sys.exit(main())
