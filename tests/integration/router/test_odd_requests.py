"""Requests that nobody writes but that are right, in pieces of any size: another's parser on both
ends (h11) sees what was meant."""

import asyncio
import dataclasses
import json

import h11
import hypothesis
from hypothesis import strategies as st

from tests.support import rawpeer, routing

TOKEN = "!#$%&'*+-.^`|~0123456789ABCXYZabcxyz"
NAMES = st.text(TOKEN, min_size=1, max_size=12).map("X-".__add__)
VALUES = st.text("\t !\"#$%&'()*+,-./0aZ:;<=>?@[]^`{|}~", max_size=20).map(str.strip)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE", "M-SEARCH"])
PATHS = st.text("abc/.;=:@!$&'()*+,-_~%41[]", max_size=15).map(
    lambda text: "/f/" + text.replace("%", "%25")
)
QUERIES = st.text("ab=&?/%20+[]{}|^`\\", max_size=10)
CHUNKS = st.lists(st.binary(min_size=1, max_size=40), max_size=4)


@dataclasses.dataclass(frozen=True)
class Sent:
    """One request as it was meant, and as it is framed."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    chunks: tuple[bytes, ...]
    chunked: bool
    extension: str
    trailers: tuple[tuple[str, str], ...]
    answer: str

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def data(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1", "host:fuzz", f"X-Answer: {self.answer}"]
        lines += [f"{name}:{value}" for name, value in self.headers]
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
            framed = b"".join(
                b"%X%b\r\n%b\r\n" % (len(each), self.extension.encode(), each)
                for each in self.chunks
            )
            trailers = "".join(f"{name}: {value}\r\n" for name, value in self.trailers)
            framed += b"000\r\n" + trailers.encode() + b"\r\n"
        else:
            framed = self.body
            if framed:
                lines.append(f"CONTENT-LENGTH: {len(framed)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + framed


REQUESTS = st.builds(
    Sent,
    METHODS,
    st.builds(lambda path, query: f"{path}?{query}" if query else path, PATHS, QUERIES),
    st.lists(st.tuples(NAMES, VALUES), max_size=4).map(tuple),
    CHUNKS.map(tuple),
    st.booleans(),
    st.sampled_from(["", ";a", ";a=b", ';a="x y";c']),
    st.lists(st.tuples(NAMES, VALUES), max_size=2).map(tuple),
    st.sampled_from(["length", "chunked", "close"]),
)


async def origin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Tells what it saw, framed as the request wishes."""
    parser = h11.Connection(h11.SERVER)
    while True:
        request, body = await receive(parser, reader)
        if request is None:
            return
        seen = {
            "method": request.method.decode(),
            "target": request.target.decode(),
            "headers": [[name.decode(), value.decode()] for name, value in request.headers],
            "body": body.hex(),
        }
        content = json.dumps(seen).encode()
        wish = dict(request.headers)[b"x-answer"]
        framing = {b"length": [("Content-Length", str(len(content)))], b"close": []}.get(
            wish, [("Transfer-Encoding", "chunked")]
        )
        if wish == b"close":
            framing = [("Connection", "close")]
        parts = [h11.Response(status_code=200, headers=framing), h11.Data(content)]
        for part in (*parts, h11.EndOfMessage()):
            writer.write(parser.send(part) or b"")
        if parser.our_state is not h11.DONE:
            return
        parser.start_next_cycle()


async def receive(
    parser: h11.Connection, reader: asyncio.StreamReader
) -> tuple[h11.Request | h11.Response | None, bytes]:
    """The next message and its body; None at the end."""
    head, body = None, b""
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            parser.receive_data(await asyncio.wait_for(reader.read(65536), 10))
        elif isinstance(event, h11.Request | h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return head, body
        else:
            return None, b""


async def exchange(port: int, requests: list[Sent], cuts: list[int]) -> list[bytes]:
    """Send requests behind each other in pieces; the bodies of their answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = b"".join(each.data() for each in requests)

    async def send() -> None:
        at = 0
        for cut in cuts:
            writer.write(data[at : at + cut])
            at += cut
            await asyncio.sleep(0)
        writer.write(data[at:])

    sending = asyncio.create_task(send())
    bodies = []
    parser = h11.Connection(h11.CLIENT)
    for request in requests:
        parser.send(h11.Request(method=request.method, target="/", headers=[("Host", "a")]))
        parser.send(h11.EndOfMessage())
        answer, body = await receive(parser, reader)
        assert answer is not None, request
        assert answer.status_code == 200, (answer, body)
        bodies.append(body)
        parser.start_next_cycle()
    await sending
    writer.close()
    return bodies


def test_what_is_meant_arrives():
    loop = asyncio.new_event_loop()

    async def serve(ready: asyncio.Future[int], over: asyncio.Event) -> None:
        async with rawpeer.raw_peer(origin) as address, routing.a_router() as routed:
            methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE", "M-SEARCH"]
            routed.add(
                routing.a_function(requestsPerPod=10),
                routing.a_trigger("t", prefix="/f", keepPrefix=True, methods=methods),
                routing.a_slice("s", [address]),
            )
            ready.set_result(int(routed.public.rpartition(":")[2]))
            await over.wait()

    ready: asyncio.Future[int] = loop.create_future()
    over = asyncio.Event()
    serving = loop.create_task(serve(ready, over))
    port = loop.run_until_complete(ready)

    @hypothesis.settings(max_examples=120, deadline=None)
    @hypothesis.given(
        st.lists(REQUESTS, min_size=1, max_size=4), st.lists(st.integers(1, 60), max_size=12)
    )
    def check(requests: list[Sent], cuts: list[int]) -> None:
        answers = loop.run_until_complete(exchange(port, requests, cuts))
        for request, answer in zip(requests, answers, strict=True):
            seen = json.loads(answer)
            assert (seen["method"], seen["target"]) == (request.method, request.target)
            assert bytes.fromhex(seen["body"]) == request.body
            for name, value in request.headers:
                assert [name.lower(), value] in seen["headers"]

    try:
        check()
    finally:
        over.set()
        loop.run_until_complete(serving)
        loop.close()
