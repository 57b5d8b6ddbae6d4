"""Entry point of the ``fission`` command: run it, say what went wrong, return the exit code.

Any failure is exit code 1, with ``Error: <message>`` on stderr below the command's usage: all of
it for a misuse of flags, its first line for a failure at run time. An interrupt is exit code 130.
"""

import contextlib
import gc
import inspect
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final

import click

from fission.base import errors as base_errors
from fission.cli import command, context, errors, help

COMPLETE: Final = "__complete"
"""The word by which a shell asks what may follow; no command that a person types."""
INTERRUPTED: Final = 130
"""As a shell has it for SIGINT."""
TERMINATED: Final = 143
"""As a shell has it for SIGTERM."""


FEW_COLLECTIONS: Final = 100_000
"""Objects made before any are collected; commands that go on for long still collect."""


def main() -> None:
    """Run with the arguments and settings of the process, and end it.

    Most commands are over before there is garbage, and what Python takes down at its end goes with
    the process anyway: leaving both out saves a fifth of what a person waits for.
    """
    gc.set_threshold(FEW_COLLECTIONS)
    code = run(sys.argv[1:], os.environ, sys.stdout, sys.stderr)
    os._exit(code)


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
            code = asyncio.run(_until_terminated(session, pending))
        except KeyboardInterrupt:
            code = INTERRUPTED
        except asyncio.CancelledError:
            code = TERMINATED
    session.out.flush()
    return code


def begin(session: context.Session, arguments: Sequence[str]) -> tuple[Any, int]:
    """Read the flags and run what needs no event loop; what is left, and the exit code so far."""
    if list(arguments[:1]) == [COMPLETE]:
        from fission.cli.completion import engine

        return engine.run(session, arguments[1:]), 0
    try:
        result = command.root().main(
            args=list(arguments), prog_name="fission", standalone_mode=False, obj=session
        )
    except (Exception, KeyboardInterrupt) as error:
        return None, report(session, error)
    if inspect.iscoroutine(result):
        return result, 0
    return None, result if isinstance(result, int) else 0


async def _until_terminated(session: context.Session, pending: Any) -> int:
    """``finish``; SIGTERM ends it as Ctrl-C does, so that nothing it started stays behind."""
    import asyncio
    import signal

    task = asyncio.current_task()
    assert task is not None
    with contextlib.suppress(RuntimeError):  # not the main thread: signals are somebody else's
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await finish(session, pending)


async def finish(session: context.Session, pending: Any) -> int:
    """Run what is left, and close what it opened."""
    try:
        code = await pending
    except Exception as error:
        return report(session, error)
    finally:
        await session.aclose()
    return code if isinstance(code, int) else 0


def report(session: context.Session, error: BaseException) -> int:
    """Say what went wrong, if anything did; the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.exceptions.Abort | KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return 1  # who read has gone: nobody is left to be told
    if isinstance(error, click.ClickException):
        error = errors.UsageError(error.format_message())
    from fission.cli import failures

    told = failures.tell(session, error)
    usage = _usage(session.command, error) if session.command else ""
    session.out.error(told.what, usage, why=told.why, remedy=told.remedy)
    if session.out.verbosity >= 2:
        import traceback

        session.out.note("".join(traceback.format_exception(error)).rstrip("\n"))
    return 1


def _usage(ctx: click.Context, error: BaseException) -> str:
    """How the command is used: all of it for a misuse, a line for other failures of ours."""
    if isinstance(error, errors.UsageError):
        if isinstance(ctx.command, command.Group):
            return ctx.command.get_usage(ctx)
        return help.usage(ctx)
    is_shown_already = isinstance(error, errors.CallFailed | errors.BuildFailed)
    if is_shown_already or not isinstance(error, base_errors.Error):
        return ""
    return f"{help.usage_line(ctx)}\n"


if __name__ == "__main__":
    main()
