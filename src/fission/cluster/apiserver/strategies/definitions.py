"""CustomResourceDefinitions: the registry of custom resources knows their rules."""

from __future__ import annotations

from fission.cluster.apiserver import hooks
from fission.cluster.apiserver.strategies import base
from fission.meta import names

CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


class Definitions(base.Strategy):
    has_status = True
    has_generation = True

    own_finalizers = (CLEANUP,)
    states_grace = False

    def __init__(self, custom_resources: hooks.CustomResources) -> None:
        self._custom_resources = custom_resources

    def name_problems(self, name: str) -> list[str]:
        return names.subdomain_problems(name)

    def prepare_create(self, obj: base.Object, around: base.Surroundings) -> None:
        obj.pop("status", None)
        obj.update(self._custom_resources.validate_definition(obj, None))
        stored = [v["name"] for v in obj["spec"]["versions"] if v.get("storage")]
        obj["status"] = {
            "conditions": None,
            "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": stored,
        }

    def prepare_update(self, obj: base.Object, old: base.Object, around: base.Surroundings) -> None:
        obj.update(self._custom_resources.validate_definition(obj, old))
