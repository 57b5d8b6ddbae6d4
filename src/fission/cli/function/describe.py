"""``fission function describe``."""

import asyncio
from typing import Any, Final

from fission.api import function_defaults, function_types, objects, package_types, resources
from fission.cli import command as commands
from fission.cli import context, lookups, options, output, views
from fission.cli.function import diagnosis, getmeta
from fission.cli.package import build as package_build
from fission.cli.package import list as package_list

_PROBLEM_HEADER: Final = ("POD", "CONTAINER", "RESTARTS", "REASON", "MESSAGE")


@commands.command(
    "Show all that is known of a function: why it can or cannot be called, its package, its pods\n"
    "and what keeps them from starting, how long its last cold starts took by step, events.\n\n"
    "  fission fn describe --name hello"
)
@options.name("Name of the function")
@options.output
async def command(session: context.Session, name: str, **flags: Any) -> None:
    """Show it."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    raw = await lookups.get(session, resources.FUNCTIONS, name)
    if chosen == "name":
        views.show_document(session, raw, chosen)
        return
    facts = await gather(session, raw)
    if chosen in ("json", "yaml"):
        session.out.document(document(facts), chosen)
        return
    spec = objects.decode(function_types.Function, raw).spec
    rows = [
        ("Name:", name),
        ("Namespace:", lookups.namespace_of(raw)),
        *_code_rows(spec, package_build.package_of(raw)),
        ("Capacity:", format_capacity(spec)),
        *_provisioned_rows(spec, raw.get("status") or {}),
        ("Invocable:", diagnosis.invocable(facts)),
        ("Created:", f"{views.age(session, raw)} ago"),
        ("Labels:", getmeta.format_map(raw["metadata"].get("labels"))),
    ]
    session.out.table(rows[0], rows[1:])
    views.show_conditions(session, raw, is_whole=False)
    failure = diagnosis.long_failure(facts)
    if failure:
        session.out.line(f"\nLAST FAILURE:\n{failure}")
    if facts.package is not None:
        _show_package(session, facts.package)
    _show_pods(session, facts)
    _show_starts(session, facts)
    _show_events(session, facts)
    session.out.line("\nVERSIONING:")
    session.out.line(f"Mode: {getmeta.format_versioning(raw['spec'].get('versioning'))}")


async def gather(session: context.Session, function: dict[str, Any]) -> diagnosis.Facts:
    """Everything that the description tells, read at once."""
    environment_name = (function["spec"].get("environment") or {}).get("name")
    package_name = package_build.package_of(function)

    async def find(resource: Any, name: str | None) -> dict[str, Any] | None:
        return await lookups.find(session, resource, name) if name else None

    package, environment, pods, around = await asyncio.gather(
        find(resources.PACKAGES, package_name),
        find(resources.ENVIRONMENTS, environment_name),
        session.backend.function_pods(function),
        session.backend.surroundings(function),
    )
    pool: list[dict[str, Any]] = []
    spec = objects.decode(function_types.Function, function).spec
    if environment is not None and function_defaults.executor_type(spec) == function_types.POOLMGR:
        found = await session.backend.environment_pods(environment, function_types.POOLMGR)
        pool = [pod for pod in found if views.is_generic(pod)]
    return diagnosis.Facts(
        function,
        package,
        environment,
        tuple(pod for pod in pods if not views.is_terminating(pod)),
        tuple(pod for pod in pool if not views.is_terminating(pod)),
        tuple(around.deployments) if around else (),
        tuple(around.events) if around else None,
    )


def document(facts: diagnosis.Facts) -> dict[str, Any]:
    """The same for programs: what it says of the function, and the objects that it says it of."""
    plain = views.without_managed_fields
    starts = ("at", "total", "steps", "where")
    return {
        "invocable": diagnosis.invocable(facts),
        "function": plain(facts.function),
        "package": facts.package and plain(facts.package),
        "environment": facts.environment and plain(facts.environment),
        "pods": plain(list(facts.pods)),
        "pool": plain(list(facts.pool)),
        "deployments": plain(list(facts.deployments)),
        "coldStarts": [
            dict(zip(starts, each, strict=True)) for each in diagnosis.cold_starts(facts)
        ],
        "events": plain(diagnosis.events(facts)),
    }


def format_capacity(spec: function_types.FunctionSpec) -> str:
    """How many pods it may have, what each serves at once, and when they go."""
    execution = spec.invoke_strategy.execution_strategy
    idle = f"idle ones go after {function_defaults.idle_timeout_seconds(spec)} s"
    if function_defaults.executor_type(spec) == function_types.POOLMGR:
        each = "one request in all" if spec.once_only else f"{_at_once(spec)} at once"
        kept = f", {spec.retain_pods} kept" if spec.retain_pods else ""
        return f"up to {function_defaults.concurrency(spec)} pods, {each} in each; {idle}{kept}"
    target = execution.target_cpu_percent
    text = f"{execution.min_scale} to {execution.max_scale} pods"
    if execution.max_scale > max(execution.min_scale, 1):
        text += f", scaled at {target or function_defaults.TARGET_CPU_PERCENT} % CPU"
        if execution.hpa_metrics:
            text = f"{execution.min_scale} to {execution.max_scale} pods, scaled by hpaMetrics"
    return f"{text}; {idle}" if execution.min_scale < execution.max_scale else text


def _provisioned_rows(
    spec: function_types.FunctionSpec, status: dict[str, Any]
) -> list[tuple[str, str]]:
    """Pods kept ahead of requests: how many there are, are aimed at, and by which windows."""
    wanted = spec.provisioned_concurrency
    if wanted is None:
        return []
    ready, aimed = status.get("provisionedReady", 0), status.get("provisionedTarget", 0)
    asked = status.get("provisionedSpecTarget", 0)
    text = f"{ready} of {aimed} pods" + (f", {asked} asked for" if asked > aimed else "")
    parts = [text, f"{wanted.target} outside of windows" if wanted.windows else ""]
    parts += [
        f"{one.name}: {one.target} for {one.duration} from {one.start}" for one in wanted.windows
    ]
    return [("Provisioned:", "; ".join(part for part in parts if part))]


def _at_once(spec: function_types.FunctionSpec) -> str:
    number = function_defaults.requests_per_pod(spec)
    return "1 request" if number == 1 else f"{number} requests"


def _code_rows(spec: function_types.FunctionSpec, package: str) -> list[tuple[str, str]]:
    executor = ("Executor:", function_defaults.executor_type(spec))
    if executor[1] != function_types.CONTAINER:
        return [
            ("Environment:", spec.environment.name or output.NONE),
            executor,
            ("Package:", package or output.NONE),
        ]
    container = ((spec.podspec or {}).get("containers") or [{}])[0]
    port = ((container.get("ports") or [{}])[0]).get("containerPort", output.NONE)
    return [("Image:", f"{container.get('image') or output.NONE}, port {port}"), executor]


def _show_package(session: context.Session, package: dict[str, Any]) -> None:
    session.out.line("\nPACKAGE:")
    state = package_list.build_status(package)
    session.out.table(("NAME", "BUILD_STATUS"), [(lookups.name_of(package), state)])
    log = (package.get("status") or {}).get("buildlog")
    if state == package_types.FAILED and log:
        session.out.line(log.rstrip("\n"))


def _show_pods(session: context.Session, facts: diagnosis.Facts) -> None:
    session.out.line("\nPODS:")
    if facts.pods:
        session.out.table(views.POD_HEADER, sorted(views.pod_row(pod) for pod in facts.pods))
    else:
        session.out.line(output.NONE)
    if facts.pool:
        ready = sum(views.is_ready(pod) for pod in facts.pool)
        session.out.line(f"Pool of the environment: {ready} of {len(facts.pool)} pod(s) ready")
    problems = diagnosis.troubles((*facts.pods, *facts.pool))
    if problems:
        session.out.line("\nPOD PROBLEMS:")
        session.out.table(_PROBLEM_HEADER, problems)


def _show_starts(session: context.Session, facts: diagnosis.Facts) -> None:
    starts = diagnosis.cold_starts(facts)
    if not starts:
        return
    now = session.clock.now()
    session.out.line("\nCOLD STARTS:")
    session.out.table(
        ("AGE", "TOTAL", "STEPS (ms)", "WHERE"),
        [(output.format_age(at, now), *rest) for at, *rest in starts],
    )


def _show_events(session: context.Session, facts: diagnosis.Facts) -> None:
    if facts.events is None:
        session.out.line("\nEVENTS:\nthey cannot be read this way; use a kubeconfig")
        return
    told = diagnosis.events(facts)
    if not told:
        return
    now = session.clock.now()
    session.out.line("\nEVENTS:")
    session.out.table(
        ("AGE", "TYPE", "REASON", "OBJECT", "COUNT", "MESSAGE"),
        [
            (
                output.format_age(diagnosis.last_seen(event), now),
                event.get("type", ""),
                event.get("reason", ""),
                f"{event['involvedObject'].get('kind', '').lower()}/"
                f"{event['involvedObject'].get('name', '')}",
                event.get("count") or 1,
                output.one_line(str(event.get("message", "")), views.MESSAGE_WIDTH),
            )
            for event in told
        ],
    )
