"""A new function's archive is unpacked before its first call, and no pod is claimed for that."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from pathlib import Path

from fission.api import resources
from tests.integration.executor import world
from tests.support import waiting


def packed(content: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("main.py", content)
    return sink.getvalue()


async def deploy(here: world.World, archive: bytes) -> None:
    literal = {"type": "literal", "literal": base64.b64encode(archive).decode()}
    patch = {"spec": {"deployment": literal}}
    await here.kube.patch(resources.PACKAGES, "hello-pkg", patch, "default")


def is_unpacked(folder: Path, archive: bytes) -> bool:
    return bool(list(folder.rglob(hashlib.sha256(archive).hexdigest() + "/content/main.py")))


async def test_archives_are_unpacked_when_functions_come_and_change(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()  # whose pool has no pod yet
        await here.create_function(code="one file needs nothing")
        for archive in (packed("1"), packed("2")):
            await deploy(here, archive)
            await waiting.until(
                lambda archive=archive: is_unpacked(tmp_path, archive), seconds=15.0
            )
        pods = await here.list_pods()
        assert all(pod["metadata"]["labels"]["managed"] == "true" for pod in pods)
        await here.ready_pods(2)
