"""``fission function describe``."""

from typing import Any

from fission.api import (
    function_defaults,
    function_types,
    objects,
    package_lifecycle,
    package_types,
    resources,
)
from fission.cli import command as commands
from fission.cli import context, lookups, options, output, views
from fission.cli.function import getmeta
from fission.cli.package import build as package_build
from fission.cli.package import list as package_list
from fission.meta import conditions


@commands.command("Show all that is known of a function: package, conditions, pods.")
@options.name("Name of the function")
async def command(session: context.Session, name: str) -> None:
    """Show it."""
    raw = await lookups.get(session, resources.FUNCTIONS, name)
    function = objects.decode(function_types.Function, raw)
    package_name = package_build.package_of(raw)
    package = None
    if package_name:
        package = await lookups.find(session, resources.PACKAGES, package_name)
    pods = [
        pod for pod in await session.backend.function_pods(raw) if not views.is_terminating(pod)
    ]
    rows = [
        ("Name:", name),
        ("Namespace:", lookups.namespace_of(raw)),
        ("Environment:", function.spec.environment.name or output.NONE),
        ("Executor:", function_defaults.executor_type(function.spec)),
        ("Package:", package_name or output.NONE),
        ("Invocable:", describe_invocable(raw, package, pods)),
        ("Created:", f"{views.age(session, raw)} ago"),
        ("Labels:", getmeta.format_map(raw["metadata"].get("labels"))),
    ]
    session.out.table(rows[0], rows[1:])
    views.show_conditions(session, raw)
    if package is not None:
        _show_package(session, package)
    _show_pods(session, pods)
    session.out.line("\nVERSIONING:")
    session.out.line(f"Mode: {getmeta.format_versioning(raw['spec'].get('versioning'))}")


def describe_invocable(
    function: dict[str, Any], package: dict[str, Any] | None, pods: list[dict[str, Any]]
) -> str:
    """Whether a call would be answered, and how fast."""
    if package is None and package_build.package_of(function):
        return "No - its package does not exist"
    if package is not None and not package_lifecycle.is_loadable(
        objects.decode(package_types.Package, package)
    ):
        return f"No - the build of its package is {package_list.build_status(package)}"
    ready = conditions.get((function.get("status") or {}).get("conditions"), "Ready")
    if ready is not None and ready.get("status") == "False":
        return f"No - function not Ready: {ready.get('message', '')}"
    warm = [pod for pod in pods if views.is_serving(pod)]
    if not warm:
        return "Yes (cold start on first call)"
    return f"Yes ({len(warm)} of {len(pods)} warm pod(s) serving)"


def _show_package(session: context.Session, package: dict[str, Any]) -> None:
    session.out.line("\nPACKAGE:")
    state = package_list.build_status(package)
    session.out.table(("NAME", "BUILD_STATUS"), [(lookups.name_of(package), state)])
    log = (package.get("status") or {}).get("buildlog")
    if state == package_types.FAILED and log:
        session.out.line(log.rstrip("\n"))


def _show_pods(session: context.Session, pods: list[dict[str, Any]]) -> None:
    session.out.line("\nPODS:")
    if pods:
        session.out.table(views.POD_HEADER, sorted(views.pod_row(pod) for pod in pods))
    else:
        session.out.line(output.NONE)
