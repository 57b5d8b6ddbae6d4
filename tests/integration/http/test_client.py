"""The lean client against the lean server, and against peers that misbehave."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator

import pytest

from fission_http import client as clients
from fission_http import errors
from fission_http import server as servers
from tests.support import rawpeer, waiting


async def echo(request: servers.Request) -> servers.Response:
    if request.path == "/stream":

        async def pieces() -> AsyncIterator[bytes]:
            for number in range(5):
                yield b"%d" % number

        return servers.Response(200, [], pieces())
    if request.path == "/sleep":
        await asyncio.Event().wait()
    body = await request.read(1 << 24)
    return servers.Response(201, [("X-Method", request.method)], body)


@contextlib.asynccontextmanager
async def running(handler=echo) -> AsyncIterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    host, port = listening.getsockname()
    server = await servers.serve(handler, [listening])
    try:
        yield f"http://{host}:{port}"
    finally:
        await server.close(0.1)


@contextlib.asynccontextmanager
async def peer(answer: rawpeer.Conversation) -> AsyncIterator[str]:
    async with rawpeer.raw_peer(answer) as (host, port):
        yield f"http://{host}:{port}"


async def test_a_request_is_answered_and_the_connection_kept():
    async with running() as url, clients.Client() as client:
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            response = await client.request(method, f"{url}/a?b", body=b"hello")
            assert response.status == 201
            assert response.headers["x-method"] == method
            assert await response.read() == b"hello"
        assert client.open_connections == 1


async def test_streams_go_both_ways():
    async def upload() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 65536

    async with running() as url, clients.Client() as client:
        response = await client.request("POST", f"{url}/", body=upload())
        assert len(await response.read(1 << 24)) == 6553600
        response = await client.request("GET", f"{url}/stream")
        assert b"".join([piece async for piece in response.iter_bytes()]) == b"01234"
        assert client.open_connections == 1


async def test_an_answer_given_up_closes_its_connection():
    async with running() as url, clients.Client() as client:
        response = await client.request("POST", f"{url}/", body=b"x" * 4_000_000)
        await response.aclose()
        assert client.open_connections <= 1
        response = await client.request("POST", f"{url}/", body=b"x" * 4_000_000)
        with pytest.raises(errors.BodyTooLarge):
            await response.read(10)


async def test_a_refused_connection_is_told_apart():
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    listening.close()
    async with clients.Client() as client:
        with pytest.raises(errors.ConnectError) as caught:
            await client.request("GET", f"http://127.0.0.1:{port}/")
        assert caught.value.refused
        with pytest.raises(errors.ConnectError) as caught:
            await client.request("GET", "http://x/", unix_socket="/nonexistent/socket")
        assert caught.value.refused
        assert client.open_connections == 0


async def test_the_deadline_holds_before_and_within_the_answer():
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal")
        await reader.read()

    async with running() as url, peer(half) as half_url, clients.Client() as client:
        with pytest.raises(errors.RequestTimeout):
            await client.request("GET", f"{url}/sleep", timeout_seconds=0.05)
        response = await client.request("GET", f"{half_url}/", timeout_seconds=0.1)
        with pytest.raises(errors.RequestTimeout):
            await response.read()
        await waiting.until(lambda: not client.open_connections)


async def test_cancelling_a_request_closes_its_connection():
    async with running() as url, clients.Client() as client:
        task = asyncio.create_task(client.request("GET", f"{url}/sleep"))
        await waiting.until(lambda: client.open_connections)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await waiting.until(lambda: not client.open_connections)


async def test_a_kept_connection_that_died_is_replaced_only_where_it_is_safe():
    connections = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.readuntil(b"\r\n\r\n")  # the next request arrives, and is dropped

    async with peer(once) as url, clients.Client() as client:
        for _ in range(3):
            response = await client.request("GET", f"{url}/")
            assert await response.read() == b"ok"
        assert connections == 3
        with pytest.raises(errors.ConnectionLost):
            await client.request("POST", f"{url}/")
        response = await client.request("POST", f"{url}/", replay=True)
        assert await response.read() == b"ok"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
        b"SSH-2.0-OpenSSH\r\n",
    ],
)
async def test_a_bad_answer_is_a_protocol_error(answer):
    async def bad(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async with peer(bad) as url, clients.Client() as client:
        with pytest.raises(errors.ProtocolError):
            await client.request("GET", f"{url}/")


async def test_a_truncated_body_is_a_loss_and_an_open_ended_one_is_not():
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readuntil(b"\r\n\r\n")
        stated = b"Content-Length: 5\r\n" if b"/stated" in line else b""
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" + stated + b"\r\nabc")

    async with peer(cut) as url, clients.Client() as client:
        response = await client.request("GET", f"{url}/stated")
        with pytest.raises(errors.ConnectionLost):
            await response.read()
        response = await client.request("GET", f"{url}/open")
        assert await response.read() == b"abc"


async def test_unix_sockets_and_many_at_once(tmp_path):
    path = str(tmp_path / "s")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    server = await servers.serve(echo, [listening])
    async with clients.Client(clients.Limits(max_idle_per_host=3)) as client:

        async def one(number: int) -> bytes:
            response = await client.request(
                "POST", "http://localhost/x", body=b"%d" % number, unix_socket=path
            )
            return await response.read()

        answers = await asyncio.gather(*(one(n) for n in range(20)))
        assert answers == [b"%d" % n for n in range(20)]
        await waiting.until(lambda: client.open_connections <= 3)
    await server.close(0.1)


async def test_urls_are_refused_by_what_is_wrong():
    async with clients.Client() as client:
        for url in ("ftp://a/", "http:///x", "http://a/b c", "http://a/é", "https://a/"):
            with pytest.raises(ValueError, match="URL"):
                await client.request("GET", url)
        with pytest.raises(ValueError, match="line break"):
            await client.request("GET", "http://127.0.0.1:1/", headers=[("A", "b\r\nC: d")])


async def test_no_descriptor_is_leaked():
    async with running() as url:
        before = len(os.listdir("/proc/self/fd"))
        async with clients.Client() as client:
            for _ in range(5):
                with pytest.raises(errors.RequestTimeout):
                    await client.request("GET", f"{url}/sleep", timeout_seconds=0.01)
            for _ in range(5):
                await (await client.request("GET", f"{url}/stream")).aclose()
                await (await client.request("GET", f"{url}/")).read()
        await waiting.until(lambda: len(os.listdir("/proc/self/fd")) <= before)


async def test_tls_is_spoken_and_checked(tmp_path):
    contexts = make_contexts(tmp_path)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = await servers.serve(echo, [listening], ssl_context=contexts[0])
    async with clients.Client() as client:
        for _ in range(2):
            response = await client.request(
                "POST", f"https://127.0.0.1:{port}/", body=b"hi", ssl_context=contexts[1]
            )
            assert await response.read() == b"hi"
        assert client.open_connections == 1
        stranger = ssl.create_default_context()
        with pytest.raises(errors.ConnectError) as caught:
            await client.request("GET", f"https://127.0.0.1:{port}/", ssl_context=stranger)
        assert not caught.value.refused
    await server.close(0.5)


def make_contexts(tmp_path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a self-signed certificate, and a client's that trusts it."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "cert").write_bytes(pem)
    (tmp_path / "key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    return server, ssl.create_default_context(cadata=pem.decode())
