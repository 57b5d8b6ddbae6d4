"""From a definition to the resources that it serves: one ``hooks.CustomResource`` a version."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fission.cluster.apiserver import hooks
from fission.cluster.apiserver.crd import admission, definition
from fission.meta import gvk

_KUBE_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_STAGES = {None: 2, "beta": 1, "alpha": 0}


def version_priority(version: str) -> tuple[int, ...] | tuple[int, str]:
    """A sort key: v2 before v1 before v1beta2 before v1alpha1 before anything else."""
    match = _KUBE_VERSION.fullmatch(version)
    if match is None:
        return 1, version
    major, stage, minor = match.groups()
    return 0, -_STAGES[stage], -int(major), -int(minor or 0)


def make_resources(crd: definition.Definition) -> list[hooks.CustomResource]:
    """The served versions, preferred first; schemas are compiled here."""
    served = [version for version in crd["spec"]["versions"] if version.get("served")]
    served.sort(key=lambda version: version_priority(version["name"]))
    return [_make_resource(crd, version, served) for version in served]


def _make_resource(
    crd: definition.Definition, version: Mapping[str, Any], served: list[Mapping[str, Any]]
) -> hooks.CustomResource:
    spec, names = crd["spec"], crd["spec"]["names"]
    scale = _make_scale(version)
    subresources = version.get("subresources") or {}
    return hooks.CustomResource(
        resource=gvk.Resource(
            group=spec["group"],
            version=version["name"],
            kind=names["kind"],
            plural=names["plural"],
            namespaced=spec["scope"] == "Namespaced",
            singular=names["singular"],
            short_names=tuple(names.get("shortNames") or ()),
            subresources=tuple(part for part in ("status", "scale") if part in subresources),
        ),
        storage_version=definition.storage_version(crd),
        schema=admission.Admission(
            spec["group"],
            version["name"],
            names["kind"],
            version["schema"]["openAPIV3Schema"],
            scale,
        ),
        columns=tuple(
            hooks.PrinterColumn(
                name=column["name"],
                type=column["type"],
                json_path=column["jsonPath"],
                format=column.get("format") or "",
                description=column.get("description") or "",
                priority=column.get("priority") or 0,
            )
            for column in version.get("additionalPrinterColumns") or ()
        ),
        selectable_fields=tuple(
            field["jsonPath"] for field in version.get("selectableFields") or ()
        ),
        scale=scale,
        categories=tuple(names.get("categories") or ()),
        list_kind=names["listKind"],
        warning=_warning(crd, version, served),
    )


def _make_scale(version: Mapping[str, Any]) -> hooks.Scale | None:
    scale = (version.get("subresources") or {}).get("scale")
    if scale is None:
        return None
    return hooks.Scale(
        scale["specReplicasPath"], scale["statusReplicasPath"], scale.get("labelSelectorPath") or ""
    )


def _warning(
    crd: definition.Definition, version: Mapping[str, Any], served: list[Mapping[str, Any]]
) -> str:
    if not version.get("deprecated"):
        return ""
    if version.get("deprecationWarning"):
        return str(version["deprecationWarning"])
    group, kind = crd["spec"]["group"], crd["spec"]["names"]["kind"]
    text = f"{group}/{version['name']} {kind} is deprecated"
    better = next((v["name"] for v in served if not v.get("deprecated")), None)
    return f"{text}; use {group}/{better} {kind}" if better else text
