"""Valid objects with overrides."""

from __future__ import annotations

from typing import Any

from fission.api import environment_types, package_types, reference_types
from fission.buildermgr import builders, resources
from fission.contracts import fetcherpod
from fission.meta import objectmeta

OPTIONS = resources.Options(fetcher=fetcherpod.Options(image="fission/fetcher", signed=True))
TARGET = builders.Target(
    namespace="default",
    pod="python-42-x",
    fetcher_url="http://127.1.0.1:8000",
    builder_url="http://127.1.0.1:8001",
    image_id="fission/python-builder@sha256:1",
    build_timeout_seconds=900,
)


def an_environment(name: str = "python", **spec: Any) -> environment_types.Environment:
    builder = spec.pop("builder", environment_types.Builder(image="fission/python-builder"))
    metadata = objectmeta.ObjectMeta(
        name=name,
        namespace=spec.pop("namespace", "default"),
        uid=spec.pop("uid", "env-1"),
        resource_version=spec.pop("resource_version", "42"),
        generation=spec.pop("generation", 1),
    )
    made = environment_types.EnvironmentSpec(
        version=spec.pop("version", 3),
        runtime=environment_types.Runtime(image="fission/python-env"),
        builder=builder,
        **spec,
    )
    return environment_types.Environment(metadata=metadata, spec=made)


def a_package(source: bytes = b"zip", **more: Any) -> package_types.Package:
    """A package with a source; ``deployment``, ``command``, ``state`` and annotations by name."""
    spec = package_types.PackageSpec(
        environment=reference_types.EnvironmentReference(namespace="default", name="python"),
        build_command=more.pop("command", ""),
    )
    if source:
        spec.source = package_types.Archive(type="literal", literal=source)
    if more.pop("deployment", False):
        spec.deployment = package_types.Archive(
            type="url",
            url="http://storagesvc.fission/v1/archive?id=1",
            checksum=package_types.Checksum(type="sha256", sum="1" * 64),
        )
    package = package_types.Package(spec=spec)
    package.metadata = objectmeta.ObjectMeta(
        name="hello",
        namespace="default",
        uid="pkg-1",
        resource_version=more.pop("resource_version", "100"),
        generation=1,
        annotations=more.pop("annotations", {}),
    )
    package.status.build_status = more.pop("state", "")
    package.status.content_hash = more.pop("content_hash", "")
    assert not more, more
    return package
