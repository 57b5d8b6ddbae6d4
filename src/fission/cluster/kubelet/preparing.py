"""Fills the folder of an image whose programs are made on this machine: compiled, indexed, dumped.

`prepare` of the manifest runs once for each content of the image's folder, as the kubelet's user
and outside any sandbox (it is as trusted as the image itself), with `IMAGE_CACHE` naming an empty
folder. The folder takes its final name when the command succeeded, so that a half-filled one is
never used; what earlier contents left is removed then.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import tempfile
from pathlib import Path

from fission.base import singleflight
from fission.cluster.kubelet import errors, images

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 120.0
"""A compiler and a first start of a language's virtual machine take some seconds; ten times that
is a hang."""
TAIL_CHARACTERS = 1500
"""How much of a failed command's output a pod's status shows."""
CACHE_VARIABLE = "IMAGE_CACHE"


class Preparer:
    """Prepares images, each once however many containers wait for it."""

    def __init__(self, logs: Path, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._logs = logs
        self._timeout_seconds = timeout_seconds
        self._flights: singleflight.SingleFlight[str, None] = singleflight.SingleFlight()

    def is_ready(self, image: images.Image) -> bool:
        return not image.prepare or os.path.isdir(image.cache)

    async def ready(self, image: images.Image) -> None:
        """Return when the image's folder is filled; PrepareFailed has the output's end."""
        if not self.is_ready(image):
            await self._flights.do(image.cache, lambda: self._prepare(image))

    async def _prepare(self, image: images.Image) -> None:
        final = Path(image.cache)
        final.parent.mkdir(parents=True, exist_ok=True)
        _remove_others(final)
        folder = Path(tempfile.mkdtemp(prefix=".filling-", dir=final.parent))
        try:
            await self._run(image, folder)
            os.chmod(folder, 0o755)
            os.rename(folder, final)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        log.info("prepared image", extra={"image": image.name, "folder": str(final)})

    async def _run(self, image: images.Image, folder: Path) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        path = self._logs / f"{image.name}.log"
        with path.open("wb") as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    *image.prepare,
                    cwd=image.root,
                    env=_environment(image, folder),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            except OSError as error:
                raise errors.PrepareFailed(f"image {image.name}: {error}") from error
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    code = await process.wait()
            except TimeoutError as error:
                text = f"took more than {self._timeout_seconds:g} s"
                raise errors.PrepareFailed(_failure(image, text, path)) from error
            finally:
                if process.returncode is None:
                    # The session of its own has the command's pid: whatever it started goes, too.
                    os.killpg(process.pid, 9)
                    await process.wait()
        if code != 0:
            raise errors.PrepareFailed(_failure(image, f"ended with {code}", path))


def _failure(image: images.Image, what: str, path: Path) -> str:
    tail = path.read_text(errors="replace")[-TAIL_CHARACTERS:].strip()
    return f"preparing image {image.name} on this machine {what} (all output: {path}): {tail}"


def _environment(image: images.Image, folder: Path) -> dict[str, str]:
    """The image's variables, but the search path of this machine: that is where `needs` looked."""
    path = os.environ.get("PATH", os.defpath)
    return {**os.environ, **image.env, "PATH": path, CACHE_VARIABLE: str(folder)}


def _remove_others(final: Path) -> None:
    for path in final.parent.iterdir():
        if path != final:
            shutil.rmtree(path, ignore_errors=True)
