"""``fission up``: start the platform on this machine."""

from fission.cli import command as commands
from fission.cli import context, options
from fission.cli.cluster import forward


@commands.command(
    "Start the platform on this machine: no root, no Docker, no cluster.\n"
    "In the foreground it shows what happens until Ctrl-C; with -d it returns when ready."
)
@options.boolean("--detach", "-d", help="Return as soon as the platform is ready")
@options.integer("--router-port", help="Port of the functions' routes", default=8888)
@options.integer("--router-internal-port", help="Port for triggers and tests", default=8889)
@options.integer("--controller-port", help="Port of the REST API", default=8887)
@options.integer("--apiserver-port", help="Port of the Kubernetes API", default=16443)
@options.string("--ports", help="auto picks free ports")
@options.strings("--host", help="Address to listen on; repeatable", default="127.0.0.1")
@options.strings("--images", help="Folder with images of your own; repeatable")
@options.boolean("--auth", help="The routes ask for tokens from now on")
@options.duration("--timeout", help="Time to become ready", default="60s")
def command(
    session: context.Session,
    detach: bool | None,
    ports: str | None,
    host: tuple[str, ...],
    images: tuple[str, ...],
    auth: bool | None,
    timeout: float | None,
    **numbers: int | None,
) -> int:
    """Forward the flags that were given."""
    arguments = ["up", *(["--detach"] if detach else [])]
    for name, number in numbers.items():
        if number is not None:
            arguments += [f"--{name.replace('_', '-')}", str(number)]
    if ports is not None:
        arguments += ["--ports", ports]
    for address in host:
        arguments += ["--host", address]
    for folder in images:
        arguments += ["--images", folder]
    if auth:
        arguments.append("--auth")
    if timeout is not None:
        arguments += ["--timeout", f"{timeout:g}"]
    return forward.run(session, arguments)
