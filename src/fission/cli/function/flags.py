"""Flags that ``fn create`` and ``fn update`` share, by what they are about."""

from typing import Any

from fission.cli import options
from fission.cli.package import code as codes


def shared(function: Any) -> Any:
    """All of them, in the order of the help."""
    for group in reversed((_code, _running, _mounting, _streaming, _meta)):
        function = group(function)
    return function


def _all(function: Any, *decorators: options.Decorator) -> Any:
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def _code(function: Any) -> Any:
    return _all(
        function,
        options.string("--env", help="Environment that runs the function"),
        codes.flags,
        options.string("--pkgname", "--pkg", help="Existing package instead of code"),
        options.boolean("--nowait", help="Return before the source is built"),
        options.string(
            "--entrypoint", "--entry", help="Where the code starts, such as module.function"
        ),
    )


def _running(function: Any) -> Any:
    return _all(
        function,
        options.string("--executortype", help="poolmgr or newdeploy", default="poolmgr"),
        options.integer("--fntimeout", "--ft", help="Seconds a request may take", default=60),
        options.integer(
            "--specializationtimeout",
            "--st",
            help="Seconds that making a pod ready may take",
            default=120,
        ),
        options.integer("--idletimeout", help="Idle seconds before a pod goes", default=120),
        options.integer("--concurrency", "--con", help="Most pods (poolmgr)", default=500),
        options.integer(
            "--requestsperpod", "--rpp", help="Requests a pod serves at once (poolmgr)", default=1
        ),
        options.boolean("--onceonly", "--yolo", help="A pod serves exactly one request (poolmgr)"),
        options.integer("--retainpods", help="Idle pods to keep (poolmgr)", default=0),
        options.integer(
            "--provisioned-concurrency", help="Specialized pods kept (poolmgr)", default=0
        ),
        options.strings("--provisioned-schedule", help="name=W;start=<cron>;duration=10h;target=N"),
        scale,
        options.compute,
    )


def _mounting(function: Any) -> Any:
    return _all(
        function,
        options.strings("--secret", help="Secret that appears as files; repeatable"),
        options.strings("--configmap", help="ConfigMap that appears as files; repeatable"),
        variables,
    )


def variables(function: Any) -> Any:
    """Variables of a function, and where their values come from."""
    return _all(
        function,
        options.strings("--env-var", "-e", help="Variable KEY=VALUE; repeatable"),
        options.strings("--env-from-secret", help="Secret: name, name/key or name/key:ENV"),
        options.strings("--env-from-configmap", help="ConfigMap: name, name/key or name/key:ENV"),
    )


def scale(function: Any) -> Any:
    """How many pods newdeploy and container functions have."""
    return _all(
        function,
        options.integer("--minscale", help="Least pods (newdeploy); 0 goes to none", default=1),
        options.integer("--maxscale", help="Most pods (newdeploy); --minscale if not given"),
        options.integer("--targetcpu", help="CPU percent that adds pods (newdeploy)", default=80),
    )


def _streaming(function: Any) -> Any:
    return _all(
        function,
        options.boolean("--streaming", help="Answers may stream"),
        options.string(
            "--streamingprotocol", help="auto, sse, chunked or websocket", default="auto"
        ),
        options.integer("--streamingidletimeout", help="Longest silence in seconds", default=60),
        options.integer(
            "--streamingmaxduration", help="Longest stream in seconds; 0 is no limit", default=0
        ),
    )


def _meta(function: Any) -> Any:
    return _all(function, options.metadata)
