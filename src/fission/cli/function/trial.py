"""New code of a function is tried before anybody's call meets it.

A package and a function are made for the moment: the function as it is to be, but with that package
and one pod kept ahead of requests. So the executor loads the code as it would load the real one,
with the same image, settings and variables, and says in the function's conditions how that went.
Nothing is called. Both objects are removed again, whatever happens: a command that is killed leaves
them to the next one (``remove_stale``), and they are gone with the function that owns them.
"""

import asyncio
import contextlib
import copy
import functools
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from fission.api import conditions as condition_types
from fission.api import (
    function_defaults,
    function_types,
    labels,
    objects,
    package_types,
    resources,
)
from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.cli import context, lookups
from fission.cli.function import create
from fission.cli.package import buildstate
from fission.meta import conditions, objectmeta, status

Obj = dict[str, Any]

FAILED: Final = "the new code does not load"
BUILD_FAILED: Final = "the build failed"
NO_POD: Final = "there is no pod to try the new code in"

_LOAD_FAILURES: Final = ("SpecializationFailed",)
_POD_FAILURES: Final = ("NoPod", "InvalidPodSpec")
_PROVISIONING_FAILED: Final = "ProvisioningFailed"
_NOT_PROVISIONABLE: Final = "NotProvisionable"
_MARGIN_SECONDS: Final = 10.0
_LONGEST_SECONDS: Final = 1800.0
"""No trial takes longer, with its build: who began an older one was killed."""

Removal = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Outcome:
    """How a trial ended."""

    failure: str = ""
    """One line on what is wrong; empty: the code loads."""
    detail: str = ""
    """The end of the build's log, or what the runtime said."""
    untried: str = ""
    """Why it could not be tried at all."""


async def load(
    session: context.Session,
    function: function_types.Function,
    spec: package_types.PackageSpec,
    later: list[Removal] | None = None,
) -> Outcome:
    """Build the package if it has source, and load it as the function would; see the module.

    What removes the objects is put into ``later`` where that is given: the caller has more urgent
    things to do, but has to run it.
    """
    name = create.package_name_for(session, f"{function.metadata.name}-trial")
    namespace = function.metadata.namespace
    package = package_types.Package(spec=spec)
    package.metadata = _metadata(name, function)
    try:
        made = await session.backend.create(resources.PACKAGES, objects.encode(package))
        if buildstate.has_source(made):
            made = await until_built(session, name, namespace)
            if buildstate.build_status(made) == package_types.FAILED:
                return Outcome(BUILD_FAILED, str((made.get("status") or {}).get("buildlog") or ""))
        trial = make_function(function, name, made)
        await session.backend.create(resources.FUNCTIONS, objects.encode(trial))
        return await _verdict(session, trial, function.metadata.name)
    except status.Forbidden as error:
        return Outcome(untried=error.message)
    except status.NotFound:
        return Outcome(untried="somebody removed what it was tried with")
    finally:
        if later is None:
            await _remove(session, name, namespace)
        else:
            later.append(functools.partial(_remove, session, name, namespace))


async def until_built(session: context.Session, name: str, namespace: str) -> Obj:
    """The package when its build is over."""
    changes = session.backend.changes(resources.PACKAGES, name, namespace)
    async with contextlib.aclosing(changes):
        async for package in changes:
            if buildstate.is_over(package):
                return package
    raise AssertionError("unreachable")


async def remove_leftovers(session: context.Session, function: str) -> None:
    """Remove what an earlier trial left that was killed."""
    mark = {labels.TRIAL_OF: function}
    for resource in (resources.FUNCTIONS, resources.PACKAGES):
        for found in await session.backend.list(resource, session.namespace, mark):
            with contextlib.suppress(status.NotFound):
                await session.backend.delete(resource, lookups.name_of(found), session.namespace)


