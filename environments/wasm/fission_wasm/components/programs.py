"""Which components are taken, and how one is run: a fresh instance for every request."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import wasmtime
from wasmtime import component

from fission_wasm import calls, cgi, commands, modules
from fission_wasm.components import exchanges, hosting, streams, values

HANDLER = "wasi:http/incoming-handler@0.2."
COMMAND = "wasi:cli/run@0.2."
HTTP_TYPES = "wasi:http/types@0.2."
HTTP_OUT = "wasi:http/outgoing-handler@0.2."
STDOUT = "wasi:cli/stdout@0.2."
CLOCK = "wasi:clocks/monotonic-clock@0.2."

_KNOWN = (
    *(f"wasi:{package}/" for package in ("cli", "clocks", "filesystem", "io", "random", "sockets")),
    "wasi:http/types@",
    "wasi:http/outgoing-handler@",
)
MAX_MEMORIES = 4
MAX_INSTANCES = 100
"""A Python interpreter with its libraries is some twenty modules."""

_current = threading.local()
"""``exchange`` and ``call`` of the thread."""


class Program:
    """A compiled component, ready to be instantiated."""

    def __init__(self, engine: wasmtime.Engine, content: bytes, name: str) -> None:
        """Compile; raises BadModule, which says what is wrong with the component."""
        self._engine = engine
        try:
            self._component = component.Component(engine, content)
        except wasmtime.WasmtimeError as error:
            raise modules.BadModule(f"{name} cannot be compiled: {error}") from None
        kind = self._component.type
        imports, exports = list(kind.imports(engine)), list(kind.exports(engine))
        self._export = check(imports, exports, name)
        self._streams = streams.Maker(engine)
        self._linker = _make_linker(engine, imports, is_http=self._export.startswith(HANDLER))

    def run(
        self, call: calls.Call, folders: Sequence[tuple[str, str]], pod: Mapping[str, str]
    ) -> cgi.Answer:
        """Run one instance in this thread; raises Failure."""
        is_http = self._export.startswith(HANDLER)
        exchange = exchanges.Exchange(call.method, call.target, call.headers)
        returned: list[Any] = []
        error: wasmtime.WasmtimeError | wasmtime.Trap | None = None
        limits = {"memories": MAX_MEMORIES, "instances": MAX_INSTANCES}
        with calls.store(self._engine, call, **limits) as store:
            _current.exchange, _current.call = exchange, call
            try:
                store.set_wasi(commands.make_wasi(call, folders, pod))
                exchange.streams = self._streams.instantiate(store)
                instance = self._linker.instantiate(store, self._component)
                function = _find(store, instance, self._export, "handle" if is_http else "run")
                returned = hosting.call(
                    store._context(),
                    function,
                    _arguments(exchange) if is_http else (),
                    0 if is_http else 1,
                )
            except (wasmtime.WasmtimeError, wasmtime.Trap) as raised:
                error = raised
            finally:
                _current.exchange = _current.call = None
        failure = call.failure(error)
        if failure is not None:
            raise failure
        if is_http:
            return _make_answer(exchange, call.output)
        if error is None and isinstance(returned[0], values.Err):
            raise calls.Failure(500, "the function ended with exit code 1")
        return call.read_answer()


def check(imports: Sequence[str], exports: Sequence[str], name: str) -> str:
    """The export that is called; raises BadModule for a component that cannot be run."""
    for wanted in imports:
        if not wanted.startswith(_KNOWN) or "@0.2." not in wanted:
            raise modules.BadModule(
                f"{name} imports {wanted}: there are the interfaces of WASI 0.2, without others "
                "that a component may need composed in"
            )
    for prefix in (HANDLER, COMMAND):
        for export in exports:
            if export.startswith(prefix):
                return export
    raise modules.BadModule(
        f"{name} exports neither {HANDLER}x nor {COMMAND}x; it exports: "
        f"{', '.join(exports) or 'nothing'}"
    )


def _make_linker(
    engine: wasmtime.Engine, imports: Sequence[str], *, is_http: bool
) -> component.Linker:
    """wasmtime's WASI, and what is ours, under the very versions that the component names."""
    linker = component.Linker(engine)
    linker.allow_shadowing = True
    linker.add_wasip2()
    ours: list[tuple[str, dict[str, Callable[..., Any]]]] = [
        (HTTP_TYPES, {n: _of_exchange(f) for n, f in exchanges.FUNCTIONS.items()}),
        (HTTP_OUT, {"handle": _of_exchange(exchanges.Exchange.deny)}),
        (CLOCK, _CLOCK_FUNCTIONS),
    ]
    if is_http:
        # What is printed goes to the log: standard output is the stream of the answer's body.
        ours.append((STDOUT, {"get-stdout": _get_log}))
    with linker.root() as root:
        for prefix, functions in ours:
            for name in imports:
                if name.startswith(prefix):
                    with root.add_instance(name) as instance:
                        _fill(instance, functions, has_resources=prefix == HTTP_TYPES)
    return linker


