"""How a route is shown outside the cluster: the Ingress or HTTPRoute that a trigger wants. Pure.

They lie in the platform's namespace, beside the Service that they lead to, and are named like their
trigger. Of triggers of one name in several namespaces the oldest has the plain name; the others'
objects are called `<name>-<namespace>`, with a part of their trigger's UID if that is taken, too.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from fission.api import httptrigger_types, labels
from fission.base import errors
from fission.meta import gvk
from fission.router import routes

if TYPE_CHECKING:
    from collections.abc import Iterable

Obj = dict[str, Any]
Spec = httptrigger_types.HTTPTriggerSpec

INGRESSES: Final = gvk.INGRESSES
HTTPROUTES: Final = gvk.Resource(
    "gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes", True, "httproute"
)
SERVICE: Final = "router"
SERVICE_PORT: Final = 80
TRIGGER_NAME: Final = "triggerName"
TRIGGER_NAMESPACE: Final = "triggerNamespace"
FUNCTION_NAME: Final = "functionName"
LABELS: Final = (TRIGGER_NAME, TRIGGER_NAMESPACE, FUNCTION_NAME)

_HOST: Final = re.compile(rf"(\*\.)?{httptrigger_types.DNS_NAME}")


class ExposureError(errors.Error):
    """What cannot be made of a trigger; the message names the field."""

    reason = "InvalidIngressConfig"


@dataclasses.dataclass(frozen=True)
class Exposure:
    """What holds for all triggers."""

    namespace: str = "fission"
    default_parent: httptrigger_types.ParentRef | None = None
    """The Gateway of routes that name none."""

    def check(self, spec: Spec) -> None:
        """Raises ExposureError when what the trigger wants cannot be made."""
        if provider(spec) is not None:
            self._check(spec)

    def plan(self, triggers: Iterable[httptrigger_types.HTTPTrigger]) -> dict[str, list[Obj]]:
        """Everything that should be there, by plural."""
        wanted: dict[str, dict[str, Obj]] = {INGRESSES.plural: {}, HTTPROUTES.plural: {}}
        for trigger in sorted(triggers, key=routes.seniority):
            chosen = provider(trigger.spec)
            if chosen is None:
                continue
            try:
                self._check(trigger.spec)
            except ExposureError:
                continue
            resource = HTTPROUTES if chosen == httptrigger_types.GATEWAY else INGRESSES
            taken = wanted[resource.plural]
            name = trigger.metadata.name
            if name in taken:
                name = f"{name}-{trigger.metadata.namespace}"
            if name in taken:
                name = f"{name}-{trigger.metadata.uid[:8]}"
            make = self._http_route if resource is HTTPROUTES else self._ingress
            taken[name] = make(trigger, name)
        return {plural: list(found.values()) for plural, found in wanted.items()}

    def _check(self, spec: Spec) -> None:
        config = spec.route_config
        if config is None:
            _check_host("spec.ingressconfig.host", spec.ingress_config.host)
            _check_path("spec.ingressconfig.path", spec.ingress_config.path)
            return
        if config.provider not in (httptrigger_types.INGRESS, httptrigger_types.GATEWAY):
            raise ExposureError(
                f"spec.routeConfig.provider: {config.provider!r} is neither"
                f" {httptrigger_types.INGRESS} nor {httptrigger_types.GATEWAY}"
            )
        for host in config.hostnames:
            _check_host("spec.routeConfig.hostnames", host)
        _check_path("spec.routeConfig.path", config.path)
        if config.provider == httptrigger_types.GATEWAY:
            if config.tls:
                raise ExposureError(
                    "spec.routeConfig.tls: belongs to the Gateway's listener, not to a route"
                )
            if not self._parents(config):
                raise ExposureError(
                    "spec.routeConfig.gateway.parentRefs: names no Gateway, and there is no"
                    " default one (GATEWAY_DEFAULT_PARENTREF)"
                )

    def _parents(self, config: httptrigger_types.RouteConfig) -> list[httptrigger_types.ParentRef]:
        named = config.gateway.parent_refs if config.gateway is not None else []
        return named or ([self.default_parent] if self.default_parent is not None else [])

    def _metadata(
        self, trigger: httptrigger_types.HTTPTrigger, name: str, annotations: dict[str, str] | None
    ) -> Obj:
        values = (trigger.metadata.name, trigger.metadata.namespace, trigger.spec.function_ref.name)
        metadata: Obj = {
            "name": name,
            "namespace": self.namespace,
            "labels": {
                label: value[:63].rstrip("-._") for label, value in zip(LABELS, values, strict=True)
            },
        }
        metadata["annotations"] = dict(annotations or {})
        return metadata

    def _ingress(self, trigger: httptrigger_types.HTTPTrigger, name: str) -> Obj:
        spec = trigger.spec
        config, old = spec.route_config, spec.ingress_config
        host, path = spec.host, spec.prefix or spec.relative_url
        if config is not None:
            annotations, tls = config.annotations, config.tls
            host = config.hostnames[0] if config.hostnames else host
            path = config.path or path
        else:
            annotations, tls = old.annotations, old.tls
            if old.host and old.path:
                host, path = old.host, old.path
        host = "" if host == "*" else host
        backend = {"service": {"name": SERVICE, "port": {"number": SERVICE_PORT}}}
        one = {"path": path, "pathType": "ImplementationSpecific", "backend": backend}
        rule: Obj = {"host": host} if host else {}
        rule["http"] = {"paths": [one]}
        wire: Obj = {
            "apiVersion": INGRESSES.api_version,
            "kind": INGRESSES.kind,
            "metadata": self._metadata(trigger, name, annotations),
            "spec": {"rules": [rule]},
        }
        if tls:
            wire["spec"]["tls"] = [{**({"hosts": [host]} if host else {}), "secretName": tls}]
        return _marked(wire)

    def _http_route(self, trigger: httptrigger_types.HTTPTrigger, name: str) -> Obj:
        config = trigger.spec.route_config
        assert config is not None, "only a routeConfig names a Gateway"
        spec: Obj = {
            "parentRefs": [_parent(each) for each in self._parents(config)],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": config.path or "/"}}],
                    "backendRefs": [{"name": SERVICE, "port": SERVICE_PORT}],
                }
            ],
        }
        hosts = [host for host in config.hostnames if host != "*"]
        if hosts:
            spec["hostnames"] = hosts
        wire = {
            "apiVersion": HTTPROUTES.api_version,
            "kind": HTTPROUTES.kind,
            "metadata": self._metadata(trigger, name, config.annotations),
            "spec": spec,
        }
        return _marked(wire)


STANDARD: Final = Exposure()


def provider(spec: Spec) -> str | None:
    """What a trigger wants to be shown with, if with anything."""
    if spec.route_config is not None:
        return spec.route_config.provider
    return httptrigger_types.INGRESS if spec.create_ingress else None


def parse_parent(text: str) -> httptrigger_types.ParentRef | None:
    """A Gateway as settings name it: `name` or `namespace/name`."""
    namespace, _, name = text.strip().rpartition("/")
    return httptrigger_types.ParentRef(name=name, namespace=namespace) if name else None


def differs(wanted: Obj, found: Obj) -> bool:
    """Whether what is there lacks something of what should be, or was made of something else."""
    parts = [(wanted["metadata"], found["metadata"]), (wanted["spec"], found.get("spec"))]
    return not all(_says(*part) for part in parts)


def _marked(wire: Obj) -> Obj:
    """With a digest of itself: what was taken out of a trigger is noticed by it."""
    text = json.dumps([wire["metadata"], wire["spec"]], sort_keys=True)
    wire["metadata"]["annotations"][labels.ROUTE_DIGEST] = hashlib.sha256(
        text.encode()
    ).hexdigest()[:16]
    return wire


def _says(wanted: Any, found: Any) -> bool:
    """Whether every wanted field is there; what the server added does not count."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_says(v, found.get(k)) for k, v in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(wanted) == len(found)
            and all(_says(*pair) for pair in zip(wanted, found, strict=True))
        )
    return bool(wanted == found)


def _parent(reference: httptrigger_types.ParentRef) -> Obj:
    found: Obj = {"name": reference.name}
    if reference.namespace:
        found["namespace"] = reference.namespace
    if reference.section_name:
        found["sectionName"] = reference.section_name
    if reference.port is not None:
        found["port"] = reference.port
    return found


def _check_host(field: str, host: str) -> None:
    if host and host != "*" and not _HOST.fullmatch(host):
        raise ExposureError(f"{field}: {host!r} is neither * nor a DNS name nor *.<DNS name>")


def _check_path(field: str, path: str) -> None:
    if path and not path.startswith("/"):
        raise ExposureError(f"{field}: {path!r} must start with /")
