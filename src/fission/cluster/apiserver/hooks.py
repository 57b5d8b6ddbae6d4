"""What the core asks of its neighbours, and what it offers them.

The core (paths, verbs, strategies, watch) knows authentication, authorization, custom resources,
protobuf, OpenAPI, virtual creates (TokenRequest, reviews), logs and proxies only by the protocols
of this page; ``app.build`` receives one ``Hooks`` and never imports them itself.

Concurrency: everything runs on the server's event loop. Synchronous methods must not block; they
are called inside writes, where the store's state cannot change under them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from starlette.requests import Request
from starlette.responses import Response

from fission.meta import gvk

Object = dict[str, Any]
FieldValidation = Literal["Strict", "Warn", "Ignore"]


# --- Who asks ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UserInfo:
    """An authenticated caller."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


ADMIN = UserInfo("system:admin", groups=("system:masters", "system:authenticated"))
ANONYMOUS = UserInfo("system:anonymous", groups=("system:unauthenticated",))


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of the connection."""

    local: bool
    """Came through the unix socket, and SO_PEERCRED is this user or root: system:admin."""
    address: str = ""
    certificate: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked for, in the words of RBAC."""

    verb: str
    """get list watch create update patch delete deletecollection; lower-case method for paths."""
    group: str = ""
    version: str = ""
    resource: str = ""
    """Plural; empty means a non-resource request for ``path``."""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    allowed: bool
    reason: str = ""


class Authenticator(Protocol):
    def authenticate(self, headers: Mapping[str, str], peer: Peer) -> UserInfo:
        """The caller (``ANONYMOUS`` without credentials); raises ``status.Unauthorized``.

        Impersonation headers are the core's: it authorizes ``impersonate`` and swaps the user.
        """
        ...


class Authorizer(Protocol):
    def authorize(self, user: UserInfo, attributes: Attributes) -> Decision: ...

    def forbid_escalation(
        self, user: UserInfo, resource: gvk.Resource, namespace: str, obj: Object
    ) -> None:
        """Raises ``status.Forbidden`` when a role or binding grants more than its writer holds."""
        ...


# --- What the core offers: the objects --------------------------------------------------------

ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]
OnChange = Callable[[ChangeType, Object], None]
Mutation = Callable[[Object], Object | None]


class Objects(Protocol):
    """Committed objects (read-only dicts) and writes that skip HTTP, not the store's rules."""

    def get(self, resource: gvk.Resource, namespace: str, name: str) -> Object | None:
        """``namespace`` is ``""`` for cluster-scoped objects."""
        ...

    def list(self, resource: gvk.Resource, namespace: str | None = None) -> Sequence[Object]: ...

    def subscribe(self, resource: gvk.Resource, on_change: OnChange) -> Callable[[], None]:
        """Calls back on the loop after each commit; returns the unsubscriber. No replay: list."""
        ...

    async def mutate(
        self, resource: gvk.Resource, namespace: str, name: str, mutation: Mutation
    ) -> Object:
        """Atomic read-change-write. ``mutation`` gets a deep copy that it may change and return;
        None means no change. Raises ``status.NotFound``."""
        ...

    async def create(self, resource: gvk.Resource, obj: Object) -> Object:
        """Create through the kind's strategy (defaults, validation); raises AlreadyExists."""
        ...

    async def delete(self, resource: gvk.Resource, namespace: str, name: str) -> None:
        """As DELETE does: finalizers are respected. Absent is fine."""
        ...


# --- Custom resources -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PrinterColumn:
    name: str
    type: str
    json_path: str
    format: str = ""
    description: str = ""
    priority: int = 0


class Schema(Protocol):
    def admit(
        self,
        obj: Object,
        old: Object | None,
        field_validation: FieldValidation,
        subresource: str = "",
    ) -> tuple[Object, list[str]]:
        """Prune, default and validate (schema, list types, CEL, ratcheting against ``old``).

        Returns the object and warnings (``unknown field "spec.x"``). Raises ``status.BadRequest``
        (strict decoding) and ``status.Invalid`` with causes. ``metadata`` is the core's business,
        but rules on it may be checked.
        """
        ...


