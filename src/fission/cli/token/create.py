"""``fission token create``."""

import json
from typing import Final

from fission.cli import command as commands
from fission.cli import context, options
from fission.cli.backend import protocol

AUTH_URI: Final = "/auth/login"
ROUTER_VARIABLE: Final = "FISSION_ROUTER_URL"
PATH_VARIABLE: Final = "FISSION_AUTH_URI"
SECONDS: Final = 10.0


@commands.command(
    "Get a token for the routes of a router that asks for one.\n"
    "Send it as `Authorization: Bearer <token>`; with FISSION_AUTH_TOKEN this command sends it\n"
    "too.\n\n"
    "  fission token create --username admin --password secret"
)
@options.string("--username", help="User name", required=True)
@options.string("--password", help="Password", required=True)
@options.string("--authuri", help="Path of the login", default=AUTH_URI)
async def command(
    session: context.Session, username: str, password: str, authuri: str | None
) -> None:
    """Log in and show the token."""
    path = authuri or session.env.get(PATH_VARIABLE) or AUTH_URI
    if not path.startswith("/"):
        path = f"/{path}"
    body = json.dumps({"username": username, "password": password}).encode()
    answer = await _post(session, path, body)
    if answer.status == 201:
        session.out.line(str(json.loads(answer.body).get("accesstoken", "")))
    elif answer.status == 404:
        session.out.warning(
            f"the router has no login at {path}: authentication is off, or --authuri names"
            " another path than the router's"
        )
    else:
        words = answer.body.decode("utf-8", "replace").strip()
        session.out.warning(f"the router answered {answer.status}: {words}")


async def _post(session: context.Session, path: str, body: bytes) -> protocol.Answer:
    headers = [("Content-Type", "application/json")]
    url = session.env.get(ROUTER_VARIABLE)
    if not url:
        return await session.backend.log_in(path, body)
    from fission.cli.backend import http

    caller = http.Caller(url, "the router")
    try:
        response = await caller.request("POST", path, headers, body, SECONDS)
        content = await http.read(response)
        return protocol.Answer(response.status, response.headers.items(), content)
    finally:
        await caller.aclose()
