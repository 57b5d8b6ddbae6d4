"""Commands and groups with the habits of the original: lazily loaded, aliased, flags anywhere.

A command's function takes the ``Session`` and its flags. It may be a coroutine function; ``main``
runs what it returns. Misuse is raised as ``UsageError``, whose text is the original's.
"""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import click

from fission.cli import context, errors, help, options, suggest, tree

if TYPE_CHECKING:
    from fission.cli import plugins

F = TypeVar("F", bound=Callable[..., Any])

_TRUE: Final = frozenset({"true", "1", "t"})
_FALSE: Final = frozenset({"false", "0", "f"})


def command(description: str, *, updates: bool = False) -> Callable[[F], "Command"]:
    """Make a command of a function; its flags are declared by decorators of ``options``.

    One that updates leaves alone what is not given, so its help names no defaults.
    """

    def decorate(function: F) -> Command:
        declared = list(reversed(getattr(function, "__click_params__", [])))
        if updates:
            for flag in declared:
                flag.shown_default = ""
        callback = click.pass_obj(function)
        return Command(
            name="", callback=callback, params=declared, help=description, add_help_option=False
        )

    return decorate


class Command(click.Command):
    """One verb."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [*options.globals_of(_store), _help_flag()]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.obj.command = ctx
        try:
            rest = super().parse_args(ctx, self._with_switches(args))
        except click.UsageError as error:
            _raise_usage(ctx, error)
        missing = [
            _long(param)
            for param in self.params
            if isinstance(param, options.Flag)
            and param.needed
            and not ctx.params.get(str(param.name))
        ]
        if missing:
            raise errors.UsageError(_required(missing))
        return rest

    def get_help(self, ctx: click.Context) -> str:
        return f"{self.help}\n\n{help.usage(ctx)}"

    def _with_switches(self, args: list[str]) -> list[str]:
        """``--flag=false`` as the spelling that the parser knows."""
        switches: dict[str, tuple[str, str]] = {}
        for param in self.params:
            if isinstance(param, click.Option) and param.is_flag and param.secondary_opts:
                for name in param.opts:
                    switches[name] = (name, param.secondary_opts[0])
        result: list[str] = []
        for index, argument in enumerate(args):
            if argument == "--":
                return result + args[index:]
            name, equals, value = argument.partition("=")
            if equals and name in switches:
                if value.lower() not in _TRUE | _FALSE:
                    raise errors.UsageError(
                        f'invalid argument "{value}" for "{name}" flag: must be true or false'
                    )
                argument = switches[name][0 if value.lower() in _TRUE else 1]
            result.append(argument)
        return result


class Group(click.Group):
    """A noun, or the root: knows its commands by name and imports one when it is run."""

    def __init__(
        self, name: str, entries: tuple[tree.Branch | tree.Leaf, ...], description: str
    ) -> None:
        super().__init__(name=name, help=description, add_help_option=False)
        self.entries = entries
        self.params += [*options.globals_of(_store), _help_flag()]
        self.no_args_is_help = True

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [entry.name for entry in self.entries]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for entry in self.entries:
            if cmd_name == entry.name or cmd_name in entry.aliases:
                return load(entry)
        return None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.obj.command = ctx
        if not args:
            click.echo(self.get_help(ctx), file=ctx.obj.stdout)
            ctx.exit(0)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            _raise_usage(ctx, error)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        found = self.get_command(ctx, name)
        if found is None and ctx.parent is None:
            found = self._plugin(ctx, name)
        if found is None:
            if name.startswith("-"):
                raise errors.UsageError(f"unknown flag: {name}")
            raise self._unknown(ctx, name)
        return found.name, found, args[1:]

    def get_help(self, ctx: click.Context) -> str:
        return f"{self.help}\n\n{self.get_usage(ctx)}"

    def get_usage(self, ctx: click.Context) -> str:
        rows = [(", ".join((entry.name, *entry.aliases)), entry.help) for entry in self.entries]
        extra: list[tuple[str, str]] = []
        if ctx.parent is None:
            from fission.cli import plugins

            for each in plugins.described(ctx.obj.env, self.words):
                extra.append((", ".join((each.name, *each.aliases)), each.usage or each.path))
        return help.group_usage(ctx, rows, extra)

    @property
    def words(self) -> frozenset[str]:
        """Names and other names of all entries."""
        return frozenset(word for each in self.entries for word in (each.name, *each.aliases))

    def _plugin(self, ctx: click.Context, name: str) -> "PluginCommand | None":
        from fission.cli import plugins

        found = None if name.startswith("-") else plugins.find(name, ctx.obj.env, self.words)
        return PluginCommand(found) if found else None

    def _unknown(self, ctx: click.Context, name: str) -> errors.UsageError:
        from fission.cli import absent

        path = name if ctx.parent is None else f"{self.name} {name}"
        known = absent.command(path)
        return errors.UsageError(
            f'unknown command "{name}" for "{ctx.command_path}"',
            why=known.why if known else "",
            remedy=known.remedy if known else suggest.question(name, sorted(self.words)),
        )


class PluginCommand(click.Command):
    """A plugin, which reads its arguments itself."""

    def __init__(self, plugin: "plugins.Plugin") -> None:
        super().__init__(plugin.name, add_help_option=False)
        self._plugin = plugin

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.args = args
        return args

    def invoke(self, ctx: click.Context) -> int:
        from fission.cli import plugins

        return plugins.run(ctx.obj, self._plugin, ctx.args)


def load(entry: tree.Branch | tree.Leaf) -> click.Command:
    """The command of an entry of the tree."""
    if isinstance(entry, tree.Branch):
        return Group(entry.name, entry.leaves, entry.help)
    module = importlib.import_module(f"fission.cli.{entry.module}")
    loaded: click.Command = module.command
    loaded.name = entry.name
    return loaded


def root() -> Group:
    """The whole command."""
    return Group("fission", tree.ROOT, "Fission: functions on one machine or on Kubernetes")


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None:
        session: context.Session = ctx.obj
        session.set_global(str(param.name), value)


def _show_help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.obj.stdout.write(ctx.get_help())
        ctx.exit(0)


def _help_flag() -> options.Flag:
    return options.Flag(
        ["--help", "-h"],
        word="",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_help,
        help="Show this help",
    )


def _raise_usage(ctx: click.Context, error: click.UsageError) -> NoReturn:
    """Say what is wrong with the flags in the words of the original."""
    if isinstance(error, click.NoSuchOption):
        raise _unknown_flag(ctx.command, error.option_name) from error
    if isinstance(error, click.BadParameter) and error.param is not None:
        name = _long(error.param)
        raise errors.UsageError(f'invalid argument for "--{name}" flag: {error.message}') from error
    if isinstance(error, click.BadOptionUsage):
        raise errors.UsageError(f"flag needs an argument: {error.option_name}") from error
    raise errors.UsageError(error.message) from error


def _unknown_flag(command: click.Command, name: str) -> errors.UsageError:
    if not name.startswith("--"):
        return errors.UsageError(f"unknown shorthand flag: {name}")
    from fission.cli import absent

    known = absent.flag(name)
    if known:
        return errors.UsageError(f"unknown flag: {name}", known.why, known.remedy)
    flags = [flag for param in command.params for flag in param.opts if flag.startswith("--")]
    near = next((flag for flag in flags if flag.startswith(name)), "")
    near = near or suggest.nearest(name[2:], [flag[2:] for flag in flags])
    remedy = f"did you mean --{near.removeprefix('--')}?" if near else ""
    return errors.UsageError(f"unknown flag: {name}", remedy=remedy)


def _required(names: list[str]) -> str:
    quoted = ", ".join(f'"{name}"' for name in sorted(names))
    return f"required flag(s) {quoted} not set"


def _long(param: click.Parameter) -> str:
    return next((name[2:] for name in param.opts if name.startswith("--")), str(param.name))