def _fill(
    instance: component.LinkerInstance,
    functions: Mapping[str, Callable[..., Any]],
    *,
    has_resources: bool,
) -> None:
    if has_resources:
        for name, sort in exchanges.RESOURCES.items():
            instance.add_resource(name, component.ResourceType.host(sort), _forget)
    for name, function in functions.items():
        hosting.define(instance, name, function)


def _forget(_store: object, _rep: int) -> None:
    """Resources are kept until their exchange goes."""


@functools.cache
def _of_exchange(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of whichever exchange the thread has."""
    return lambda context, *arguments: method(_current.exchange, context, *arguments)


def _get_log(context: values.Context) -> values.Taken:
    found: values.Taken = _current.exchange.streams.stderr(context)
    return found


def _now(context: values.Context) -> values.U64:
    return values.U64(_current.exchange.streams.now(context))


def _resolution(_: values.Context) -> values.U64:
    return values.U64(1)


def _wait(context: values.Context, nanoseconds: int) -> values.Taken:
    """No longer than the call has: native code that sleeps cannot be ended."""
    left = max(0.0, _current.call.deadline - time.monotonic())
    capped = min(nanoseconds, int(left * 1e9) + 1)
    found: values.Taken = _current.exchange.streams.wait(context, capped)
    return found


def _wait_until(context: values.Context, instant: int) -> values.Taken:
    now = _current.exchange.streams.now(context)
    return _wait(context, max(0, instant - now))


_CLOCK_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "now": _now,
    "resolution": _resolution,
    "subscribe-duration": _wait,
    "subscribe-instant": _wait_until,
}


def _arguments(exchange: exchanges.Exchange) -> list[values.Own]:
    return [
        exchange.add(exchanges.INCOMING_REQUEST, exchange),
        exchange.add(exchanges.RESPONSE_OUTPARAM, exchange),
    ]


def _find(
    store: wasmtime.Store, instance: component.Instance, export: str, name: str
) -> component.Func:
    outer = instance.get_export_index(store, export)
    index = instance.get_export_index(store, name, outer)
    function = None if index is None else instance.get_func(store, index)
    if function is None:
        raise wasmtime.WasmtimeError(f"{export} has no function {name}")
    return function


def _make_answer(exchange: exchanges.Exchange, body: bytes) -> cgi.Answer:
    answer = exchange.answer
    if answer is None:
        raise calls.Failure(500, "the function ended without setting its answer")
    if answer.response is None:
        raise calls.Failure(500, "the function answered with an error", answer.error)
    headers = [
        (name, value.decode("latin-1"))
        for name, value in answer.response.fields.pairs
        if name.lower() != "content-length"  # the body is whole: its length is known
    ]
    return cgi.Answer(answer.response.status, headers, body)
