"""How usage and help are laid out: description, usage line, commands, flags, global flags."""

from collections.abc import Iterable, Sequence
from typing import Final

import click

from fission.cli import options

_INDENT: Final = "  "


def usage_line(ctx: click.Context, takes: str = "[flags]") -> str:
    """How the command is called."""
    return f"Usage:\n{_INDENT}{ctx.command_path} {takes}"


def usage(ctx: click.Context) -> str:
    """Usage of a command with all its flags."""
    flags = [param for param in ctx.command.params if isinstance(param, options.Flag)]
    shared = [flag for flag in flags if flag.is_global]
    parts = [usage_line(ctx)]
    own = own_flags(ctx.command)
    if own:
        parts.append("Flags:\n" + own)
    if shared:
        parts.append("Global Flags:\n" + _flags(shared))
    return "\n\n".join(parts) + "\n"


def own_flags(command: click.Command) -> str:
    """The flags of a command that not every one has."""
    flags = [param for param in command.params if isinstance(param, options.Flag)]
    return _flags([flag for flag in flags if not flag.is_global])


def group_usage(
    ctx: click.Context,
    commands: Sequence[tuple[str, str]],
    plugins: Sequence[tuple[str, str]] = (),
) -> str:
    """Usage of a group with its commands, and plugins if there are any."""
    shared = [param for param in ctx.command.params if isinstance(param, options.Flag)]
    return (
        "\n\n".join(
            (
                usage_line(ctx, "[command]"),
                "Available Commands:\n" + _columns(commands),
                *(["Plugins:\n" + _columns(plugins)] if plugins else []),
                "Flags:\n" + _flags(shared),
                f'Use "{ctx.command_path} [command] --help" for more information about a command.',
            )
        )
        + "\n"
    )


def _flags(flags: Iterable[options.Flag]) -> str:
    return _columns([(_spelling(flag), _meaning(flag)) for flag in flags])


def _spelling(flag: options.Flag) -> str:
    short = [name for name in flag.opts if not name.startswith("--")]
    long = [name for name in flag.opts if name.startswith("--")]
    word = f" {flag.word}" if flag.word else ""
    lead = f"{short[0]}, " if short else "    "
    return lead + ", ".join(long) + word


def _meaning(flag: options.Flag) -> str:
    notes = ["required"] if flag.needed else []
    if flag.shown_default:
        notes.append(f"default {flag.shown_default}")
    return f"{flag.help} ({', '.join(notes)})" if notes else str(flag.help)


def _columns(rows: Sequence[tuple[str, str]]) -> str:
    width = max((len(left) for left, _ in rows), default=0) + 3
    return "\n".join(f"{_INDENT}{left.ljust(width)}{right}" for left, right in rows)
