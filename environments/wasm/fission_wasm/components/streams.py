"""A small component that hands out wasmtime's own streams and clocks.

The resources of ``wasi:io`` are wasmtime's and only its functions make them; functions of a linker
can be called by components alone. So this component imports them and exports them again, and what
it returns is good for every component of the same store.
"""

from __future__ import annotations

from typing import Any

import wasmtime
from wasmtime import component

from fission_wasm.components import hosting, values

TEXT = """
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "input-stream" (type (sub resource)))
    (export "output-stream" (type (sub resource)))))
  (alias export $streams "input-stream" (type $input))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:cli/stdin@0.2.0" (instance $stdin
    (alias outer 1 $input (type $t)) (export "input-stream" (type (eq $t)))
    (export "get-stdin" (func (result (own $t))))))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output (type $t)) (export "output-stream" (type (eq $t)))
    (export "get-stdout" (func (result (own $t))))))
  (import "wasi:cli/stderr@0.2.0" (instance $stderr
    (alias outer 1 $output (type $t)) (export "output-stream" (type (eq $t)))
    (export "get-stderr" (func (result (own $t))))))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $t)) (export "pollable" (type (eq $t)))
    (export "now" (func (result u64)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $t))))))

  (core func $stdin' (canon lower (func $stdin "get-stdin")))
  (core func $stdout' (canon lower (func $stdout "get-stdout")))
  (core func $stderr' (canon lower (func $stderr "get-stderr")))
  (core func $now' (canon lower (func $clock "now")))
  (core func $wait' (canon lower (func $clock "subscribe-duration")))
  (core module $m
    (import "" "stdin" (func $stdin (result i32))) (export "stdin" (func $stdin))
    (import "" "stdout" (func $stdout (result i32))) (export "stdout" (func $stdout))
    (import "" "stderr" (func $stderr (result i32))) (export "stderr" (func $stderr))
    (import "" "now" (func $now (result i64))) (export "now" (func $now))
    (import "" "wait" (func $wait (param i64) (result i32))) (export "wait" (func $wait)))
  (core instance $i (instantiate $m (with "" (instance
    (export "stdin" (func $stdin'))
    (export "stdout" (func $stdout'))
    (export "stderr" (func $stderr'))
    (export "now" (func $now'))
    (export "wait" (func $wait'))))))
  (func (export "stdin") (result (own $input)) (canon lift (core func $i "stdin")))
  (func (export "stdout") (result (own $output)) (canon lift (core func $i "stdout")))
  (func (export "stderr") (result (own $output)) (canon lift (core func $i "stderr")))
  (func (export "now") (result u64) (canon lift (core func $i "now")))
  (func (export "wait") (param "when" u64) (result (own $pollable))
    (canon lift (core func $i "wait")))
)
"""


class Maker:
    """The component, compiled and linked for an engine."""

    def __init__(self, engine: wasmtime.Engine) -> None:
        self._component = component.Component(engine, wasmtime.wat2wasm(TEXT))
        self._linker = component.Linker(engine)
        self._linker.add_wasip2()

    def instantiate(self, store: wasmtime.Store) -> Streams:
        return Streams(store, self._linker.instantiate(store, self._component))


class Streams:
    """What a store's call reads, writes and waits for."""

    def __init__(self, store: wasmtime.Store, instance: component.Instance) -> None:
        self._store = store
        self._instance = instance

    def stdin(self, context: values.Context) -> values.Taken:
        """A new end of standard input: the request's body."""
        return self._resource(context, "stdin")

    def stdout(self, context: values.Context) -> values.Taken:
        """A new end of standard output: the answer's body."""
        return self._resource(context, "stdout")

    def stderr(self, context: values.Context) -> values.Taken:
        """A new end of standard error: the log."""
        return self._resource(context, "stderr")

    def now(self, context: values.Context) -> int:
        """The monotonic clock of the store, in nanoseconds."""
        found: int = self._get(context, "now")
        return found

    def wait(self, context: values.Context, nanoseconds: int) -> values.Taken:
        """Something to poll that is ready after a time."""
        return self._resource(context, "wait", values.U64(nanoseconds))

    def _resource(self, context: values.Context, name: str, *arguments: Any) -> values.Taken:
        found = self._get(context, name, *arguments)
        assert isinstance(found, values.Taken)
        return found

    def _get(self, context: values.Context, name: str, *arguments: Any) -> Any:
        index = self._instance.get_export_index(self._store, name)
        assert index is not None
        function = self._instance.get_func(self._store, index)
        assert function is not None
        return hosting.call(context, function, arguments, 1)[0]
