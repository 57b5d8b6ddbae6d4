"""Flags: how each sort is declared, and the ones that many commands share.

A flag that was not given is ``None`` (a repeatable one is empty), so that an update changes only
what was named; defaults are applied by the command that knows them and shown in its help.
"""

from collections.abc import Callable
from typing import Any, Final

import click

Decorator = Callable[[Any], Any]


GLOBAL: Final = "global flag"


class Flag(click.Option):
    """An option that knows how its value is called in help, and which default is applied later."""

    def __init__(
        self,
        *args: Any,
        word: str,
        shown_default: str = "",
        required: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.needed = required
        """Missing ones are reported by the command, all at once."""
        self.word = word
        self.shown_default = shown_default

    @property
    def is_global(self) -> bool:
        """Whether every command has it."""
        return not self.expose_value


class Duration(click.ParamType[float]):
    """A Go duration such as ``90s``, in seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        from fission.api import durations

        if isinstance(value, float | int):
            return float(value)
        try:
            return durations.parse_seconds(value)
        except durations.DurationError as error:
            self.fail(str(error), param, ctx)


def string(*names: str, help: str, default: str = "", **kwargs: Any) -> Decorator:
    """One text."""
    return _flag(names, help, "string", default, type=str, **kwargs)


def integer(*names: str, help: str, default: int | None = None, **kwargs: Any) -> Decorator:
    """One number."""
    shown = "" if default is None else str(default)
    return _flag(names, help, "int", shown, type=int, **kwargs)


def duration(*names: str, help: str, default: str = "", **kwargs: Any) -> Decorator:
    """One duration, as seconds."""
    return _flag(names, help, "duration", default, type=Duration(), **kwargs)


def strings(*names: str, help: str, default: str = "", **kwargs: Any) -> Decorator:
    """Any number of texts; each occurrence is one value, commas are not split."""
    return _flag(names, help, "strings", default, type=str, multiple=True, **kwargs)


def integers(*names: str, help: str, **kwargs: Any) -> Decorator:
    """Any number of numbers, repeated or separated by commas."""
    return _flag(names, help, "ints", "", type=str, multiple=True, callback=_split, **kwargs)


def boolean(*names: str, help: str, **kwargs: Any) -> Decorator:
    """A switch; ``--flag=false`` turns it off again."""
    long_name = max((name for name in names if name.startswith("--")), key=len)
    first, *others = names
    declared = [f"{first}/--no-{long_name[2:]}", *others]
    kwargs.setdefault("default", None)
    return click.option(*declared, cls=Flag, word="", help=help, **kwargs)


def name(help: str, required: bool = True) -> Decorator:
    """The object that is meant."""
    return string("--name", help=help, required=required)


def output(function: Any) -> Any:
    """The output format."""
    return string("--output", "-o", help="Output format: wide, json, yaml or name")(function)


def all_namespaces(function: Any) -> Any:
    """All namespaces instead of one."""
    return boolean("--all-namespaces", "-A", help="List objects of all namespaces")(function)


def ignore_not_found(function: Any) -> Any:
    """Deleting what is not there is fine."""
    return boolean("--ignorenotfound", help="Treat an object that is not there as deleted")(
        function
    )


def save(function: Any) -> Any:
    """Write the object down instead of creating it."""
    function = boolean("--dry", help="Print the YAML instead of creating the object")(function)
    return boolean("--spec", help="Save the YAML in the specs directory instead")(function)


def metadata(function: Any) -> Any:
    """Labels and annotations."""
    function = strings("--annotation", help="Annotation key=value; repeatable")(function)
    return string("--labels", help="Labels, as key=value,key2=value2")(function)


def compute(function: Any) -> Any:
    """CPU and memory."""
    for flag, text in (
        ("--maxmemory", "Most memory, in MiB"),
        ("--minmemory", "Least memory, in MiB"),
        ("--maxcpu", "Most CPU, in thousandths of a core"),
        ("--mincpu", "Least CPU, in thousandths of a core"),
    ):
        function = integer(flag, help=text)(function)
    return function


def globals_of(store: Callable[[click.Context, click.Parameter, Any], None]) -> list[Flag]:
    """The flags that are valid before and after every command; values go to ``store``."""
    shared: dict[str, Any] = {"expose_value": False, "callback": store, "default": None}
    return [
        Flag(
            ["--verbosity", "-v"],
            word="int",
            shown_default="1",
            type=int,
            help="0 is quiet, 2 shows decisions",
            **shared,
        ),
        Flag(
            ["--quiet"],
            word="",
            is_flag=True,
            help="Only results and errors, as --verbosity 0",
            **shared,
        ),
        Flag(
            ["--kube-context"],
            word="string",
            type=str,
            help="Context of the kubeconfig to use",
            **shared,
        ),
        Flag(["--namespace", "-n"], word="string", type=str, help="Namespace to work in", **shared),
        Flag(
            ["--server"],
            word="string",
            type=str,
            help="URL of a controller to go through (or FISSION_URL, with FISSION_TOKEN)",
            **shared,
        ),
    ]


def _flag(
    names: tuple[str, ...], help: str, word: str, shown_default: str, **kwargs: Any
) -> Decorator:
    if not kwargs.get("multiple"):
        kwargs.setdefault("default", None)
    return click.option(
        *names, cls=Flag, help=help, word=word, shown_default=shown_default, **kwargs
    )


def _split(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[int, ...]:
    numbers = []
    for value in ",".join(values).split(",") if values else ():
        try:
            numbers.append(int(value))
        except ValueError:
            raise click.BadParameter(f"{value!r} is not a number", ctx, param) from None
    return tuple(numbers)
