"""``fission function run-local``."""

import asyncio
import contextlib
import pathlib
import time
import types
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from fission.api import environment_types, httptrigger_types, objects, resources
from fission.base import ids
from fission.cli import archives, collect, context, errors, filewatch, lookups, options
from fission.cli import command as commands
from fission.cli.function import live
from fission.cli.package import code as codes
from fission.cli.runlocal import code as local_code
from fission.cli.runlocal import processes, relay, serving, settings
from fission.contracts import environment as wire
from fission.contracts import fetcher as fetcher_wire
from fission.contracts import invocation
from fission.meta import objectmeta

_CONTAINER: Final = "container"
_EXECUTORS: Final = ("", "poolmgr", "newdeploy", _CONTAINER)
_ENV_VERSION: Final = 3
_NO_CODE: Final = "the code does not load"


@dataclass(frozen=True)
class _Environment:
    """What runs the code."""

    image: str
    version: int = _ENV_VERSION
    keep_archive: bool = False
    builder: str = ""
    build_command: str = ""
    variables: tuple[tuple[str, str], ...] = ()


@commands.command(
    "Run one function on this machine, without a platform: in a process of its environment's\n"
    "runtime, as it would be in a pod. Makes one request and prints the answer. With --keep it\n"
    "goes on to serve on a loopback port, with --watch also what is saved from then on.\n\n"
    "  fission fn run-local --name hello --image fission/python-env --code hello.py\n"
    "  fission fn run-local --name app --env python --src app/ --entrypoint main.main --watch"
)
@options.string("--name", help="Name of the function", default="local")
@options.string("--executortype", help="poolmgr or newdeploy; nothing differs here")
@codes.flags
@options.string("--image", help="Image of the environment, such as fission/python-env")
@options.string("--env", help="Environment of the platform instead of --image")
@options.integer("--env-version", help="Version of the runtime's interface", default=_ENV_VERSION)
@options.string("--entrypoint", "--entry", help="Where the code starts, such as module.function")
@options.integer("--port", help="Loopback port to serve on with --keep; a free one if not given")
@options.string("--method", help="Method of the request", default="GET")
@options.strings("--header", "-H", help="Header name:value; repeatable")
@options.string("--body", "-b", help="Body of the request")
@options.string("--subpath", help="Path that the function sees")
@options.boolean("--keep", help="Go on to serve after the request")
@options.boolean("--watch", "-w", help="Go on to serve, and load anew what is saved")
@options.strings("--env-var", "-e", help="Variable KEY=VALUE; repeatable")
@options.strings("--env-from", help="File of variables, a KEY=VALUE in each line; repeatable")
@options.strings("--secret", help="Secret of the platform that appears as files; repeatable")
@options.strings("--configmap", help="ConfigMap of the platform that appears as files; repeatable")
@options.strings("--secret-mount", help="Secret from a local folder, NAME=PATH; repeatable")
@options.strings("--configmap-mount", help="ConfigMap from a local folder, NAME=PATH; repeatable")
@options.integer("--debug-port", help="Port on which the runtime waits for a debugger")
@options.boolean("--build", help="Build the code first; --src always is")
@options.string("--builder-image", help="Image that builds; the environment's if not given")
async def command(session: context.Session, **given: Any) -> int:
    """Run one."""
    chosen = types.SimpleNamespace(**given)
    code = codes.read(chosen)
    sources, is_built = _sources(chosen, code)
    call = _call(session, chosen)
    environment = await _environment(session, chosen)
    plan = await _plan(session, chosen, environment, sources, is_built)
    stays = bool(chosen.keep or chosen.watch)
    async with contextlib.AsyncExitStack() as stack:
        address = None
        if stays:
            address = relay.Relay(chosen.port or 0)
            await address.open()
            stack.push_async_callback(address.aclose)
        served = serving.Serving(session, plan, address)
        stack.push_async_callback(served.aclose)
        saves = await stack.enter_async_context(_saves(session, code, bool(chosen.watch)))
        exit_code = await _first(session, served, call, stays=stays)
        if address is None:
            return exit_code
        session.out.flush()
        session.out.note(f"{_name(chosen)} serves at http://127.0.0.1:{address.port}/")
        session.out.note("Ctrl-C ends it")
        session.out.flush()
        async for changed in saves:
            await _reload(session, served, changed)
        await asyncio.Event().wait()
    return 0


