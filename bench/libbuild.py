"""Builds of Python packages on a platform of a scenario's own, by command and by API.

Not a scenario: shared by those that measure builds.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import pathlib
import sys
import zipfile
from typing import Any

import libplatform

REPOSITORY = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "src"))

from fission.api import resources  # noqa: E402
from fission.kube import client as kube_client  # noqa: E402
from fission.kube import config  # noqa: E402

NAMESPACE = "default"
DEADLINE_SECONDS = 120.0
REQUIREMENTS = "click\nidna\n"
"""Two small packages without dependencies of their own."""


def files(number: int) -> dict[str, str]:
    """A function with two dependencies; another number is another source."""
    main = f"import click\nimport idna\n\n\ndef main():\n    return 'source {number}'\n"
    return {"main.py": main, "requirements.txt": REQUIREMENTS}


def write(folder: pathlib.Path, number: int) -> pathlib.Path:
    """Write that source into a folder."""
    folder.mkdir(parents=True)
    for name, text in files(number).items():
        (folder / name).write_text(text)
    return folder


def make_environment(platform: libplatform.Platform) -> None:
    """The environment `python` with a builder that is ready, its downloads in the cache."""
    builder = ("--builder", "fission/python-builder")
    platform.make_environment(1, "python", "fission/python-env", *builder)


def by_command(platform: libplatform.Platform, name: str, source: pathlib.Path) -> str:
    """Build by `fission pkg create`; returns what it prints."""
    words = ("--name", name, "--env", "python", "--src", str(source), "--follow")
    return platform.fission("pkg", "create", *words)


async def by_api(platform: libplatform.Platform, name: str, number: int) -> float:
    """Create a Package and wait until it is built; returns seconds."""
    credentials = config.load({"KUBECONFIG": str(platform.home / "kubeconfig")})
    package = {
        "apiVersion": "fission.io/v1",
        "kind": "Package",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "environment": {"name": "python", "namespace": NAMESPACE},
            "source": {"type": "literal", "literal": base64.b64encode(_zip(number)).decode()},
        },
    }
    loop = asyncio.get_running_loop()
    async with kube_client.Client(credentials) as client, asyncio.timeout(DEADLINE_SECONDS):
        await client.list(resources.PACKAGES, NAMESPACE)  # the connection is there
        started = loop.time()
        made = await client.create(resources.PACKAGES, package, NAMESPACE)
        version = made["metadata"]["resourceVersion"]
        watching = client.watch(resources.PACKAGES, NAMESPACE, resource_version=version)
        async with contextlib.aclosing(watching):
            async for event in watching:
                if event.object["metadata"].get("name") == name and _is_built(event.object):
                    return loop.time() - started
    raise RuntimeError(f"the watch ended before {name} was built")


def _is_built(package: dict[str, Any]) -> bool:
    status = package.get("status") or {}
    if status.get("buildstatus") == "failed":
        raise RuntimeError(f"the build failed: {status.get('buildlog')}")
    return status.get("buildstatus") == "succeeded"


def _zip(number: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files(number).items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return content.getvalue()
