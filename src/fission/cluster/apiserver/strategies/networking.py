"""Ingresses: defaults and validation. They are kept and shown; nothing here acts on them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from fission.cluster.apiserver.strategies import base
from fission.meta import names, status

PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")
_BAD_PATHS: Final = re.compile(r"//|/\./|/\.\./|%2[fF]|/\.\.?$")


class Ingresses(base.Strategy):
    has_status = True
    has_generation = True
    creates_on_update = True

    def prepare_create(self, obj: base.Object, around: base.Surroundings) -> None:
        obj["status"] = {"loadBalancer": {}}
        self.default(obj)

    def default(self, obj: base.Object) -> None:
        base.child(obj, "spec")

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        spec = obj["spec"]
        rules, backend = spec.get("rules") or [], spec.get("defaultBackend")
        causes: base.Causes = []
        if not rules and backend is None:
            causes.append(
                status.invalid_value(
                    "spec", rules, "either `defaultBackend` or `rules` must be specified"
                )
            )
        if backend is not None:
            causes += _backend("spec.defaultBackend", backend)
        for position, rule in enumerate(rules):
            causes += _rule(f"spec.rules[{position}]", rule)
        for position, tls in enumerate(spec.get("tls") or ()):
            for index, host in enumerate(tls.get("hosts") or ()):
                causes += _host(f"spec.tls[{position}].hosts[{index}]", host)
        return causes


def _rule(path: str, rule: base.Object) -> base.Causes:
    causes = _host(f"{path}.host", rule["host"]) if rule.get("host") else []
    http = rule.get("http")
    if http is None:
        return causes
    paths: Sequence[Any] = http.get("paths") or ()
    if not paths:
        return [*causes, status.required(f"{path}.http.paths")]
    for position, one in enumerate(paths):
        here = f"{path}.http.paths[{position}]"
        causes += _path(here, one)
        causes += _backend(f"{here}.backend", one.get("backend") or {})
    return causes


def _path(path: str, one: base.Object) -> base.Causes:
    kind, value = one.get("pathType"), one.get("path") or ""
    if kind is None:
        return [status.required(f"{path}.pathType", "pathType must be specified")]
    if kind not in PATH_TYPES:
        return [status.not_supported(f"{path}.pathType", kind, PATH_TYPES)]
    if not value.startswith("/") and (value or kind != "ImplementationSpecific"):
        return [status.invalid_value(f"{path}.path", value, "must be an absolute path")]
    found = _BAD_PATHS.search(value) if kind != "ImplementationSpecific" else None
    if found is not None:
        return [status.invalid_value(f"{path}.path", value, f"must not contain '{found[0]}'")]
    return []


def _backend(path: str, backend: base.Object) -> base.Causes:
    service, resource = backend.get("service"), backend.get("resource")
    if (service is None) == (resource is None):
        wrong = "cannot set both resource and service backends"
        missing = "resource or service backend is required"
        if service is None:
            return [status.required(path, missing)]
        return [status.invalid_value(path, "", wrong)]
    if service is None:
        return []
    if not service.get("name"):
        return [status.required(f"{path}.service.name")]
    causes = base.problems(
        f"{path}.service.name", service["name"], names.label_problems(service["name"])
    )
    port = service.get("port") or {}
    if bool(port.get("name")) == bool(port.get("number")):
        return [*causes, status.required(f"{path}.service.port", "port name or number is required")]
    if port.get("number"):
        causes += base.port_causes(f"{path}.service.port.number", port["number"])
    return causes


def _host(path: str, host: str) -> base.Causes:
    plain = host.removeprefix("*.")
    return base.problems(path, host, names.subdomain_problems(plain))