def _sources(chosen: Any, code: codes.Code) -> tuple[collect.Sources, bool]:
    """The code, and whether it is built."""
    if chosen.executortype not in {*_EXECUTORS, None}:
        raise errors.UsageError("--executortype must be one of 'poolmgr', 'newdeploy'")
    if chosen.executortype == _CONTAINER:
        raise errors.UsageError(
            "container images are not run locally: no container engine is used;"
            " run the program itself, or use a platform with `fission fn run-container`"
        )
    if not chosen.image and not chosen.env:
        raise errors.UsageError("need --image or --env argument")
    sources = code.source or code.deployment
    if sources is None:
        raise errors.UsageError("need --code, --deployarchive or --sourcearchive argument")
    if any(archives.is_url(each) for each in sources.inputs):
        raise errors.UsageError(f"{sources.flag}: fetch the URL first, and name the file")
    return sources, bool(code.source or chosen.build)


async def _environment(session: context.Session, chosen: Any) -> _Environment:
    """From the flags, or from the platform's Environment."""
    if not chosen.env:
        version = chosen.env_version or _ENV_VERSION
        return _Environment(chosen.image, version, builder=_builder_of(chosen.image))
    raw = await lookups.get(session, resources.ENVIRONMENTS, chosen.env)
    found = objects.decode(environment_types.Environment, raw).spec
    container = found.runtime.container or {}
    variables = tuple(
        (str(each["name"]), str(each.get("value") or "")) for each in container.get("env") or ()
    )
    return _Environment(
        chosen.image or found.runtime.image,
        found.version or 1,
        found.keep_archive,
        found.builder.image,
        found.builder.command,
        variables,
    )


def _builder_of(image: str) -> str:
    """The builder that goes with an image's name."""
    name, colon, tag = image.rpartition(":") if ":" in image.rpartition("/")[2] else (image, "", "")
    return f"{name.replace('-env', '-builder')}{colon}{tag}" if "-env" in name else ""


async def _plan(
    session: context.Session,
    chosen: Any,
    environment: _Environment,
    sources: collect.Sources,
    is_built: bool,
) -> serving.Plan:
    namespace = _namespace(session)
    variables = dict(environment.variables)
    for given in chosen.env_from:
        text = await asyncio.to_thread(session.path(given).read_text)
        variables |= settings.parse_dotenv(text, given)
    variables |= settings.parse_variables(chosen.env_var)
    files = await settings.fetch(session, chosen.secret, chosen.configmap, namespace)
    for texts, flag, top in (
        (chosen.secret_mount, "--secret-mount", fetcher_wire.SECRETS_DIR),
        (chosen.configmap_mount, "--configmap-mount", fetcher_wire.CONFIGS_DIR),
    ):
        files |= settings.read_mounts(session, texts, flag, top, namespace)
    builder = chosen.builder_image or environment.builder
    if is_built and not builder:
        raise errors.UsageError(
            f"nothing says what builds for {environment.image}; name it with --builder-image"
        )
    place = local_code.place(environment.version)
    keeps = environment.keep_archive or sources.inputs[0].endswith((".jar", ".wasm"))

    async def fill(runtime: processes.Runtime) -> None:
        target = runtime.folder(place)
        if is_built:
            build_command = chosen.buildcmd or environment.build_command
            await local_code.build(session, sources, target, builder, build_command)
        else:
            await asyncio.to_thread(local_code.put, session, sources, target, keep_archive=keeps)

    request = wire.FunctionLoadRequest(
        file_path=place,
        function_name=chosen.entrypoint or "",
        function_metadata=objectmeta.ObjectMeta(
            name=_name(chosen), namespace=namespace, uid=session.new_uid()
        ),
        env_version=environment.version,
        env=variables,
    )
    return serving.Plan(environment.image, request, fill, files, chosen.debug_port or 0)


