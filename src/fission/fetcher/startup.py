"""Specialization at start: what may pass by itself, what is said when it does not, where to fetch.

A pod of a Deployment is made from a template that may be older than everything around it. So its
fetcher asks for itself where storagesvc is, as an executor does before it asks a fetcher.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib import parse

from fission.base import errors as base_errors
from fission.contracts import storage
from fission.fetcher import errors
from fission.kube import client as kube_client
from fission.kube import peers
from fission.meta import status
from fission_http import errors as http_errors

_SERVICE: Final = re.compile(r"storagesvc\.([a-z0-9-]+)(\.svc(\.[a-z0-9.-]+)?)?\.?")


def may_pass(error: Exception) -> bool:
    """Whether the same may succeed a little later, without anybody changing the function. Pure."""
    if isinstance(error, errors.RuntimeRefused):
        return False
    if isinstance(error, (status.StatusError, http_errors.HttpError, OSError)):
        return True
    return isinstance(error, base_errors.Error) and error.retryable


def cause(error: Exception) -> str:
    """What the pod's status shows. Pure."""
    if isinstance(error, errors.RuntimeRefused):
        return f"the function could not be loaded (the runtime answered {error.status}):\n{error}"
    return f"the function could not be fetched: {error}"


async def storage_url(api: Callable[[], kube_client.Client], archive_url: str) -> str:
    """Where storagesvc is, if the archive is there; empty where its name has to do.

    Where names are resolved, a fetcher has no right to look and need not.
    """
    if storage.archive_id(archive_url) is None:
        return ""
    found = _SERVICE.fullmatch(parse.urlsplit(archive_url).hostname or "")
    if found is None:
        return ""
    try:
        urls = await peers.Peers(api()).urls(found[1], "storagesvc", "http")
    except status.Forbidden:
        return ""
    return urls[0] if urls else ""
