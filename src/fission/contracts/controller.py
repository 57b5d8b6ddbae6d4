"""CLI and other HTTP clients → controller: REST over our kinds, and proxies to their owners.

Lists are bare arrays, creation answers 201 with the ObjectMeta alone, errors are plain text with
a status. ``Authorization: Bearer`` carries a token for the audience below.
"""

import base64
import binascii
from typing import TYPE_CHECKING, Final
from urllib import parse

from fission.base import lazily

if TYPE_CHECKING:
    from fission.contracts import invocation, storage
else:
    invocation = lazily.module("fission.contracts.invocation")
    storage = lazily.module("fission.contracts.storage")

PORT: Final = 8888
SOCKET_NAME: Final = "http"
SERVICE: Final = "controller"
TOKEN_AUDIENCE: Final = "fission-controller"

INFO: Final = "/"
DOCS: Final = "/v2/apidocs.json"
HEALTHZ: Final = "/healthz"
COLLECTIONS: Final = {
    "Package": "/v2/packages",
    "Function": "/v2/functions",
    "HTTPTrigger": "/v2/triggers/http",
    "Environment": "/v2/environments",
    "KubernetesWatchTrigger": "/v2/watches",
    "TimeTrigger": "/v2/triggers/time",
    "MessageQueueTrigger": "/v2/triggers/messagequeue",
    "CanaryConfig": "/v2/canaryconfigs",
}
SECRETS: Final = "/v2/secrets"
CONFIGMAPS: Final = "/v2/configmaps"
PODS: Final = "pods"
"""Below one function or environment: its pods, as a PodList."""

KUBERNETES: Final = "/v2/kubernetes"
"""Our own, read only: behind it a path of the Kubernetes API, for what is around our objects."""

VERSION: Final = "/version"
"""Behind it: which Kubernetes this is."""
LOGS: Final = "/proxy/logs"
LOG_DATABASE: Final = "/proxy"
"""Below it the type of a log database that the controller is told of."""
STORAGE: Final = "/proxy/storage"
SERVICE_NAME: Final = "/proxy/svcname"
LOGIN: Final = "/proxy/login"
"""Our own: the login of the public router, for ``fission token create``."""
STATESTORE: Final = "/proxy/statestore"
"""Our own: events of topics, append, read and head, for ``fission topic``."""
ROUTER: Final = "/proxy/router"
"""Our own: the router's internal listener, for ``fn test``. The rest is a path of that listener."""

DIGEST_HEADER: Final = "Content-Digest"
"""Of an upload, optional (RFC 9530): what its body hashes to, so that it can be signed and passed
on as it comes; without it the controller keeps the body on disk first. Checked by the receiver."""


def format_digest(body_sha256: str) -> str:
    """A SHA-256 in hexadecimal as value of that header."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(body_sha256)).decode()}:"


def parse_digest(value: str) -> str:
    """The SHA-256 in hexadecimal, or nothing when the header names none that can be used."""
    for part in value.split(","):
        name, _, item = part.strip().partition("=")
        if name.lower() == "sha-256" and len(item) > 1 and item[0] == item[-1] == ":":
            try:
                digest = base64.b64decode(item[1:-1], validate=True)
            except binascii.Error:
                return ""
            return digest.hex() if len(digest) == 32 else ""
    return ""


def object_path(kind: str, name: str, namespace: str) -> str:
    """Path and query of one object."""
    return f"{COLLECTIONS[kind]}/{parse.quote(name, safe='')}?{_namespace(namespace)}"


def list_path(kind: str, namespace: str) -> str:
    """Path and query of a list; an empty namespace means all."""
    return f"{COLLECTIONS[kind]}?{_namespace(namespace)}"


def service_name_path(application: str, namespace: str) -> str:
    """The Service with a label, as somebody who works in a namespace may know it."""
    query = parse.urlencode({"application": application, "namespace": namespace})
    return f"{SERVICE_NAME}?{query}"


def login_path(path: str) -> str:
    """The router's login, where it is."""
    return f"{LOGIN}?{parse.urlencode({'path': path})}"


def storage_target(target: str = "") -> str:
    """A path and query of storagesvc, that of all archives unless given, through the controller."""
    return STORAGE + (target or storage.ARCHIVE)


def statestore_target(path: str) -> str:
    """A route of statestore's events, through the controller."""
    return STATESTORE + path


def invocation_target(target: str) -> str:
    """A path and query of the router's internal listener, through the controller."""
    if not target.startswith(invocation.PREFIX):
        raise ValueError(f"{target!r} does not call a function")
    return ROUTER + target


def _namespace(namespace: str) -> str:
    return parse.urlencode({"namespace": namespace})
