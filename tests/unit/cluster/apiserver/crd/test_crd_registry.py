"""The life of a definition: accepted, established, served, in conflict, deleted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from fission.base import clock
from fission.cluster.apiserver.crd import definition, registry
from fission.meta import conditions, gvk

GADGETS = gvk.Resource("demo.example.com", "v1", "Gadget", "gadgets")


def a_definition(plural: str = "gadgets", kind: str = "Gadget", **version: Any) -> dict[str, Any]:
    return definition.prepare(
        {
            "metadata": {"name": f"{plural}.demo.example.com", "uid": plural},
            "spec": {
                "group": "demo.example.com",
                "scope": "Namespaced",
                "names": {"plural": plural, "kind": kind, "shortNames": ["g"]},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": {"type": "object"}},
                        "subresources": {"status": {}},
                    }
                    | version
                ],
            },
        },
        None,
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 (many conditions, one helper)
            await asyncio.sleep(0)


@pytest.fixture
async def running(objects: Any) -> AsyncIterator[registry.Registry]:
    subject = registry.Registry(clock.ManualClock())
    task = asyncio.create_task(subject.run(objects))
    yield subject
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def condition_of(objects: Any, name: str, type_: str) -> dict[str, Any]:
    crd = objects.get(gvk.CRDS, "", f"{name}.demo.example.com")
    return conditions.get((crd["status"]["conditions"] or []), type_) or {}


async def test_a_definition_is_established_and_served(
    running: registry.Registry, objects: Any
) -> None:
    generation = running.generation
    objects.put(gvk.CRDS, a_definition())
    await until(lambda: running.get("demo.example.com", "v1", "gadgets") is not None)

    crd = objects.get(gvk.CRDS, "", "gadgets.demo.example.com")
    assert crd["status"]["conditions"] == [
        {
            "type": "NamesAccepted",
            "status": "True",
            "reason": "NoConflicts",
            "message": "no conflicts found",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        },
        {
            "type": "Established",
            "status": "True",
            "reason": "InitialNamesAccepted",
            "message": "the initial names have been accepted",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        },
    ]
    assert crd["status"]["acceptedNames"]["listKind"] == "GadgetList"
    served = running.served()
    assert [resource.resource.plural for resource in served] == ["gadgets"]
    assert served[0].resource.subresources == ("status",)
    assert running.generation > generation


async def test_names_that_are_taken_are_not_accepted_until_they_are_free(
    running: registry.Registry, objects: Any
) -> None:
    objects.put(gvk.CRDS, a_definition())
    await until(lambda: bool(running.served()))
    objects.put(gvk.CRDS, a_definition(plural="gizmos", kind="Gadget"))
    await until(lambda: bool(condition_of(objects, "gizmos", "NamesAccepted")))

    assert condition_of(objects, "gizmos", "NamesAccepted")["status"] == "False"
    assert condition_of(objects, "gizmos", "NamesAccepted")["reason"] == "SingularConflict"
    assert condition_of(objects, "gizmos", "Established")["reason"] == "NotAccepted"
    assert running.get("demo.example.com", "v1", "gizmos") is None

    await objects.delete(gvk.CRDS, "", "gadgets.demo.example.com")
    await until(
        lambda: (
            objects.get(gvk.CRDS, "", "gadgets.demo.example.com") is None
            or bool(
                not objects.get(gvk.CRDS, "", "gadgets.demo.example.com")["metadata"]["finalizers"]
            )
        )
    )
    await objects.delete(gvk.CRDS, "", "gadgets.demo.example.com")
    await until(lambda: running.get("demo.example.com", "v1", "gizmos") is not None)


async def test_a_deletion_takes_the_objects_first(running: registry.Registry, objects: Any) -> None:
    objects.put(gvk.CRDS, a_definition())
    await until(lambda: bool(running.served()))
    objects.put(GADGETS, {"metadata": {"name": "a", "namespace": "x"}})

    await objects.delete(gvk.CRDS, "", "gadgets.demo.example.com")
    await until(
        lambda: not objects.get(gvk.CRDS, "", "gadgets.demo.example.com")["metadata"]["finalizers"]
    )

    assert list(objects.list(GADGETS)) == []
    assert condition_of(objects, "gadgets", "Terminating")["reason"] == "InstanceDeletionInProgress"


async def test_a_changed_schema_is_served_and_a_changed_status_compiles_nothing(
    running: registry.Registry, objects: Any
) -> None:
    objects.put(gvk.CRDS, a_definition())
    await until(lambda: bool(running.served()))
    first, generation = running.served()[0], running.generation
    crd = objects.get(gvk.CRDS, "", "gadgets.demo.example.com")

    objects.put(gvk.CRDS, crd | {"metadata": crd["metadata"] | {"labels": {"a": "b"}}})
    assert running.served()[0] is first

    changed = a_definition(selectableFields=[{"jsonPath": ".spec.color"}])
    objects.put(gvk.CRDS, crd | {"spec": changed["spec"]})
    assert running.served()[0].selectable_fields == (".spec.color",)
    assert running.generation > generation


async def test_load_serves_what_an_earlier_life_established(objects: Any) -> None:
    crd = a_definition()
    crd["status"]["conditions"] = [{"type": "Established", "status": "True"}]
    objects.put(gvk.CRDS, crd)
    subject = registry.Registry(clock.ManualClock())

    subject.load(objects)

    assert subject.get("demo.example.com", "v1", "gadgets") is not None


async def test_a_deprecated_version_warns_and_names_a_better_one(objects: Any) -> None:
    crd = a_definition()
    old = crd["spec"]["versions"][0] | {"name": "v1beta1", "storage": False, "deprecated": True}
    crd["spec"]["versions"].insert(0, old)
    crd["status"]["conditions"] = [{"type": "Established", "status": "True"}]
    objects.put(gvk.CRDS, crd)
    subject = registry.Registry(clock.ManualClock())
    subject.load(objects)

    assert [(r.resource.version, r.warning) for r in subject.served()] == [
        ("v1", ""),
        (
            "v1beta1",
            "demo.example.com/v1beta1 Gadget is deprecated; use demo.example.com/v1 Gadget",
        ),
    ]
