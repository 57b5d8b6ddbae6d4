"""One request and its answer, as ``wasi:http/types`` shows them to a component.

Resources are numbers here, kept by their exchange: they go with it. The interface's functions are
methods below, under its own names in ``FUNCTIONS``; their first argument is the store's context.
Requests out do not exist: ``outgoing-handler`` refuses each.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from fission_wasm.components import streams, values
from fission_wasm.components.values import U16, Case, Err, Nothing, Ok, Own, Some

(
    FIELDS,
    INCOMING_REQUEST,
    INCOMING_BODY,
    FUTURE_TRAILERS,
    OUTGOING_RESPONSE,
    OUTGOING_BODY,
    RESPONSE_OUTPARAM,
    OUTGOING_REQUEST,
    REQUEST_OPTIONS,
    INCOMING_RESPONSE,
    FUTURE_INCOMING_RESPONSE,
) = range(1, 12)

RESOURCES = {
    "fields": FIELDS,
    "incoming-request": INCOMING_REQUEST,
    "incoming-body": INCOMING_BODY,
    "future-trailers": FUTURE_TRAILERS,
    "outgoing-response": OUTGOING_RESPONSE,
    "outgoing-body": OUTGOING_BODY,
    "response-outparam": RESPONSE_OUTPARAM,
    "outgoing-request": OUTGOING_REQUEST,
    "request-options": REQUEST_OPTIONS,
    "incoming-response": INCOMING_RESPONSE,
    "future-incoming-response": FUTURE_INCOMING_RESPONSE,
}

MAX_RESOURCES = 10_000
"""Of one call. A hostile component would fill our memory with them."""
MAX_HEADER_BYTES = 64 * 1024
"""All fields of one exchange together, as servers commonly take."""

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_FORBIDDEN = frozenset(
    (
        "connection",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
    )
)
_METHODS = frozenset(
    ("get", "head", "post", "put", "delete", "connect", "options", "trace", "patch")
)

Pairs = list[tuple[str, bytes]]
Context = values.Context
Handle = values.Borrowed


@dataclasses.dataclass
class Fields:
    """Headers; those of a request cannot be changed."""

    pairs: Pairs
    is_fixed: bool = False


@dataclasses.dataclass
class Body:
    """A body in either direction; its stream is taken once."""

    is_taken: bool = False


@dataclasses.dataclass
class Response:
    """An answer in the making."""

    fields: Fields
    status: int = 200
    body: Body = dataclasses.field(default_factory=Body)
    is_body_taken: bool = False


@dataclasses.dataclass
class Answer:
    """What a component has answered: a response, or one of the interface's errors."""

    response: Response | None
    error: str = ""


