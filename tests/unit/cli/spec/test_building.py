import asyncio
import io

import pytest

from fission.cli import context, errors
from fission.cli.spec import building, planning
from fission.meta import status

CONTENT = {"type": "literal", "literal": "aGVsbG8="}


def a_package(name, state, log=""):
    return {
        "apiVersion": "fission.io/v1",
        "kind": "Package",
        "metadata": {"name": name, "namespace": "default", "generation": 1},
        "spec": {"environment": {"name": "python"}, "source": CONTENT},
        "status": {"buildstatus": state, "buildlog": log},
    }


class Builds:
    """Packages that are being built until their turn comes."""

    namespace = "default"

    def __init__(self, **ends):
        self.ends = {name: (asyncio.Event(), *end) for name, end in ends.items()}

    async def get(self, resource, name, namespace):
        if name not in self.ends:
            raise status.not_found(resource, name)
        over, state, log = self.ends[name]
        return a_package(name, state if over.is_set() else "running", log if over.is_set() else "")

    async def changes(self, resource, name, namespace):
        yield await self.get(resource, name, namespace)
        await self.ends[name][0].wait()
        yield await self.get(resource, name, namespace)


class Session(context.Session):
    backend = Builds()
    namespace = "default"


async def test_builds_are_shown_whole_in_the_order_in_which_they_end():
    out = io.StringIO()
    session = Session({}, out, io.StringIO())
    session.backend = Builds(
        slow=("succeeded", "slow 1\nslow 2\n"),
        quick=("succeeded", "quick\n"),
        bad=("failed", "no compiler\n"),
    )
    keys = [planning.Key("Package", "default", name) for name in ("slow", "quick", "bad", "gone")]
    over, turns = [], {key.name: asyncio.Event() for key in keys}

    def note(key):
        over.append(key.name)
        turns[key.name].set()

    waiting = asyncio.ensure_future(building.wait(session, keys, note))
    for name in ("bad", "quick", "slow"):
        session.backend.ends[name][0].set()
        await turns[name].wait()
    with pytest.raises(errors.BuildFailed) as caught:
        await waiting

    assert [name for name in over if name != "gone"] == ["bad", "quick", "slow"]
    lines = out.getvalue().splitlines()
    assert lines.index("quick") < lines.index("slow 1") == lines.index("slow 2") - 1
    assert "package 'gone' was deleted" in str(caught.value)
    assert "the build of package 'bad' failed:\n  no compiler" in str(caught.value)
