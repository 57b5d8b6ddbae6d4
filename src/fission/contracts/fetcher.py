"""Executor and buildermgr → fetcher: fetch, specialize, upload, prefetch.

Five optional fields are our own. ``archive`` and ``packageResourceVersion`` say where the archive
is, so that the fetcher need not read the Package; ``functionUid`` is the function that claims the
pod: a fetcher records one and answers 409 to every other (``infinite`` environments: one record per
function); ``env`` and ``envFrom`` are the function's variables. A fetcher that gets no ``archive``
reads the Package, as upstream's does.
"""

from typing import Any, ClassVar, Final

from msgspec import field

from fission.api import function_types, package_types, schema
from fission.contracts import environment, gojson
from fission.meta import objectmeta

PORT: Final = 8000
PORT_NAME: Final = "http-fetcher"
FETCH: Final = "/fetch"
SPECIALIZE: Final = "/specialize"
UPLOAD: Final = "/upload"
PREFETCH: Final = "/prefetch"
"""Our own: a fetch request whose archive some pod will want; done only where archives are kept."""
VERSION: Final = "/version"
WEBSOCKET_START: Final = "/wsevent/start"
WEBSOCKET_END: Final = "/wsevent/end"
CLAIM: Final = "/claim"
"""Our own: which functions this pod belongs to, for an executor that adopts it."""
HEALTHZ: Final = "/healthz"
READINESS: Final = "/readiness-healthz"

CLAIM_HEADER: Final = "X-Fission-Claimed-By"
"""Our own, on a 409: the function UIDs that have claimed the pod."""
RUNTIME_HEADER: Final = "X-Fission-Runtime-Status"
"""Our own: the answer is the runtime's, word for word; another pod would say the same."""

FETCH_SOURCE: Final = 0
FETCH_DEPLOYMENT: Final = 1
FETCH_URL: Final = 2

USER_FUNCTION_DIR: Final = "/userfunc"
PACKAGES_DIR: Final = "/packages"
SECRETS_DIR: Final = "/secrets"
CONFIGS_DIR: Final = "/configs"
PODINFO_DIR: Final = "/etc/podinfo"
CONTAINER_NAME: Final = "fetcher"


class FunctionFetchRequest(schema.Model):
    """What to put under which name into the shared directory."""

    written: ClassVar[tuple[str, ...]] = (
        "fetch_type",
        "package",
        "url",
        "storagesvc_url",
        "filename",
        "keep_archive",
    )

    fetch_type: int = FETCH_DEPLOYMENT
    package: objectmeta.ObjectMeta = field(default_factory=objectmeta.ObjectMeta)
    url: str = ""
    storagesvc_url: str = field(default="", name="storagesvcurl")
    filename: str = ""
    secret_list: list[function_types.MountedReference] = field(default_factory=list)
    config_map_list: list[function_types.MountedReference] = field(default_factory=list)
    keep_archive: bool = field(default=False, name="keeparchive")
    archive: package_types.Archive | None = None
    """Where the bytes are: ``literal``, or ``url`` and ``checksum``."""
    function_uid: str = ""
    env: list[dict[str, Any]] = field(default_factory=list)
    """Variables of the function, ``corev1.EnvVar``: the fetcher reads what they refer to, in the
    function's namespace, and the runtime sets them before it loads the function."""
    env_from: list[dict[str, Any]] = field(default_factory=list)
    """The same from whole Secrets and ConfigMaps, ``corev1.EnvFromSource``."""
    package_resource_version: str = ""


class FunctionSpecializeRequest(schema.Model):
    """Fetch, then make the runtime load it."""

    written: ClassVar[tuple[str, ...]] = ("fetch", "load")

    fetch: FunctionFetchRequest = field(default_factory=FunctionFetchRequest, name="FetchReq")
    load: environment.FunctionLoadRequest = field(
        default_factory=environment.FunctionLoadRequest, name="LoadReq"
    )


class ArchiveUploadRequest(schema.Model):
    """Take what the builder made to storagesvc."""

    written: ClassVar[tuple[str, ...]] = ("filename", "storagesvc_url", "archive_package")

    filename: str = ""
    storagesvc_url: str = field(default="", name="storagesvcurl")
    archive_package: bool = field(default=False, name="archivepackage")


class ArchiveUploadResponse(schema.Model):
    """Where the archive is now."""

    written: ClassVar[tuple[str, ...]] = ("archive_download_url", "checksum")

    archive_download_url: str = ""
    checksum: package_types.Checksum = field(default_factory=package_types.Checksum)


def decode_fetch(content: bytes) -> FunctionFetchRequest:
    """Body of ``/fetch`` and of ``/prefetch``."""
    return gojson.decode(content, FunctionFetchRequest)


def decode_specialize(content: bytes) -> FunctionSpecializeRequest:
    """Body of ``/specialize``."""
    return gojson.decode(content, FunctionSpecializeRequest)


def decode_upload(content: bytes) -> ArchiveUploadRequest:
    """Body of ``/upload``."""
    return gojson.decode(content, ArchiveUploadRequest)


def decode_upload_response(content: bytes) -> ArchiveUploadResponse:
    """Answer of ``/upload``."""
    return gojson.decode(content, ArchiveUploadResponse)


def encode(message: schema.Model) -> bytes:
    """Body of any of these messages."""
    return gojson.encode(message)
