"""The command `sme`: the one edge where errors become a message and an exit code.

Little is imported here, so that Ctrl-C is heeded from the first moment on.
"""

from __future__ import annotations

import sys

from sme_cli import exit_codes


def main() -> None:
    """Run the command line; every error ends as a message on stderr and an exit code."""
    code = exit_codes.FAILURE
    try:
        _leave_no_core_dumps()
        _open_closed_streams()
        code = _run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = exit_codes.INTERRUPTED
    except BrokenPipeError:
        from sme_cli.render.out import silence_stdout

        silence_stdout()
        code = exit_codes.CLEAN
    except Exception as error:  # noqa: BLE001 - the outermost edge
        code = report(error)
    sys.exit(code)


def _run() -> int:
    """Run the command that was typed; returns its exit code."""
    from sme_cli.root import app

    try:
        code: int = app(standalone_mode=False) or exit_codes.CLEAN
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):
            raise ended.__context__ from None  # typer would exit with 1
        return ended.code if isinstance(ended.code, int) else exit_codes.CLEAN
    if code == exit_codes.INTERRUPTED:
        from sme_cli.render.out import complain

        complain("stopped")
    return code


def report(error: Exception) -> int:
    """Say on stderr what failed and what to do next; returns the exit code."""
    from sme_cli.render.out import complain
    from sme_tools.errors import HostError, Interrupted, SmeError, UsageError

    if not isinstance(error, SmeError):
        return _report_other(error)
    complain(str(error), error.remedy)
    match error:
        case UsageError():
            return exit_codes.USAGE
        case HostError():
            return exit_codes.UNREACHABLE
        case Interrupted():
            return exit_codes.INTERRUPTED
        case _:
            return exit_codes.FAILURE


def _report_other(error: Exception) -> int:
    """What the parser of the command line objects to, a disk that refuses, or our own fault."""
    from sme_cli.render.out import complain, silence_stdout

    if show := getattr(error, "show", None):  # typer hides the class of its errors
        show()
        return int(getattr(error, "exit_code", exit_codes.USAGE))
    if isinstance(error, OSError) and error.strerror:
        if error.filename is None:
            silence_stdout()
            complain(f"the output can't be written: {error.strerror}")
        else:
            complain(f"{error.filename}: {error.strerror}", "What is wrong with it? sme doctor")
        return exit_codes.FAILURE
    if type(error).__name__ == "Abort":
        complain("there was no answer to a question")
        return exit_codes.FAILURE
    return _report_fault(error)


def _report_fault(error: Exception) -> int:
    """An error nobody foresaw: where it arose goes with it, without values of variables."""
    import traceback

    from sme_cli.render.out import complain

    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    complain(
        f"a fault of its own: {type(error).__name__}: {error}{where}",
        "Please report it, with the command you typed and what this prints: sme --version",
    )
    return exit_codes.FAILURE


def _leave_no_core_dumps() -> None:
    """A crash must not write the passphrases in our memory to a disk.

    The hard limit stays: a program that is started from here may ask for its own.
    """
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _open_closed_streams() -> None:
    """A stream that the caller has closed takes nothing; what an encoding lacks becomes `?`."""
    import os
    from io import TextIOWrapper

    if sys.stdout is None or sys.stderr is None:
        nowhere = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
        sys.stdout = sys.stdout or nowhere
        sys.stderr = sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