class Exchange:
    """One request, and the answer to it when there is one."""

    def __init__(self, method: str, target: str, headers: list[tuple[str, str]]) -> None:
        self.method = method
        self.target = target
        self.headers = [(name.lower(), value.encode("latin-1")) for name, value in headers]
        self.answer: Answer | None = None
        self.streams: streams.Streams | None = None
        self._things: dict[int, Any] = {}
        self._body = Body()
        self._header_bytes = 0

    def add(self, sort: int, thing: Any) -> Own:
        """A resource to hand over."""
        if len(self._things) >= MAX_RESOURCES:
            raise ValueError(f"a call has at most {MAX_RESOURCES} resources")
        rep = len(self._things) + 1
        self._things[rep] = thing
        return Own(sort, rep)

    def get(self, context: Context, handle: Handle) -> Any:
        return self._things[handle.rep(context)]

    # fields

    def new_fields(self, _: Context) -> Own:
        return self.add(FIELDS, Fields([]))

    def fields_from_list(self, _: Context, entries: list[tuple[str, Any]]) -> Any:
        pairs = []
        for name, value in entries:
            content = _bytes(value)
            if (problem := self._check(name, content)) is not None:
                return Err(problem)
            pairs.append((name, content))
        return Ok(self.add(FIELDS, Fields(pairs)))

    def fields_get(self, context: Context, handle: Handle, name: str) -> list[bytes]:
        return _values(self.get(context, handle), name)

    def fields_has(self, context: Context, handle: Handle, name: str) -> bool:
        return bool(_values(self.get(context, handle), name))

    def fields_set(self, context: Context, handle: Handle, name: str, given: list[Any]) -> Any:
        fields = self.get(context, handle)
        contents = [_bytes(value) for value in given]
        for content in contents or [b""]:
            if (problem := self._check(name, content, fields)) is not None:
                return Err(problem)
        _remove(fields, name)
        fields.pairs += [(name, content) for content in contents]
        return Ok()

    def fields_append(self, context: Context, handle: Handle, name: str, value: Any) -> Any:
        fields = self.get(context, handle)
        content = _bytes(value)
        if (problem := self._check(name, content, fields)) is not None:
            return Err(problem)
        fields.pairs.append((name, content))
        return Ok()

    def fields_delete(self, context: Context, handle: Handle, name: str) -> Any:
        fields = self.get(context, handle)
        if (problem := self._check(name, b"", fields)) is not None:
            return Err(problem)
        _remove(fields, name)
        return Ok()

    def fields_entries(self, context: Context, handle: Handle) -> list[tuple[str, bytes]]:
        return list(self.get(context, handle).pairs)

    def fields_clone(self, context: Context, handle: Handle) -> Own:
        return self.add(FIELDS, Fields(list(self.get(context, handle).pairs)))

    # the request

    def request_method(self, _: Context, __: Handle) -> Case:
        lowered = self.method.lower()
        return Case(lowered) if lowered in _METHODS else Case("other", self.method)

    def request_path(self, _: Context, __: Handle) -> Some:
        return Some(self.target)

    def request_scheme(self, _: Context, __: Handle) -> Some:
        return Some(Case("HTTP"))

    def request_authority(self, _: Context, __: Handle) -> Any:
        hosts = [value for name, value in self.headers if name == "host"]
        return Some(hosts[0].decode("latin-1")) if hosts else Nothing()

    def request_headers(self, _: Context, __: Handle) -> Own:
        return self.add(FIELDS, Fields(self.headers, is_fixed=True))

    def request_consume(self, _: Context, __: Handle) -> Any:
        if self._body.is_taken:
            return Err()
        self._body.is_taken = True
        return Ok(self.add(INCOMING_BODY, Body()))

    def incoming_stream(self, context: Context, handle: Handle) -> Any:
        body = self.get(context, handle)
        if body.is_taken or self.streams is None:
            return Err()
        body.is_taken = True
        return Ok(self.streams.stdin(context))

    def incoming_finish(self, _: Context, __: Handle) -> Own:
        return self.add(FUTURE_TRAILERS, Body())

    def trailers_subscribe(self, context: Context, _: Handle) -> Any:
        assert self.streams is not None
        return self.streams.wait(context, 0)

    def trailers_get(self, context: Context, handle: Handle) -> Some:
        trailers = self.get(context, handle)
        if trailers.is_taken:
            return Some(Err())
        trailers.is_taken = True
        return Some(Ok(Ok(Nothing())))

    # the answer

    def new_response(self, context: Context, handle: Handle) -> Own:
        return self.add(OUTGOING_RESPONSE, Response(self.get(context, handle)))

    def response_status(self, context: Context, handle: Handle) -> U16:
        return U16(self.get(context, handle).status)

    def response_set_status(self, context: Context, handle: Handle, status: int) -> Any:
        if not 200 <= status <= 599:
            return Err()
        self.get(context, handle).status = status
        return Ok()

    def response_headers(self, context: Context, handle: Handle) -> Own:
        pairs = self.get(context, handle).fields.pairs
        return self.add(FIELDS, Fields(list(pairs), is_fixed=True))

    def response_body(self, context: Context, handle: Handle) -> Any:
        response = self.get(context, handle)
        if response.is_body_taken:
            return Err()
        response.is_body_taken = True
        return Ok(self.add(OUTGOING_BODY, response.body))

    def outgoing_write(self, context: Context, handle: Handle) -> Any:
        body = self.get(context, handle)
        if body.is_taken or self.streams is None:
            return Err()
        body.is_taken = True
        return Ok(self.streams.stdout(context))

    def outgoing_finish(self, _: Context, __: Handle, trailers: Handle | None) -> Any:
        if trailers is not None:
            return Err(Case("internal-error", Some("trailers are not sent")))
        return Ok()

    def set_answer(self, context: Context, _: Handle, result: Any) -> None:
        if self.answer is not None:
            return
        if isinstance(result, Ok):
            self.answer = Answer(self.get(context, result.payload))
        else:
            self.answer = Answer(None, _describe(result.payload))

    # requests out, which are refused

    def new_thing(self, _: Context, *__: Any) -> Own:
        return self.add(OUTGOING_REQUEST, None)

    def new_options(self, _: Context) -> Own:
        return self.add(REQUEST_OPTIONS, None)

    def accept(self, _: Context, *__: Any) -> Any:
        return Ok()

    def none(self, _: Context, *__: Any) -> Any:
        return Nothing()

    def refuse(self, _: Context, *__: Any) -> Any:
        return Err()

    def deny(self, _: Context, *__: Any) -> Any:
        return Err(Case("HTTP-request-denied"))

    def _check(self, name: str, value: bytes, fields: Fields | None = None) -> Case | None:
        if fields is not None and fields.is_fixed:
            return Case("immutable")
        if name.lower() in _FORBIDDEN:
            return Case("forbidden")
        self._header_bytes += len(name) + len(value)
        is_valid = _NAME.fullmatch(name) and _VALUE.fullmatch(value)
        if not is_valid or self._header_bytes > MAX_HEADER_BYTES:
            return Case("invalid-syntax")
        return None


