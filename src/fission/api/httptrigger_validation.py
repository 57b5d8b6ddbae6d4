"""What is refused in an HTTPTrigger."""

import re
from typing import Final

from fission.api import common_validation as common
from fission.api import fielderrors, httptrigger_types
from fission.api.fielderrors import FieldError

_HOST: Final = re.compile(httptrigger_types.DNS_NAME)
_INGRESS_HOST: Final = re.compile(rf"\*|(\*\.)?{httptrigger_types.DNS_NAME}")
_PROVIDERS: Final = (httptrigger_types.INGRESS, httptrigger_types.GATEWAY)


def validate(trigger: httptrigger_types.HTTPTrigger) -> list[FieldError]:
    """All faults of a route."""
    spec = trigger.spec
    return [
        *common.validate_metadata(trigger.metadata),
        *common.validate_function_reference(spec.function_ref, "spec.functionref"),
        *_validate_paths(spec),
        *_validate_methods(spec),
        *_validate_host(spec),
        *_validate_ingress(spec.ingress_config),
        *_validate_route(spec.route_config),
        *_validate_cors(spec.cors_config),
    ]


def _validate_paths(spec: httptrigger_types.HTTPTriggerSpec) -> list[FieldError]:
    if not spec.relative_url and not spec.prefix:
        return [fielderrors.required("spec.relativeurl", "relativeurl or prefix must be set")]
    return [
        error
        for name, path in (("relativeurl", spec.relative_url), ("prefix", spec.prefix))
        if path
        for error in validate_path(f"spec.{name}", path)
    ]


def validate_path(field: str, path: str) -> list[FieldError]:
    """A path that can be a route: absolute, not the root, not one of the router's own."""
    if not path.startswith("/"):
        return [fielderrors.invalid(field, path, "must start with /")]
    if path == "/":
        return [fielderrors.invalid(field, path, "url with only root path is not allowed")]
    if ".." in path.split("/"):
        return [fielderrors.invalid(field, path, "may not contain a .. segment")]
    internal = httptrigger_types.INTERNAL_PREFIX
    if path in httptrigger_types.RESERVED_PATHS:
        return [fielderrors.invalid(field, path, "is a path of the router itself")]
    if path.startswith(internal):
        return [fielderrors.invalid(field, path, f"may not start with {internal}")]
    return []


def _validate_methods(spec: httptrigger_types.HTTPTriggerSpec) -> list[FieldError]:
    allowed = httptrigger_types.METHODS
    errors = [
        fielderrors.unsupported(f"spec.methods[{index}]", method, allowed)
        for index, method in enumerate(spec.methods)
        if method not in allowed
    ]
    if spec.method and spec.method not in allowed:
        errors.append(fielderrors.unsupported("spec.method", spec.method, allowed))
    if spec.invocation_mode not in ("", httptrigger_types.ASYNC):
        modes = ("", httptrigger_types.ASYNC)
        errors.append(fielderrors.unsupported("spec.invocationMode", spec.invocation_mode, modes))
    return errors


def _validate_host(spec: httptrigger_types.HTTPTriggerSpec) -> list[FieldError]:
    if spec.host and not _HOST.fullmatch(spec.host):
        return [fielderrors.invalid("spec.host", spec.host, "must be a lower-case DNS name")]
    return []


def _validate_ingress(config: httptrigger_types.IngressConfig) -> list[FieldError]:
    errors = []
    if config.path and not config.path.startswith("/"):
        errors.append(
            fielderrors.invalid("spec.ingressconfig.path", config.path, "must start with /")
        )
    if config.host and not _INGRESS_HOST.fullmatch(config.host):
        errors.append(
            fielderrors.invalid(
                "spec.ingressconfig.host", config.host, "must be *, a DNS name or *.<DNS name>"
            )
        )
    return errors


def _validate_route(config: httptrigger_types.RouteConfig | None) -> list[FieldError]:
    if config is None:
        return []
    errors = []
    if config.provider not in _PROVIDERS:
        errors.append(
            fielderrors.unsupported("spec.routeConfig.provider", config.provider, _PROVIDERS)
        )
    if config.path and not config.path.startswith("/"):
        errors.append(
            fielderrors.invalid("spec.routeConfig.path", config.path, "must start with /")
        )
    if config.provider == httptrigger_types.GATEWAY:
        if config.tls:
            errors.append(fielderrors.forbidden("spec.routeConfig.tls", "only for ingress"))
        if config.gateway is None or not config.gateway.parent_refs:
            errors.append(fielderrors.required("spec.routeConfig.gateway.parentRefs"))
    return errors


def _validate_cors(config: httptrigger_types.CorsConfig | None) -> list[FieldError]:
    if config is None:
        return []
    errors = common.validate_duration("spec.corsConfig.maxAge", config.max_age)
    if config.allow_credentials and "*" in config.allow_origins:
        errors.append(
            fielderrors.invalid(
                "spec.corsConfig.allowOrigins", "*", "may not be * together with allowCredentials"
            )
        )
    return errors