@dataclass(frozen=True)
class _Call:
    """The one request."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


def _call(session: context.Session, chosen: Any) -> _Call:
    method = (chosen.method or "GET").upper()
    if method not in httptrigger_types.METHODS:
        allowed = ", ".join(httptrigger_types.METHODS)
        raise errors.UsageError(f"--method {method}: valid values are {allowed}")
    target = "/" + (chosen.subpath or "").removeprefix("/")
    headers = [
        (invocation.FUNCTION_NAME, _name(chosen)),
        (invocation.FUNCTION_NAMESPACE, _namespace(session)),
        (invocation.REQUEST_ID, ids.new_uid()),
        (invocation.FULL_URL, target),
    ]
    for text in chosen.header:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise errors.UsageError(f"--header {text!r}: want name:value")
        headers.append((name.strip(), value.strip()))
    return _Call(method, target, headers, (chosen.body or "").encode())


@contextlib.asynccontextmanager
async def _saves(
    session: context.Session, code: codes.Code, is_watching: bool
) -> AsyncIterator[AsyncIterator[set[pathlib.Path]]]:
    """Saves from now on; none where nobody watches."""

    async def none() -> AsyncIterator[set[pathlib.Path]]:
        nothing: tuple[set[pathlib.Path], ...] = ()
        for each in nothing:
            yield each

    if not is_watching:
        yield none()
        return
    found = filewatch.changes(live.paths(session, code), settle_seconds=live.SETTLE_SECONDS)
    first = asyncio.ensure_future(anext(found))
    await asyncio.sleep(0)

    async def all_of_them() -> AsyncIterator[set[pathlib.Path]]:
        nonlocal first
        while True:
            changed = await first
            first = asyncio.ensure_future(anext(found))
            yield changed

    try:
        yield all_of_them()
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await found.aclose()


async def _first(
    session: context.Session, served: serving.Serving, call: _Call, *, stays: bool
) -> int:
    """Load and call; the exit code."""
    try:
        await served.load()
    except errors.BuildFailed as error:
        if not stays:
            raise
        session.out.error(error.message)
        return 1
    except processes.LoadFailed as error:
        if not stays:
            raise errors.CallFailed(_NO_CODE, error.message) from error
        session.out.error(_NO_CODE, why=error.message)
        return 1
    answer = await served.present.call(call.method, call.target, call.headers, call.body)
    session.out.content(answer.body)
    if stays and not answer.body.endswith(b"\n"):
        session.out.line()
    if answer.status >= 400 and not stays:
        session.out.flush()
        raise errors.CallFailed(f"the function answered with status {answer.status}")
    return 0


async def _reload(
    session: context.Session, served: serving.Serving, changed: set[pathlib.Path]
) -> None:
    began = time.monotonic()
    live.say(session, live.names(changed, session.cwd))
    try:
        await served.load()
    except (errors.CliError, OSError) as error:
        text = error.message if isinstance(error, errors.CliError) else str(error)
        kept = "; the version before goes on serving" if served.has_present else ""
        what = "the build failed" if isinstance(error, errors.BuildFailed) else _NO_CODE
        live.say(session, f"not live: {what}{kept}")
        session.out.line("\n".join(f"  {line}" for line in text.splitlines()))
        session.out.flush()
        return
    live.say(session, f"live after {time.monotonic() - began:.2f} s")


def _name(chosen: Any) -> str:
    return chosen.name or "local"


def _namespace(session: context.Session) -> str:
    """Without asking a platform, which need not be there."""
    named = session.given_namespace or session.env.get("FISSION_DEFAULT_NAMESPACE", "")
    return named or invocation.DEFAULT_NAMESPACE
