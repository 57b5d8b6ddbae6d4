"""Group, version, kind and resource: how an object is named on the wire and in a path.

The constants are the core resources that components and the embedded cluster speak about; the
project's own kinds are declared one storey up, in ``api.resources``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib import parse


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object in one version, and where the API serves it."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    singular: str = ""
    short_names: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """``deployments.apps``, or ``pods`` for the core group: how messages name a resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def prefix(self) -> str:
        """The path of the group version: ``/api/v1`` or ``/apis/apps/v1``."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The URL path of the collection, of one object, or of a part of it."""
        parts = [self.prefix]
        if namespace and self.namespaced:
            parts += ["namespaces", parse.quote(namespace, safe="")]
        parts.append(self.plural)
        if name:
            parts.append(parse.quote(name, safe=":"))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


def split_api_version(api_version: str) -> tuple[str, str]:
    """``apps/v1`` → (``apps``, ``v1``); ``v1`` → (````, ``v1``)."""
    group, _, version = api_version.rpartition("/")
    return group, version


def api_version_of(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def kind_of(obj: dict[str, Any]) -> tuple[str, str]:
    """(apiVersion, kind) of a wire object; empty strings when absent."""
    return str(obj.get("apiVersion") or ""), str(obj.get("kind") or "")


PODS = Resource("", "v1", "Pod", "pods", True, "pod", ("po",), ("status",))
SERVICES = Resource("", "v1", "Service", "services", True, "service", ("svc",), ("status",))
CONFIGMAPS = Resource("", "v1", "ConfigMap", "configmaps", True, "configmap", ("cm",))
SECRETS = Resource("", "v1", "Secret", "secrets", True, "secret")
NAMESPACES = Resource(
    "", "v1", "Namespace", "namespaces", False, "namespace", ("ns",), ("status", "finalize")
)
NODES = Resource("", "v1", "Node", "nodes", False, "node", ("no",), ("status",))
EVENTS = Resource("", "v1", "Event", "events", True, "event", ("ev",))
SERVICEACCOUNTS = Resource(
    "", "v1", "ServiceAccount", "serviceaccounts", True, "serviceaccount", ("sa",)
)
PERSISTENTVOLUMECLAIMS = Resource(
    "",
    "v1",
    "PersistentVolumeClaim",
    "persistentvolumeclaims",
    True,
    "persistentvolumeclaim",
    ("pvc",),
    ("status",),
)
PERSISTENTVOLUMES = Resource(
    "",
    "v1",
    "PersistentVolume",
    "persistentvolumes",
    False,
    "persistentvolume",
    ("pv",),
    ("status",),
)
ENDPOINTS = Resource("", "v1", "Endpoints", "endpoints", True, "endpoints", ("ep",))
ENDPOINTSLICES = Resource(
    "discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", True, "endpointslice"
)
DEPLOYMENTS = Resource(
    "apps", "v1", "Deployment", "deployments", True, "deployment", ("deploy",), ("status", "scale")
)
REPLICASETS = Resource(
    "apps", "v1", "ReplicaSet", "replicasets", True, "replicaset", ("rs",), ("status", "scale")
)
VALIDATINGADMISSIONPOLICIES = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicy",
    "validatingadmissionpolicies",
    False,
    "validatingadmissionpolicy",
    (),
    ("status",),
)
VALIDATINGADMISSIONPOLICYBINDINGS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    False,
    "validatingadmissionpolicybinding",
)
LEASES = Resource("coordination.k8s.io", "v1", "Lease", "leases", True, "lease")
HORIZONTALPODAUTOSCALERS = Resource(
    "autoscaling",
    "v2",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    True,
    "horizontalpodautoscaler",
    ("hpa",),
    ("status",),
)
HORIZONTALPODAUTOSCALERS_V1 = Resource(
    "autoscaling",
    "v1",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    True,
    "horizontalpodautoscaler",
    ("hpa",),
    ("status",),
)
INGRESSES = Resource(
    "networking.k8s.io", "v1", "Ingress", "ingresses", True, "ingress", ("ing",), ("status",)
)
NEW_EVENTS = Resource("events.k8s.io", "v1", "Event", "events", True, "event", ("ev",))
ROLES = Resource("rbac.authorization.k8s.io", "v1", "Role", "roles", True, "role")
ROLEBINDINGS = Resource(
    "rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", True, "rolebinding"
)
CLUSTERROLES = Resource(
    "rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", False, "clusterrole"
)
CLUSTERROLEBINDINGS = Resource(
    "rbac.authorization.k8s.io",
    "v1",
    "ClusterRoleBinding",
    "clusterrolebindings",
    False,
    "clusterrolebinding",
)
CRDS = Resource(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    False,
    "customresourcedefinition",
    ("crd", "crds"),
    ("status",),
)
TOKENREVIEWS = Resource("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", False)
SELFSUBJECTREVIEWS = Resource(
    "authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", False
)
SUBJECTACCESSREVIEWS = Resource(
    "authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", False
)
LOCALSUBJECTACCESSREVIEWS = Resource(
    "authorization.k8s.io", "v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", True
)
SELFSUBJECTACCESSREVIEWS = Resource(
    "authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", False
)
SELFSUBJECTRULESREVIEWS = Resource(
    "authorization.k8s.io", "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", False
)
