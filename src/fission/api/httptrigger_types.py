"""HTTPTrigger: a public route, by path, methods and host, to a function."""

from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import field

from fission.api import reference_types, schema
from fission.meta import objectmeta

METHODS: Final = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
)
RESERVED_PATHS: Final = ("/router-healthz", "/readyz", "/_version", "/auth/login")
INTERNAL_PREFIX: Final = "/fission-function/"
ASYNC: Final = "async"
INGRESS: Final = "ingress"
GATEWAY: Final = "gateway"

DNS_NAME: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"


class IngressConfig(schema.Model):
    """The Ingress that is made for the route."""

    annotations: Annotated[
        dict[str, str] | None, schema.doc("Annotations of the Ingress.", nullable=True)
    ] = None
    path: Annotated[str, schema.doc("Absolute path; the route's if empty.")] = ""
    host: Annotated[
        str,
        schema.doc("Host; `*` or empty is every one.", pattern=f"^(\\*|(\\*\\.)?{DNS_NAME})?$"),
    ] = ""
    tls: Annotated[str, schema.doc("Secret with the certificate.")] = ""


class ParentRef(schema.Model):
    """A Gateway that the route hangs on."""

    required: ClassVar[tuple[str, ...]] = ("name",)
    written: ClassVar[tuple[str, ...]] = ("name",)

    name: Annotated[str, schema.doc("Its name.", minLength=1)] = ""
    namespace: Annotated[str, schema.doc("Its namespace.")] = ""
    section_name: Annotated[str, schema.doc("Its listener.")] = ""
    port: Annotated[int | None, schema.doc("Its port.", minimum=1, maximum=65535)] = None


class GatewayConfig(schema.Model):
    """Gateways of an HTTPRoute."""

    parent_refs: Annotated[list[ParentRef], schema.doc("The Gateways.")] = field(
        default_factory=list
    )


class RouteConfig(schema.Model):
    """How the route is shown outside the cluster."""

    required: ClassVar[tuple[str, ...]] = ("provider",)
    written: ClassVar[tuple[str, ...]] = ("provider",)

    provider: Annotated[
        str, schema.doc("Kind of object that is made.", enum=[INGRESS, GATEWAY])
    ] = INGRESS
    hostnames: Annotated[list[str], schema.doc("Host names.", **schema.AS_SET)] = field(
        default_factory=list
    )
    path: Annotated[str, schema.doc("Absolute path; the route's if empty.")] = ""
    annotations: Annotated[
        dict[str, str] | None, schema.doc("Annotations of what is made.", nullable=True)
    ] = None
    tls: Annotated[str, schema.doc("Secret with the certificate; ingress.")] = ""
    gateway: Annotated[GatewayConfig | None, schema.doc("Gateways; gateway.")] = None


class CorsConfig(schema.Model):
    """What other origins may do."""

    allow_origins: Annotated[list[str], schema.doc("Origins, or `*`.", **schema.AS_SET)] = field(
        default_factory=list
    )
    allow_methods: Annotated[list[str], schema.doc("Methods.", **schema.AS_SET)] = field(
        default_factory=list
    )
    allow_headers: Annotated[list[str], schema.doc("Request headers.", **schema.AS_SET)] = field(
        default_factory=list
    )
    expose_headers: Annotated[list[str], schema.doc("Response headers.", **schema.AS_SET)] = field(
        default_factory=list
    )
    allow_credentials: Annotated[bool, schema.doc("Whether cookies are sent.")] = False
    max_age: Annotated[str, schema.doc("How long a preflight is kept, a duration.")] = ""


def _path_rules(name: str) -> tuple[schema.Rule, ...]:
    """What holds for a path that is given; the same rules are in ``httptrigger_validation``."""
    path = f"self.{name}"
    absent = f"!has({path}) || {path} == ''"
    reserved = ", ".join(f"'{each}'" for each in RESERVED_PATHS)
    return (
        schema.Rule(f"{absent} || {path}.startsWith('/')", f"{name} must start with /"),
        schema.Rule(f"{absent} || {path} != '/'", f"{name} with only root path is not allowed"),
        schema.Rule(
            f"{absent} || !{path}.matches('(^|/)[.][.](/|$)')",
            f"{name} may not contain a .. segment",
        ),
        schema.Rule(
            f"{absent} || !({path} in [{reserved}])",
            f"{name} is a path of the router itself",
        ),
        schema.Rule(
            f"{absent} || !{path}.startsWith('{INTERNAL_PREFIX}')",
            f"{name} may not start with {INTERNAL_PREFIX}",
        ),
    )


class HTTPTriggerSpec(schema.Model):
    """What a route is."""

    required: ClassVar[tuple[str, ...]] = ("functionref",)
    written: ClassVar[tuple[str, ...]] = ("function_ref", "relative_url")
    rules: ClassVar[tuple[schema.Rule, ...]] = (
        schema.Rule(
            "(has(self.relativeurl) && self.relativeurl != '')"
            " || (has(self.prefix) && self.prefix != '')",
            "relativeurl or prefix must be set",
        ),
        *_path_rules("relativeurl"),
        *_path_rules("prefix"),
    )

    function_ref: Annotated[reference_types.FunctionReference, schema.doc("What is called.")] = (
        field(default_factory=reference_types.FunctionReference, name="functionref")
    )
    host: Annotated[
        str,
        schema.doc("Host that the request must name; empty is any.", pattern=f"^({DNS_NAME})?$"),
    ] = ""
    relative_url: Annotated[
        str, schema.doc("The exact path, or a template such as `/users/{id}`.")
    ] = field(default="", name="relativeurl")
    prefix: Annotated[
        str | None, schema.doc("Path and everything below it; wins over relativeurl.")
    ] = None
    keep_prefix: Annotated[bool, schema.doc("The function sees the path with its prefix.")] = False
    method: Annotated[str, schema.doc("Deprecated: one more method.", enum=["", *METHODS])] = ""
    methods: Annotated[
        list[str],
        schema.doc(
            "Methods; none accepts nothing.", **schema.AS_SET, items={"enum": list(METHODS)}
        ),
    ] = field(default_factory=list)
    invocation_mode: Annotated[
        str, schema.doc("`async` answers 202 and calls later.", enum=["", ASYNC])
    ] = ""
    create_ingress: Annotated[bool, schema.doc("Makes an Ingress.")] = field(
        default=False, name="createingress"
    )
    ingress_config: Annotated[IngressConfig, schema.doc("The Ingress that is made.")] = field(
        default_factory=IngressConfig, name="ingressconfig"
    )
    route_config: Annotated[
        RouteConfig | None, schema.doc("Ingress or HTTPRoute that is made.")
    ] = None
    cors_config: Annotated[CorsConfig | None, schema.doc("Rules for other origins.")] = None


class HTTPTriggerStatus(reference_types.TriggerStatus):
    """What is known of a route. Written by the router."""


class HTTPTrigger(schema.Model):
    """A public route."""

    api_version: str = "fission.io/v1"
    kind: str = "HTTPTrigger"
    metadata: objectmeta.ObjectMeta = msgspec.field(default_factory=objectmeta.ObjectMeta)
    spec: HTTPTriggerSpec = msgspec.field(default_factory=HTTPTriggerSpec)
    status: HTTPTriggerStatus = msgspec.field(default_factory=HTTPTriggerStatus)
