"""What a function's pod is asked to load, and what keeps a function from being loaded. Pure.

The same for a pod of a pool, whose fetcher is called, and for a pod of the function's own, which is
started with the request.
"""

from __future__ import annotations

from fission.api import (
    environment_defaults,
    environment_types,
    function_defaults,
    function_types,
    function_validation,
    package_lifecycle,
    package_types,
)
from fission.contracts import environment as runtime_wire
from fission.contracts import fetcher as wire
from fission.executor import errors, podparts
from fission.meta import objectmeta


def check_reach(function: function_types.Function) -> None:
    """Raise ForeignReference for a function that names what is another namespace's."""
    faults = function_validation.validate_reach(function)
    if faults:
        raise errors.ForeignReference("; ".join(map(str, faults)))


def check_shared(
    function: function_types.Function, environment: environment_types.Environment
) -> None:
    """Raise SpecializationFailed for what one function cannot have where functions share a pod."""
    if not environment_defaults.is_infinite(environment.spec):
        return
    spec = function.spec
    named = [
        f"spec.{field}"
        for field, is_given in (
            ("env", spec.env),
            ("envFrom", spec.env_from),
            ("secrets.mountPath", any(each.mount_path for each in spec.secrets)),
            ("configmaps.mountPath", any(each.mount_path for each in spec.config_maps)),
        )
        if is_given
    ]
    if named:
        raise errors.SpecializationFailed(
            f"{' and '.join(named)} of function {function.metadata.namespace}/"
            f"{function.metadata.name}: not in environment {environment.metadata.name}, whose "
            "allowedFunctionsPerContainer is infinite, as its functions share one process; leave "
            "them out, or use an environment of single functions",
            final=True,
        )


def check_loadable(package: package_types.Package) -> None:
    """Raise PackageNotReady for a package that holds nothing to load (yet)."""
    name = f"package {package.metadata.namespace}/{package.metadata.name}"
    if not package_lifecycle.is_loadable(package):
        status = package.status.build_status or package_types.PENDING
        log = package.status.build_log.strip()
        message = f"{name} cannot be loaded: its build status is {status!r}"
        raise errors.PackageNotReady(f"{message}\n{log[-2000:]}" if log else message)
    if package.spec.deployment.is_empty():
        raise errors.PackageNotReady(f"{name} has no deployment archive")


def make_request(
    function: function_types.Function,
    environment: environment_types.Environment,
    package: package_types.Package,
    storage_url: str,
) -> wire.FunctionSpecializeRequest:
    """What the fetcher is asked for. Pure."""
    metadata = function.metadata
    filename = environment_defaults.archive_filename(environment.spec, metadata.uid)
    shared = environment_defaults.is_infinite(environment.spec)
    return wire.FunctionSpecializeRequest(
        fetch=wire.FunctionFetchRequest(
            fetch_type=wire.FETCH_DEPLOYMENT,
            package=objectmeta.ObjectMeta(
                name=package.metadata.name,
                namespace=package.metadata.namespace,
                resource_version=package.metadata.resource_version,
            ),
            storagesvc_url=storage_url,
            filename=filename,
            secret_list=_in_namespace(function.spec.secrets, metadata.namespace),
            config_map_list=_in_namespace(function.spec.config_maps, metadata.namespace),
            keep_archive=environment.spec.keep_archive,
            archive=package.spec.deployment,
            function_uid=metadata.uid,
            package_resource_version=package.metadata.resource_version,
        ),
        load=runtime_wire.FunctionLoadRequest(
            file_path=f"{wire.USER_FUNCTION_DIR}/{filename}",
            function_name=function.spec.package.function_name,
            function_metadata=objectmeta.ObjectMeta(
                name=metadata.name,
                namespace=metadata.namespace,
                uid=metadata.uid,
                resource_version=metadata.resource_version,
                generation=metadata.generation,
                labels=metadata.labels,
                annotations=podparts.without_last_applied(metadata.annotations),
            ),
            env_version=environment_defaults.version(environment.spec),
            requests_per_pod=0 if shared else function_defaults.requests_per_pod(function.spec),
        ),
    )


def _in_namespace(
    references: list[function_types.MountedReference], namespace: str
) -> list[function_types.MountedReference]:
    return [
        function_types.MountedReference(
            namespace=each.namespace or namespace, name=each.name, mount_path=each.mount_path
        )
        for each in references
    ]
