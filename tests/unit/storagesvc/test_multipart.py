"""The streaming multipart parser."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fission.contracts import storage as wire
from fission.storagesvc import multipart

BOUNDARY = b"fission-b"


def form(content: bytes, field: str = "uploadfile") -> bytes:
    return (
        b'--fission-b\r\nContent-Disposition: form-data; name="'
        + field.encode()
        + b'"; filename="a.zip"\r\nContent-Type: application/zip\r\n\r\n'
        + content
        + b"\r\n--fission-b--\r\n"
    )


def parse(chunks: list[bytes]) -> tuple[list[str], bytes]:
    parser = multipart.Parser(BOUNDARY)
    names, data = [], b""
    for chunk in chunks:
        for event in parser.feed(chunk):
            if isinstance(event, multipart.PartBegin):
                names.append(event.name)
            elif isinstance(event, multipart.PartData):
                data += event.data
    parser.close()
    return names, data


def test_a_form_with_one_file_gives_its_name_and_bytes() -> None:
    assert parse([form(b"PK\x03\x04...")]) == (["uploadfile"], b"PK\x03\x04...")


@given(content=st.binary(max_size=200), cuts=st.lists(st.integers(0, 400), max_size=20))
def test_it_does_not_matter_how_the_body_is_cut(content: bytes, cuts: list[int]) -> None:
    assume(not content.startswith(b"b"))  # then the boundary would stand inside of the file
    body = form(content + b"\r\n--fission-" + content)
    places = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    chunks = [body[a:b] for a, b in itertools.pairwise(places)]
    assert parse(chunks) == (["uploadfile"], content + b"\r\n--fission-" + content)


def test_byte_by_byte_is_the_same() -> None:
    body = b"preamble\r\n" + form(b"one\r\n--fission-x")
    assert parse([bytes([byte]) for byte in body]) == (["uploadfile"], b"one\r\n--fission-x")


def test_an_empty_file_is_a_file() -> None:
    assert parse([form(b"")]) == (["uploadfile"], b"")


def test_the_contracts_own_form_is_understood() -> None:
    content_type, head, tail = wire.multipart('a "b".zip', "fission-b")
    assert multipart.boundary_of(content_type) == BOUNDARY
    assert parse([head + b"data" + tail]) == (["uploadfile"], b"data")


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_a_body_that_ends_early_is_refused(cut: int) -> None:
    with pytest.raises(multipart.MalformedBody, match="ends before its closing boundary"):
        parse([form(b"content")[:-cut]]) if cut > 4 else parse([form(b"content")[: -cut - 4]])


@pytest.mark.parametrize(
    "body",
    [
        b"--fission-b junk\r\n\r\n",
        b"--fission-b\r\nno colon here\r\n\r\n",
        b"--fission-b\r\nContent-Type: text/plain\r\n\r\n",
        b"x" * 20000,
        b"--fission-b\r\nA: " + b"x" * 20000,
    ],
)
def test_what_is_not_a_form_is_refused(body: bytes) -> None:
    with pytest.raises(multipart.MalformedBody):
        parse([body])


@pytest.mark.parametrize(
    "content_type",
    ["", "application/zip", "multipart/form-data", 'multipart/form-data; boundary="\u00e4"'],
)
def test_another_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(multipart.MalformedBody):
        multipart.boundary_of(content_type)
