"""A runtime's process: started beforehand, loaded once, called, ended.

It listens on a loopback port of its own from the start, so whoever calls it early waits. What it
prints goes to our stderr, but for what a failed load says, which is in the failure.
"""

import asyncio
import contextlib
import json
import pathlib
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fission.cli import context, errors
from fission.contracts import environment as wire
from fission.contracts import fetcher as fetcher_wire
from fission_http import client as clients
from fission_http import errors as http_errors

MODULE: Final = "fission.bundle.local"
LOAD_SECONDS: Final = 120.0
CALL_SECONDS: Final = 60.0
MAX_BODY_BYTES: Final = 64 << 20
HOLD_SECONDS: Final = 2.0
"""A load that takes longer is watched."""
_STOP_SECONDS: Final = 2.0
_ERROR: Final = "Error: "
FOLDERS: Final = (
    fetcher_wire.USER_FUNCTION_DIR,
    fetcher_wire.SECRETS_DIR,
    fetcher_wire.CONFIGS_DIR,
)


class LoadFailed(errors.CliError):
    """The runtime cannot load the code; the message is the runtime's."""

    reason = "LoadFailed"


@dataclass(frozen=True)
class Answer:
    """What the function answered."""

    status: int
    body: bytes


@dataclass
class _Output:
    """What the process prints, on its way to the person."""

    session: context.Session
    held: list[str] | None = field(default_factory=list)

    async def pump(self, source: asyncio.StreamReader) -> None:
        async for line in source:
            text = line.decode("utf-8", "replace").rstrip("\n")
            if self.held is None:
                self.session.out.note(text)
            else:
                self.held.append(text)

    def release(self) -> None:
        """Show what was kept, and from now on everything at once."""
        held, self.held = self.held or [], None
        if held and held[0].startswith(_ERROR):
            self.held = held  # it says itself why it ends
            return
        for text in held:
            self.session.out.note(text)


class Runtime:
    """One process of an image."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        root: pathlib.Path,
        port: int,
        output: _Output,
    ) -> None:
        self._process = process
        self.root = root
        self.port = port
        self._output = output
        assert process.stdout is not None
        self._pump = asyncio.ensure_future(output.pump(process.stdout))

    def folder(self, declared: str) -> pathlib.Path:
        """Where a declared path of the pod is."""
        return self.root / declared.lstrip("/")

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.returncode is None

    async def load(self, request: wire.FunctionLoadRequest) -> None:
        """Have it load what was put into its folders; raises LoadFailed."""
        path = wire.specialize_path(request.env_version)
        body = wire.encode_load(request) if path == wire.SPECIALIZE_V2 else b""
        release = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._output.release)
        try:
            answer = await self.call("POST", path, [], body, LOAD_SECONDS)
        except http_errors.HttpError as error:
            raise await self._ended(error) from error
        finally:
            release.cancel()
        if answer.status >= 300:
            self._output.held = []
            text = answer.body.decode("utf-8", "replace").strip()
            raise LoadFailed(text.replace(str(self.root), ""))
        self._output.release()

    async def call(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeout_seconds: float = CALL_SECONDS,
    ) -> Answer:
        """Call it; raises errors of ``fission_http``."""
        async with clients.Client() as client:
            url = f"http://127.0.0.1:{self.port}{target}"
            answer = await client.request(
                method, url, headers, body, timeout_seconds=timeout_seconds, replay=False
            )
            return Answer(answer.status, await answer.read(MAX_BODY_BYTES))

    async def stop(self) -> None:
        """End it, and remove its folders."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._pump
        await asyncio.to_thread(shutil.rmtree, self.root, ignore_errors=True)

    async def _ended(self, error: Exception) -> errors.CliError:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
                await self._pump
        said = "\n".join(self._output.held or [])
        self._output.held = []
        if said.startswith(_ERROR):
            what, _, rest = said.removeprefix(_ERROR).partition("\n")
            why, _, remedy = rest.partition("\n")
            return errors.CliError(what, why, remedy)
        return LoadFailed(said or f"the runtime ended: {error}")


async def start(
    session: context.Session, image: str, debug_port: int, files: Mapping[str, bytes]
) -> Runtime:
    """Start an image's runtime; ``files``: declared path → content."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="fission-local-"))
    for declared in FOLDERS:
        (root / declared.lstrip("/")).mkdir(parents=True)
    for declared, content in files.items():
        path = root / declared.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o600)
    paths = {declared: str(root / declared.lstrip("/")) for declared in FOLDERS}
    env = {**session.env, "POD_VOLUME_PATHS": json.dumps(paths)}
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        descriptor = listener.fileno()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", MODULE, "runtime", "--image", image),
            *("--socket", str(descriptor), "--debug-port", str(debug_port)),
            env=env,
            cwd=session.cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            pass_fds=(descriptor,),
            start_new_session=True,
        )
        port = listener.getsockname()[1]
    return Runtime(process, root, port, _Output(session))
