"""Pods: ServiceAccount admission, what may change, graceful deletion, field selectors."""

from __future__ import annotations

from collections.abc import Mapping

from fission.cluster.apiserver.strategies import base, podspec
from fission.meta import codec, gvk, status

TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_TOKEN_SECONDS = 3607
"""Upstream's odd number: it marks tokens that clients may use past their hour."""

_TOLERATIONS = [
    {
        "key": f"node.kubernetes.io/{condition}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }
    for condition in ("not-ready", "unreachable")
]


class Pods(base.Strategy):
    terse_field_errors = True
    has_status = True
    has_generation = True
    durable = False
    status_keeps_metadata = False
    delete_returns_object = True

    def prepare_create(self, obj: base.Object, around: base.Surroundings) -> None:
        spec = base.child(obj, "spec")
        podspec.default_spec(spec)
        base.setdefaults(spec, {"serviceAccountName": "default", "serviceAccount": "default"})
        base.setdefaults(spec, {"preemptionPolicy": "PreemptLowerPriority"})
        spec.setdefault("priority", 0)
        spec.setdefault("enableServiceLinks", True)
        tolerations = spec.setdefault("tolerations", [])
        for wanted in _TOLERATIONS:
            if not any(t.get("key") in (wanted["key"], None) for t in tolerations):
                tolerations.append(dict(wanted))
        obj["status"] = {"phase": "Pending", "qosClass": podspec.qos_class(spec)}

    def admit(self, obj: base.Object, around: base.Surroundings) -> None:
        """The ServiceAccount must exist; its token becomes a projected volume."""
        metadata, spec = obj["metadata"], obj["spec"]
        namespace, name = metadata["namespace"], spec["serviceAccountName"]
        account = around.objects.get(gvk.SERVICEACCOUNTS, namespace, name)
        if account is None:
            raise status.forbidden(
                gvk.PODS,
                metadata.get("name") or metadata.get("generateName") or "",
                f"error looking up service account {namespace}/{name}: "
                f'serviceaccount "{name}" not found',
            )
        if account.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
            spec["imagePullSecrets"] = codec.deep_copy(account["imagePullSecrets"])
        wanted = spec.get("automountServiceAccountToken")
        if wanted is None:
            wanted = account.get("automountServiceAccountToken")
        if wanted is not False:
            _mount_token(spec, "kube-api-access-" + around.new_suffix(5))

    def default(self, obj: base.Object) -> None:
        podspec.default_spec(base.child(obj, "spec"))

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        return podspec.validate_spec(obj["spec"], "spec")

    def validate_update(
        self, obj: base.Object, old: base.Object, around: base.Surroundings
    ) -> base.Causes:
        if _frozen(obj["spec"], old["spec"]) == old["spec"]:
            return []
        return [
            status.forbidden_field(
                "spec",
                "pod updates may not change fields other than `spec.containers[*].image`,"
                "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
                "(only additions to existing tolerations),`spec.terminationGracePeriodSeconds` "
                "(allow it to be set to 1 if it was previously negative)",
            )
        ]

    def selectable_fields(self, obj: base.Object) -> Mapping[str, str]:
        spec, found = obj.get("spec") or {}, obj.get("status") or {}
        return {
            "spec.nodeName": spec.get("nodeName") or "",
            "spec.restartPolicy": spec.get("restartPolicy") or "",
            "spec.schedulerName": spec.get("schedulerName") or "",
            "spec.serviceAccountName": spec.get("serviceAccountName") or "",
            "spec.hostNetwork": "true" if spec.get("hostNetwork") else "false",
            "status.phase": found.get("phase") or "",
            "status.podIP": found.get("podIP") or "",
            "status.podIPs": found.get("podIP") or "",
            "status.nominatedNodeName": found.get("nominatedNodeName") or "",
        }

    def grace_period(self, obj: base.Object, asked: int | None) -> int:
        """None for pods that no kubelet runs, or whose containers have ended."""
        spec = obj.get("spec") or {}
        phase = (obj.get("status") or {}).get("phase")
        if not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
            return 0
        if asked is not None:
            return max(asked, 0)
        return max(int(spec.get("terminationGracePeriodSeconds") or 0), 0)


def _mount_token(spec: base.Object, volume: str) -> None:
    mounted = False
    for field in podspec.CONTAINER_LISTS:
        for container in spec.get(field) or ():
            mounts = container.get("volumeMounts") or []
            if any(mount.get("mountPath") == TOKEN_PATH for mount in mounts):
                continue
            mount = {"name": volume, "readOnly": True, "mountPath": TOKEN_PATH}
            container["volumeMounts"] = [*mounts, mount]
            mounted = True
    if not mounted:
        return
    root_ca = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    reference = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": _TOKEN_SECONDS, "path": "token"}},
        {"configMap": root_ca},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": reference}]}},
    ]
    projected = {"sources": sources, "defaultMode": 0o644}
    spec["volumes"] = [*(spec.get("volumes") or ()), {"name": volume, "projected": projected}]


def _frozen(new: base.Object, old: base.Object) -> base.Object:
    """The new spec with what may change set back to the old: must equal the old one."""
    frozen = dict(new)
    for field in ("activeDeadlineSeconds", "terminationGracePeriodSeconds"):
        if field in old:
            frozen[field] = old[field]
        else:
            frozen.pop(field, None)
    before = old.get("tolerations") or []
    if (new.get("tolerations") or [])[: len(before)] == before:
        frozen["tolerations"] = before
    for field in ("containers", "initContainers"):
        old_list = old.get(field) or []
        if len(frozen.get(field) or ()) == len(old_list) and field in frozen:
            frozen[field] = [
                {**container, "image": before.get("image")}
                for container, before in zip(frozen[field], old_list, strict=True)
            ]
    return frozen
