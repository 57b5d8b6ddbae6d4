"""Entry point of the ``fission`` command: run it, say what went wrong, return the exit code.

Any failure is exit code 1, with ``Error: <message>`` on stderr below the command's usage: all of
it for a misuse of flags, its first line for a failure at run time.
"""

import inspect
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

import click

from fission.base import errors as base_errors
from fission.cli import command, context, errors, help


def main() -> None:
    """Run with the arguments and settings of the process."""
    sys.exit(run(sys.argv[1:], os.environ, sys.stdout, sys.stderr))


def run(
    arguments: Sequence[str],
    env: Mapping[str, str],
    stdout: IO[str],
    stderr: IO[str],
    cwd: pathlib.Path | None = None,
) -> int:
    """Run one command line; the exit code."""
    session = context.Session(env, stdout, stderr, cwd=cwd)
    pending, code = begin(session, arguments)
    if pending is not None:
        import asyncio

        try:
            code = asyncio.run(finish(session, pending))
        except KeyboardInterrupt:
            code = 130
    session.out.flush()
    return code


def begin(session: context.Session, arguments: Sequence[str]) -> tuple[Any, int]:
    """Read the flags and run what needs no event loop; what is left, and the exit code so far."""
    try:
        result = command.root().main(
            args=list(arguments), prog_name="fission", standalone_mode=False, obj=session
        )
    except Exception as error:
        return None, report(session, error)
    if inspect.iscoroutine(result):
        return result, 0
    return None, result if isinstance(result, int) else 0


async def finish(session: context.Session, pending: Any) -> int:
    """Run what is left, and close what it opened."""
    try:
        code = await pending
    except Exception as error:
        return report(session, error)
    finally:
        await session.aclose()
    return code if isinstance(code, int) else 0


def report(session: context.Session, error: Exception) -> int:
    """Print an expected failure; anything else is a fault of ours and keeps its traceback."""
    ctx = session.command
    if isinstance(error, errors.CliError):
        usage = ""
        if ctx and isinstance(error, errors.UsageError):
            usage = _usage(ctx)
        elif ctx and not isinstance(error, errors.CallFailed | errors.BuildFailed):
            usage = f"{help.usage_line(ctx)}\n"
        session.out.error(str(error), usage, why=error.why, remedy=error.remedy)
    elif isinstance(error, base_errors.Error):
        session.out.error(str(error), f"{help.usage_line(ctx)}\n" if ctx else "")
    elif isinstance(error, click.exceptions.Exit):
        return error.exit_code
    elif isinstance(error, click.exceptions.Abort):
        return 130
    elif isinstance(error, BrokenPipeError):
        return 1
    elif isinstance(error, OSError):
        session.out.error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    else:
        raise error
    return 1


def _usage(ctx: click.Context) -> str:
    if isinstance(ctx.command, command.Group):
        return ctx.command.get_usage(ctx)
    return help.usage(ctx)


if __name__ == "__main__":
    main()
