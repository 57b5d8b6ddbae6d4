"""Settings of the router; durations are seconds, or Go's form such as `50ms`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from fission.base import settings

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be set. Names and defaults are Fission's where Fission has them."""

    dial_timeout_seconds: float = settings.setting("ROUTER_ROUND_TRIP_TIMEOUT", 0.05)
    """Time to connect to a pod, and first pause before a retry."""
    backoff_factor: int = settings.setting("ROUTER_ROUNDTRIP_TIMEOUT_EXPONENT", 2)
    """Growth of the pause."""
    max_retries: int = settings.setting("ROUTER_ROUND_TRIP_MAX_RETRIES", 10)
    """Attempts for one request."""
    address_max_retries: int = settings.setting("ROUTER_SVC_ADDRESS_MAX_RETRIES", 5)
    """Dial timeouts after which an address is dropped."""
    keep_alive: bool = settings.setting("ROUTER_KEEP_ALIVE", True)
    """Whether connections to pods are kept."""
    max_idle_per_host: int = settings.setting("ROUTER_ROUND_TRIP_MAX_IDLE_CONNS_PER_HOST", 256)
    """Kept connections to one pod."""
    upstream_idle_seconds: float = settings.setting("ROUTER_UPSTREAM_IDLE", 55.0)
    """How long a connection to a pod is kept: shorter than runtimes keep theirs."""
    untap_timeout_seconds: float = settings.setting("ROUTER_UNTAP_SERVICE_TIMEOUT", 30.0)
    """Bound of one report to the executor."""
    tap_interval_seconds: float = settings.setting("ROUTER_TAP_INTERVAL", 5.0)
    """Pause between reports of use."""
    provisional_seconds: float = settings.setting("ROUTER_SVC_ADDRESS_TTL", 60.0)
    """How long an address from the executor counts before an EndpointSlice shows it."""
    quarantine_seconds: float = settings.setting("ROUTER_QUARANTINE", 30.0)
    """How long an endpoint that refused a connection is left alone."""
    max_queued_per_function: int = settings.setting("ROUTER_MAX_QUEUED_PER_FUNCTION", 1000)
    """Requests of one function that may wait for a pod; 429 beyond."""
    max_starting_per_function: int = settings.setting("ROUTER_MAX_STARTING_PER_FUNCTION", 20)
    """Pods of one function asked for at once; the executor's own bound."""
    max_starting: int = settings.setting("ROUTER_MAX_STARTING", 1000)
    """Pods asked for at once in all. Wide: a call waits for its pod, so a burst in an environment
    that is out of pods must not use up the calls for those that have some."""
    max_body_bytes: int = settings.setting("ROUTER_MAX_BODY_BYTES", 256 * 1024 * 1024)
    """Longest request body; 413 beyond."""
    max_head_bytes: int = settings.setting("ROUTER_MAX_HEAD_BYTES", 32 * 1024)
    """Longest request or response head."""
    max_connections: int = settings.setting("ROUTER_MAX_CONNECTIONS", 8192)
    """Client connections of one listener; 503 beyond."""
    client_head_seconds: float = settings.setting("ROUTER_HEAD_TIMEOUT", 10.0)
    """Time for a client to send a whole head; Fission's ReadHeaderTimeout."""
    client_body_seconds: float = settings.setting("ROUTER_BODY_TIMEOUT", 30.0)
    """How long a client may pause in the middle of a body that it sends; 408 then."""
    client_write_seconds: float = settings.setting("ROUTER_WRITE_TIMEOUT", 30.0)
    """How long a client may take nothing of an answer that waits for it; cut off then."""
    client_idle_seconds: float = settings.setting("ROUTER_IDLE_TIMEOUT", 75.0)
    """How long a client's connection without a request is kept; nginx's default."""
    stream_idle_seconds: float = settings.setting("ROUTER_STREAM_IDLE_TIMEOUT", 60.0)
    """Longest silence of a streaming function that names none."""
    tunnel_idle_seconds: float = settings.setting("ROUTER_WEBSOCKET_IDLE_TIMEOUT", 3600.0)
    """Longest silence of a WebSocket of a function that names none; 0: without end."""
    peer_probe_seconds: float = settings.setting("ROUTER_ROUND_TRIP_KEEP_ALIVE_TIME", 30.0)
    """Silence after which the kernel asks a peer whether it is there; another such time without
    an answer ends the connection."""
    structured_errors: bool = settings.setting("ROUTER_STRUCTURED_ERRORS", True)
    """JSON error bodies; plain text otherwise."""
    debug: bool = settings.setting("DEBUG_ENV", False)
    """Tell details of errors to callers who ask with `X-Fission-Debug: true`."""
    access_log: bool = settings.setting("DISPLAY_ACCESS_LOG", False)
    """A line of JSON on standard output for each request."""
    use_encoded_path: bool = settings.setting("USE_ENCODED_PATH", False)
    """Match routes on the path as it was sent, not as it reads."""
    jwt_signing_key: str = settings.setting("JWT_SIGNING_KEY", "")
    """Secret that tokens are signed with, 32 bytes or more. With it the public listener asks for
    tokens; without it everybody may call. From the Secret `router`."""
    auth_username: str = settings.setting("AUTH_USERNAME", "admin")
    """Who may log in."""
    auth_password: str = settings.setting("AUTH_PASSWORD", "")
    """The password of that user; needed with `JWT_SIGNING_KEY`. From the Secret `router`."""
    auth_uri_path: str = settings.setting("AUTH_URI_PATH", "/auth/login")
    """Where tokens are given; `authUriPath` of the feature configuration comes first."""
    jwt_expiry_seconds: float = settings.setting("JWT_EXPIRY_TIME", 120.0)
    """Life of a token; `jwtExpiryTime` of the feature configuration comes first."""
    jwt_issuer: str = settings.setting("JWT_ISSUER", "fission")
    """Who tokens say they are from; `jwtIssuer` of the feature configuration comes first."""
    feature_config: str = settings.setting("FEATURE_CONFIG", "/etc/config/config.yaml")
    """The feature configuration, which may be absent: YAML, plain or in base64."""
    grace_seconds: float = settings.setting("GRACEFUL_SHUTDOWN_TIMEOUT", 30.0)
    """Time for running requests to finish at shutdown."""
    pod_namespace: str = settings.setting("POD_NAMESPACE", "fission")
    """Where the platform runs; the executor is looked for there."""
    tenancy_mode: str = settings.setting("FISSION_TENANCY_MODE", "static")
    """`cluster`: every namespace; otherwise those that the next two name."""
    default_namespace: str = settings.setting("FISSION_DEFAULT_NAMESPACE", "default")
    """The first namespace with functions; Kubernetes' own default."""
    resource_namespaces: tuple[str, ...] = settings.setting("FISSION_RESOURCE_NAMESPACES", ())
    """Further namespaces with functions and triggers."""
    function_namespace: str = settings.setting("FISSION_FUNCTION_NAMESPACE", "")
    """Where pods of functions of the default namespace are, if not beside them."""
    default_gateway: str = settings.setting("GATEWAY_DEFAULT_PARENTREF", "")
    """Gateway of triggers that want one and name none: `name` or `namespace/name`."""
    executor_url: str = settings.setting("EXECUTOR_URL", "")
    """The executor's URL; empty: its Service is looked up."""
    public_port: int = settings.setting("ROUTER_LISTEN_PORT", 8888)
    """Public port where no socket is handed over. (`ROUTER_PORT` is Kubernetes' own variable.)"""
    internal_port: int = settings.setting("ROUTER_INTERNAL_LISTEN_PORT", 8889)
    """Internal port where no socket is handed over."""
    resync_seconds: float = settings.setting("ROUTER_RESYNC", 60.0)
    """Full rebuild of the route table, whatever was or was not noticed."""

    @property
    def namespaces(self) -> list[str | None]:
        """Namespaces whose functions and triggers are served; None is every one."""
        if self.tenancy_mode == "cluster":
            return [None]
        return list(dict.fromkeys((self.default_namespace, *self.resource_namespaces)))

    @property
    def pod_namespaces(self) -> list[str | None]:
        """Namespaces in which functions have their pods."""
        if self.tenancy_mode == "cluster" or not self.function_namespace:
            return self.namespaces
        return list(dict.fromkeys((*self.namespaces, self.function_namespace)))


def from_env(env: Mapping[str, str]) -> Config:
    """Read the settings; raises SettingsError naming the variable."""
    return settings.load(Config, env)
