"""One address that stays, in front of runtimes that come and go."""

import asyncio
import contextlib

from fission.cli import errors

CHUNK_BYTES = 64 * 1024


class Relay:
    """Passes connections to the present runtime, bytes as they are."""

    def __init__(self, port: int) -> None:
        self.port = port
        """Where callers come; 0 until one is found."""
        self.target = 0
        """Port of the present runtime."""
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        try:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        except OSError as error:
            raise errors.CliError(
                f"port {self.port} of 127.0.0.1 cannot be listened on: {error.strerror}",
                "",
                "choose another with --port, or leave it out for a free one",
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        ways = {
            asyncio.ensure_future(_pass(reader, onward[1])),
            asyncio.ensure_future(_pass(onward[0], writer)),
        }
        try:
            await asyncio.wait(ways)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for each in (writer, onward[1]):
                each.close()


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await source.read(CHUNK_BYTES):
            sink.write(chunk)
            await sink.drain()
        sink.write_eof()
