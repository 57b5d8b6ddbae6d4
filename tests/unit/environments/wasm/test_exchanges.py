"""`wasi:http/types` as a component sees it, without a component."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("wasmtime", reason="wasmtime is not installed: fission[wasm]")

from fission_wasm.components import exchanges
from fission_wasm.components.values import U16, Case, Err, Nothing, Ok, Own, Some

CONTEXT = None


class Handle:
    """A resource that comes back from a component."""

    def __init__(self, own: Own) -> None:
        self._own = own

    def rep(self, _: object) -> int:
        return self._own.rep


@pytest.fixture
def exchange() -> exchanges.Exchange:
    return exchanges.Exchange("GET", "/a?b", [("Host", "h:1"), ("X-A", "1"), ("x-a", "2")])


def fields(exchange: exchanges.Exchange, *pairs: tuple[str, bytes]) -> Any:
    made = exchange.fields_from_list(CONTEXT, list(pairs))
    assert isinstance(made, Ok)
    return Handle(made.payload)


def test_the_request(exchange: exchanges.Exchange) -> None:
    handle: Any = None
    assert exchange.request_method(CONTEXT, handle) == Case("get")
    assert exchange.request_path(CONTEXT, handle) == Some("/a?b")
    assert exchange.request_authority(CONTEXT, handle) == Some("h:1")
    headers: Any = Handle(exchange.request_headers(CONTEXT, handle))
    assert exchange.fields_get(CONTEXT, headers, "X-a") == [b"1", b"2"]
    assert exchange.fields_append(CONTEXT, headers, "x-b", b"3") == Err(Case("immutable"))
    copy: Any = Handle(exchange.fields_clone(CONTEXT, headers))
    assert exchange.fields_append(CONTEXT, copy, "x-b", b"3") == Ok()


def test_a_method_without_a_case_of_its_own() -> None:
    exchange = exchanges.Exchange("PURGE", "/", [])
    assert exchange.request_method(CONTEXT, None) == Case("other", "PURGE")  # type: ignore[arg-type]
    assert isinstance(exchange.request_authority(CONTEXT, None), Nothing)  # type: ignore[arg-type]


def test_a_body_is_taken_once(exchange: exchanges.Exchange) -> None:
    handle: Any = None
    assert isinstance(exchange.request_consume(CONTEXT, handle), Ok)
    assert exchange.request_consume(CONTEXT, handle) == Err()


def test_fields_are_set_and_deleted_without_regard_to_case(exchange: exchanges.Exchange) -> None:
    handle = fields(exchange, ("A", b"1"), ("b", b"2"), ("a", b"3"))
    assert exchange.fields_set(CONTEXT, handle, "a", [b"4"]) == Ok()
    assert exchange.fields_entries(CONTEXT, handle) == [("b", b"2"), ("a", b"4")]
    assert exchange.fields_delete(CONTEXT, handle, "B") == Ok()
    assert not exchange.fields_has(CONTEXT, handle, "b")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("Connection", b"close", "forbidden"),
        ("transfer-encoding", b"chunked", "forbidden"),
        ("a b", b"1", "invalid-syntax"),
        ("", b"1", "invalid-syntax"),
        ("a", b"1\r\nb: 2", "invalid-syntax"),
        ("a", b"x" * exchanges.MAX_HEADER_BYTES, "invalid-syntax"),
    ],
)
def test_fields_that_cannot_be(
    exchange: exchanges.Exchange, name: str, value: bytes, problem: str
) -> None:
    assert exchange.fields_from_list(CONTEXT, [(name, value)]) == Err(Case(problem))
    handle = fields(exchange)
    assert exchange.fields_append(CONTEXT, handle, name, value) == Err(Case(problem))
    assert exchange.fields_entries(CONTEXT, handle) == []


def test_the_first_answer_counts(exchange: exchanges.Exchange) -> None:
    response: Any = Handle(exchange.new_response(CONTEXT, fields(exchange, ("a", b"1"))))
    assert exchange.response_set_status(CONTEXT, response, 201) == Ok()
    assert exchange.response_set_status(CONTEXT, response, 99) == Err()
    assert exchange.response_status(CONTEXT, response) == U16(201)
    out: Any = None
    exchange.set_answer(CONTEXT, out, Ok(response))
    exchange.set_answer(CONTEXT, out, Err(Case("internal-error", "late")))
    assert exchange.answer is not None
    assert exchange.answer.response is not None
    assert exchange.answer.response.status == 201


def test_an_answer_may_be_an_error(exchange: exchanges.Exchange) -> None:
    exchange.set_answer(CONTEXT, None, Err(Case("internal-error", "why")))  # type: ignore[arg-type]
    assert exchange.answer == exchanges.Answer(None, "internal-error: why")


def test_requests_out_are_denied(exchange: exchanges.Exchange) -> None:
    assert exchange.deny(CONTEXT, None, None) == Err(Case("HTTP-request-denied"))


def test_resources_are_bounded(exchange: exchanges.Exchange) -> None:
    for _ in range(exchanges.MAX_RESOURCES):
        exchange.new_fields(CONTEXT)
    with pytest.raises(ValueError, match="at most 10000 resources"):
        exchange.new_fields(CONTEXT)
