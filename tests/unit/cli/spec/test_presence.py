"""What is asked of the platform to see what is there: lists, and as few as possible."""

import asyncio

import pytest

from fission.cli.spec import planning, presence
from fission.meta import status


class Backend:
    """Answers lists; remembers what was asked for."""

    def __init__(self, *, may_look_everywhere=True):
        self.asked = []
        self._may = may_look_everywhere

    async def list(self, resource, namespace):
        self.asked.append((resource.kind, namespace))
        if namespace is None and not self._may:
            raise status.Forbidden("only in your namespaces")
        metadata = {"name": resource.kind.lower(), "namespace": namespace or "everywhere"}
        return [{"metadata": metadata, "spec": {}}]


def look(backend, *keys, **options):
    found = asyncio.run(presence.look(backend, [planning.Key(*key) for key in keys], **options))
    return sorted(map(str, found)), sorted(backend.asked, key=str)


def test_only_kinds_and_namespaces_that_are_wanted_are_listed():
    backend = Backend()
    found, asked = look(backend, ("TimeTrigger", "a", "x"), ("TimeTrigger", "b", "y"))
    assert asked == [("TimeTrigger", "a"), ("TimeTrigger", "b")]
    assert found == ["TimeTrigger a/timetrigger", "TimeTrigger b/timetrigger"]


def test_functions_need_packages_and_routes_need_canaries():
    _, asked = look(Backend(), ("Function", "a", "x"), ("HTTPTrigger", "a", "y"))
    assert {kind for kind, _ in asked} == {"Function", "Package", "HTTPTrigger", "CanaryConfig"}


def test_everything_is_one_list_per_kind():
    _, asked = look(Backend(), ("Function", "a", "x"), everything=True)
    assert asked == sorted([(kind, None) for kind in planning.KINDS], key=str)


def test_who_may_not_look_everywhere_sees_the_namespaces_of_the_specs():
    backend = Backend(may_look_everywhere=False)
    found, _ = look(backend, ("Function", "a", "x"), everything=True)
    assert "Function a/function" in found
    with pytest.raises(status.Forbidden):
        look(Backend(may_look_everywhere=False), everything=True)