async def remove_stale(session: context.Session, trials: Iterable[Obj]) -> None:
    """Remove what was made for trials that nobody waits for any more."""
    now = session.clock.now()
    for obj in trials:
        metadata = obj["metadata"]
        began = clocks.parse_rfc3339(metadata["creationTimestamp"])
        if (now - began).total_seconds() > _LONGEST_SECONDS:
            resource = resources.BY_KIND[obj["kind"]]
            with contextlib.suppress(base_errors.Error):
                await session.backend.delete(resource, metadata["name"], metadata["namespace"])


def make_function(
    function: function_types.Function, name: str, package: Obj
) -> function_types.Function:
    """The function under another name with another package, in a pod of the environment's pool."""
    spec = copy.deepcopy(function.spec)
    trial = function_types.Function(
        metadata=_metadata(name, function),
        spec=function_types.FunctionSpec(
            environment=spec.environment,
            package=spec.package,
            secrets=spec.secrets,
            config_maps=spec.config_maps,
            env=spec.env,
            env_from=spec.env_from,
            concurrency=1,
            provisioned_concurrency=function_types.ProvisionedConcurrency(target=1),
        ),
    )
    given, made = spec.invoke_strategy.execution_strategy, trial.spec.invoke_strategy
    made.execution_strategy.executor_type = function_types.POOLMGR
    made.execution_strategy.specialization_timeout = given.specialization_timeout
    create.point_at(trial, package)
    return trial


def _metadata(name: str, function: function_types.Function) -> objectmeta.ObjectMeta:
    return objectmeta.ObjectMeta(
        name=name,
        namespace=function.metadata.namespace,
        labels={labels.TRIAL_OF: function.metadata.name},
        owner_references=[
            objectmeta.OwnerReference(
                api_version=resources.FUNCTIONS.api_version,
                kind=resources.FUNCTIONS.kind,
                name=function.metadata.name,
                uid=function.metadata.uid,
            )
        ]
        if function.metadata.uid
        else [],
    )


def read(function: Obj) -> Outcome | None:
    """What a trial's function says of itself; None while nothing is certain. Pure."""
    found = function.get("status") or {}
    if int(found.get("provisionedReady") or 0) > 0:
        return Outcome()
    ready = conditions.get(found.get("conditions"), condition_types.READY) or {}
    message = str(ready.get("message") or "")
    if ready.get("reason") in _LOAD_FAILURES:
        return Outcome(FAILED, message)
    if ready.get("reason") in _POD_FAILURES:
        return Outcome(NO_POD, message)
    kept = conditions.get(found.get("conditions"), condition_types.PROVISIONED) or {}
    message = str(kept.get("message") or "")
    if kept.get("reason") == _PROVISIONING_FAILED:
        return Outcome(FAILED, message)
    if kept.get("reason") == _NOT_PROVISIONABLE:
        return Outcome(untried=message)
    return None


async def _verdict(
    session: context.Session, trial: function_types.Function, function: str
) -> Outcome:
    seconds = function_defaults.specialization_timeout_seconds(trial.spec) + _MARGIN_SECONDS
    name, namespace = trial.metadata.name, trial.metadata.namespace
    changes = session.backend.changes(resources.FUNCTIONS, name, namespace)
    try:
        async with asyncio.timeout(seconds), contextlib.aclosing(changes):
            async for current in changes:
                outcome = read(current)
                if outcome is not None:
                    detail = outcome.detail.replace(name, function)
                    return Outcome(outcome.failure, detail, outcome.untried)
    except TimeoutError:
        return Outcome(f"{FAILED} within {seconds:.0f} s")
    raise AssertionError("unreachable")


async def _remove(session: context.Session, name: str, namespace: str) -> None:
    for resource in (resources.FUNCTIONS, resources.PACKAGES):
        try:
            await session.backend.delete(resource, name, namespace)
        except status.NotFound:
            continue
        except base_errors.Error as error:
            session.out.debug(f"{resource.singular} {name} stays: {error.message}")