@dataclass(frozen=True, slots=True)
class Scale:
    """JSON paths (``.spec.replicas``) of a custom resource's scale subresource."""

    spec_replicas: str
    status_replicas: str
    label_selector: str = ""


@dataclass(frozen=True, slots=True)
class CustomResource:
    """One served version of one Established definition."""

    resource: gvk.Resource
    """``subresources`` holds "status" and "scale" as declared."""
    storage_version: str
    schema: Schema
    columns: tuple[PrinterColumn, ...] = ()
    """Without any: the core prints Name and Age."""
    selectable_fields: tuple[str, ...] = ()
    """JSON paths such as ``.spec.color``."""
    scale: Scale | None = None
    categories: tuple[str, ...] = ()
    list_kind: str = ""
    warning: str = ""
    """Sent as a Warning header when the version is deprecated."""


class CustomResources(Protocol):
    """The registry: follows CRD objects, maintains their conditions, cleans up after deletion."""

    @property
    def generation(self) -> int:
        """Changes whenever the set of served resources does: discovery's ETag depends on it."""
        ...

    def served(self) -> Sequence[CustomResource]: ...

    def get(self, group: str, version: str, plural: str) -> CustomResource | None: ...

    def validate_definition(self, crd: Object, old: Object | None) -> Object:
        """Defaults a CustomResourceDefinition (singular, listKind, conversion) and validates it.

        Called by the CRD strategy on create and update; raises ``status.Invalid``.
        """
        ...

    async def run(self, objects: Objects) -> None:
        """Follow the store until cancelled."""
        ...


# --- Bodies, documents, virtual creates, streams ------------------------------------------------


class Protobuf(Protocol):
    def decode(self, content: bytes) -> Object:
        """The JSON form (with kind and apiVersion) of an enveloped body; raises BadRequest."""
        ...


class OpenAPI(Protocol):
    def index(self) -> Object:
        """The body of ``/openapi/v3``: paths → serverRelativeURL with hash."""
        ...

    def document(self, path: str) -> bytes | None:
        """The document of ``api/v1`` or ``apis/<group>/<version>``; None when unknown."""
        ...

    def hash_of(self, path: str) -> str: ...


@dataclass(frozen=True, slots=True)
class CreateContext:
    """What a virtual create knows about its request."""

    user: UserInfo
    namespace: str
    name: str
    """Of the parent (the ServiceAccount for ``token``); empty for reviews."""
    objects: Objects


VirtualCreate = Callable[[Object, CreateContext], Awaitable[Object]]
"""Takes the decoded body, returns the answer (201); raises ``status`` errors."""


@dataclass(frozen=True, slots=True)
class StreamContext:
    user: UserInfo
    resource: gvk.Resource
    namespace: str
    name: str
    """As in the URL: for proxies ``[scheme:]name[:port]``."""
    subpath: str
    """What follows ``/proxy``, still escaped, with its leading slash; empty when there is none."""
    objects: Objects


StreamHandler = Callable[[Request, StreamContext], Awaitable[Response]]
"""Pods' ``log`` and ``proxy``, services' ``proxy``: answers the request itself."""


class Computed(Protocol):
    """A resource that is computed at each read: get and list, no watch, no writes."""

    @property
    def resource(self) -> gvk.Resource: ...

    async def read(self, namespace: str | None, name: str) -> list[Object]:
        """The objects of a namespace (None: of all), or the one of that name, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Hooks:
    """Everything that plugs into the core; ``None`` means refused by name."""

    authenticator: Authenticator
    authorizer: Authorizer
    custom_resources: CustomResources | None = None
    protobuf: Protobuf | None = None
    openapi: OpenAPI | None = None
    virtual_creates: Mapping[tuple[str, str], VirtualCreate] = field(default_factory=dict)
    """By (group, resource): ("authorization.k8s.io", "subjectaccessreviews"), and with the
    subresource after a slash: ("", "serviceaccounts/token")."""
    streams: Mapping[str, StreamHandler] = field(default_factory=dict)
    """By resource and subresource: ``pods/log``, ``pods/proxy``, ``services/proxy``."""
    computed: Sequence[Computed] = ()
    """The metrics API."""
