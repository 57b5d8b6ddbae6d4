"""Has the runtime server of the own pod load a function.

The runtime may still be starting: while it refuses the connection it is asked again. Once it has
taken the request its answer is final, and passed on with its text, which is the traceback when the
user's code does not load.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from fission.base import backoff, podenv
from fission.contracts import environment
from fission.fetcher import errors
from fission_http import client as http_client
from fission_http import errors as http_errors

MAX_ANSWER_BYTES: Final = 1 << 20
"""A traceback fits; nobody is to fill this process's memory with one."""
MAX_TEXT_CHARS: Final = 16 * 1024
"""What is passed on of it: the end."""
LOAD_TIMEOUT_SECONDS: Final = 420.0
"""The import of a user's module may be slow; the caller's own deadline is usually shorter."""


_NO_VARIABLES: Final = (
    "does not take variables when it loads a function (no X-Fission-Env in its answer), and the"
    " function has spec.env or spec.envFrom: use executor type newdeploy, or an image that does"
)


def base_url(env: Mapping[str, str]) -> str:
    """Where the pod's runtime listens: the pod's address, never another pod's loopback."""
    host = env.get("POD_IP") or "127.0.0.1"
    if ":" in host:
        host = f"[{host}]"
    return f"http://{host}:{podenv.pod_port(environment.PORT, env)}"


async def load(
    http: http_client.Client,
    url: str,
    request: environment.FunctionLoadRequest,
    wait_seconds: float,
) -> None:
    """Return when the runtime serves the function; raises RuntimeRefused with its answer."""
    path = environment.specialize_path(request.env_version)
    if path == environment.SPECIALIZE_V1 and request.env:
        raise errors.RuntimeRefused(400, f"version 1 of the interface {_NO_VARIABLES}")
    if path == environment.SPECIALIZE_V1:
        body, content_type = b"", "text/plain"
    else:
        body, content_type = environment.encode_load(request), "application/json"
    response = await _send(http, url + path, content_type, body, wait_seconds)
    try:
        text = (await response.read(MAX_ANSWER_BYTES)).decode("utf-8", "replace")
    except http_errors.HttpError as error:
        text = f"the runtime's answer broke off: {error}"
    if response.status >= 300:
        raise errors.RuntimeRefused(response.status, last(text))
    if request.env and response.headers.get(environment.ENV_HEADER) != str(len(request.env)):
        raise errors.RuntimeRefused(400, f"the environment's image {_NO_VARIABLES}")


def last(text: str) -> str:
    """The end of what a runtime said: of a traceback what happened, and where. Pure."""
    kept = text.strip()
    return kept if len(kept) <= MAX_TEXT_CHARS else "…" + kept[1 - MAX_TEXT_CHARS :]


async def _send(
    http: http_client.Client, url: str, content_type: str, body: bytes, wait_seconds: float
) -> http_client.ClientResponse:
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + wait_seconds
    for pause in backoff.delays(0.005, cap_seconds=0.5):
        try:
            return await http.request(
                "POST",
                url,
                headers=[("Content-Type", content_type)],
                body=body,
                timeout_seconds=LOAD_TIMEOUT_SECONDS,
                replay=False,
            )
        except http_errors.ConnectError as error:
            if loop.time() + pause > give_up_at:
                raise errors.FetcherError(
                    f"the runtime did not begin to listen within {wait_seconds:.0f} s: {error}"
                ) from error
        except http_errors.RequestTimeout as error:
            raise errors.RuntimeRefused(
                504, f"the function did not load within {LOAD_TIMEOUT_SECONDS:.0f} s"
            ) from error
        except http_errors.HttpError as error:
            raise errors.RuntimeRefused(
                500, f"the runtime ended while it loaded the function ({error})"
            ) from error
        await asyncio.sleep(pause)
    raise AssertionError("delays never end")