def _bytes(value: Any) -> bytes:
    """A lifted list of bytes; an empty list does not say what of."""
    return value if isinstance(value, bytes) else b""


def _values(fields: Fields, name: str) -> list[bytes]:
    wanted = name.lower()
    return [value for other, value in fields.pairs if other.lower() == wanted]


def _remove(fields: Fields, name: str) -> None:
    wanted = name.lower()
    fields.pairs[:] = [pair for pair in fields.pairs if pair[0].lower() != wanted]


def _describe(error: Any) -> str:
    if isinstance(error, Case):
        return f"{error.name}: {error.payload}" if error.payload else error.name
    return str(error)


Method = Callable[..., Any]

FUNCTIONS: dict[str, Method] = {
    "http-error-code": Exchange.none,
    "[constructor]fields": Exchange.new_fields,
    "[static]fields.from-list": Exchange.fields_from_list,
    "[method]fields.get": Exchange.fields_get,
    "[method]fields.has": Exchange.fields_has,
    "[method]fields.set": Exchange.fields_set,
    "[method]fields.append": Exchange.fields_append,
    "[method]fields.delete": Exchange.fields_delete,
    "[method]fields.entries": Exchange.fields_entries,
    "[method]fields.clone": Exchange.fields_clone,
    "[method]incoming-request.method": Exchange.request_method,
    "[method]incoming-request.path-with-query": Exchange.request_path,
    "[method]incoming-request.scheme": Exchange.request_scheme,
    "[method]incoming-request.authority": Exchange.request_authority,
    "[method]incoming-request.headers": Exchange.request_headers,
    "[method]incoming-request.consume": Exchange.request_consume,
    "[method]incoming-body.stream": Exchange.incoming_stream,
    "[static]incoming-body.finish": Exchange.incoming_finish,
    "[method]future-trailers.subscribe": Exchange.trailers_subscribe,
    "[method]future-trailers.get": Exchange.trailers_get,
    "[constructor]outgoing-response": Exchange.new_response,
    "[method]outgoing-response.status-code": Exchange.response_status,
    "[method]outgoing-response.set-status-code": Exchange.response_set_status,
    "[method]outgoing-response.headers": Exchange.response_headers,
    "[method]outgoing-response.body": Exchange.response_body,
    "[method]outgoing-body.write": Exchange.outgoing_write,
    "[static]outgoing-body.finish": Exchange.outgoing_finish,
    "[static]response-outparam.set": Exchange.set_answer,
    "[constructor]outgoing-request": Exchange.new_thing,
    "[method]outgoing-request.body": Exchange.refuse,
    "[method]outgoing-request.method": Exchange.request_method,
    "[method]outgoing-request.set-method": Exchange.accept,
    "[method]outgoing-request.path-with-query": Exchange.none,
    "[method]outgoing-request.set-path-with-query": Exchange.accept,
    "[method]outgoing-request.scheme": Exchange.none,
    "[method]outgoing-request.set-scheme": Exchange.accept,
    "[method]outgoing-request.authority": Exchange.none,
    "[method]outgoing-request.set-authority": Exchange.accept,
    "[method]outgoing-request.headers": Exchange.new_fields,
    "[constructor]request-options": Exchange.new_options,
    "[method]request-options.connect-timeout": Exchange.none,
    "[method]request-options.set-connect-timeout": Exchange.accept,
    "[method]request-options.first-byte-timeout": Exchange.none,
    "[method]request-options.set-first-byte-timeout": Exchange.accept,
    "[method]request-options.between-bytes-timeout": Exchange.none,
    "[method]request-options.set-between-bytes-timeout": Exchange.accept,
    "[method]incoming-response.status": Exchange.refuse,
    "[method]incoming-response.headers": Exchange.new_fields,
    "[method]incoming-response.consume": Exchange.refuse,
    "[method]future-incoming-response.subscribe": Exchange.trailers_subscribe,
    "[method]future-incoming-response.get": Exchange.none,
}
"""The functions of ``wasi:http/types``, by their names in a component."""
