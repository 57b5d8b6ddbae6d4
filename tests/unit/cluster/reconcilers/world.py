"""A cluster of dictionaries that carries out what Deployment and ReplicaSet plans ask for.

It stands for the API server only as far as these plans need one: names, uids, resourceVersions,
generations. Pods become ready when the test says so.
"""

from __future__ import annotations

import copy
import datetime
from typing import Any

from fission.cluster.reconcilers.deployment import plan as deployment_plan
from fission.cluster.reconcilers.deployment import revisions
from fission.cluster.reconcilers.replicaset import plan as replicaset_plan
from fission.kube import actions
from fission.meta import objectmeta
from tests.unit.cluster.reconcilers import objects

Obj = dict[str, Any]


class World:
    def __init__(self, deployment: Obj) -> None:
        self.deployment = deployment
        self.replicasets: dict[str, Obj] = {}
        self.pods: dict[str, Obj] = {}
        self.events: list[str] = []
        self.now = objects.NOW
        self._count = 0

    # --- what happens ---------------------------------------------------------------------

    def step_deployment(self) -> bool:
        """Run the Deployment's plan once; tells whether it did anything."""
        namesake = self.replicasets.get(revisions.replicaset_name(self.deployment))
        observed = deployment_plan.Observed(
            list(self.replicasets.values()), list(self.pods.values()), namesake
        )
        plan = deployment_plan.plan(self.deployment, observed, self.now)
        for action in plan.actions:
            self._apply(action)
        self.events += [message for _, _, message in plan.events]
        return bool(plan.actions)

    def step_replicasets(self) -> bool:
        busy = False
        for replicaset in list(self.replicasets.values()):
            plan = replicaset_plan.plan(replicaset, list(self.pods.values()))
            for action in (*plan.creations, *plan.deletions, *plan.claims):
                self._apply(action)
                busy = True
            own = [
                pod
                for pod in self.pods.values()
                if (objectmeta.controller_of(pod) or {}).get("uid") == objectmeta.uid_of(replicaset)
            ]
            current = self.replicasets[objectmeta.name_of(replicaset)]
            status, _ = replicaset_plan.make_status(current, own, self.now)
            write = replicaset_plan.with_status(current, status)
            if write is not None:
                self._apply(write)
                busy = True
        return busy

    def make_ready(self, image: str | None = None, limit: int | None = None) -> None:
        for pod in list(self.pods.values())[:limit]:
            if image is None or pod["spec"]["containers"][0]["image"] == image:
                pod["status"]["conditions"] = [
                    {"type": "Ready", "status": "True", "lastTransitionTime": objects.THEN}
                ]

    def settle(self, *, ready: bool = True) -> None:
        """Run everything until nothing changes."""
        for _ in range(200):
            busy = self.step_deployment()
            busy |= self.step_replicasets()
            if ready:
                self.make_ready()
            if not busy and not self.step_deployment() and not self.step_replicasets():
                return
        raise AssertionError("the plans never come to rest")

    def change(self, **spec: Any) -> None:
        self.deployment = copy.deepcopy(self.deployment)
        self.deployment["spec"].update(spec)
        self.deployment["metadata"]["generation"] += 1

    def pass_time(self, seconds: float) -> None:
        self.now += datetime.timedelta(seconds=seconds)

    # --- what is --------------------------------------------------------------------------

    def images(self, *, ready: bool = False) -> list[str]:
        return sorted(
            pod["spec"]["containers"][0]["image"]
            for pod in self.pods.values()
            if not ready or self._is_ready(pod)
        )

    def condition(self, type_: str) -> tuple[str, str]:
        for one in self.deployment["status"].get("conditions", []):
            if one["type"] == type_:
                return one["status"], one["reason"]
        return "", ""

    def revision(self) -> str:
        return self.deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"]

    # --- the API ----------------------------------------------------------------------------

    def _apply(self, action: actions.Action) -> None:
        match action:
            case actions.Create() if action.resource.kind == "Pod":
                self._count += 1
                pod = copy.deepcopy(dict(action.obj))
                pod["metadata"]["name"] = name = f"{pod['metadata']['generateName']}{self._count}"
                pod["metadata"] |= {"uid": f"uid-{name}", "creationTimestamp": objects.THEN}
                pod["status"] = {"phase": "Pending"}
                self.pods[name] = pod
            case actions.Create():
                made = copy.deepcopy(dict(action.obj))
                name = made["metadata"]["name"]
                assert name not in self.replicasets
                self._count += 1
                created = objects.later(self._count)
                made["metadata"] |= {"uid": f"uid-{name}", "generation": 1}
                made["metadata"]["creationTimestamp"] = created
                made["status"] = {"replicas": 0}
                self.replicasets[name] = made
            case actions.Update():
                changed = copy.deepcopy(dict(action.obj))
                before = self.replicasets[changed["metadata"]["name"]]
                if before["spec"] != changed["spec"]:
                    changed["metadata"]["generation"] += 1
                self.replicasets[changed["metadata"]["name"]] = changed
            case actions.UpdateStatus() if action.resource.kind == "Deployment":
                self.deployment = copy.deepcopy(dict(action.obj))
            case actions.UpdateStatus():
                changed = copy.deepcopy(dict(action.obj))
                self.replicasets[changed["metadata"]["name"]]["status"] = changed["status"]
            case actions.Delete() if action.resource.kind == "Pod":
                del self.pods[action.name]
            case actions.Delete():
                del self.replicasets[action.name]
            case actions.Patch():
                raise AssertionError("no orphans in this world")

    @staticmethod
    def _is_ready(pod: Obj) -> bool:
        return bool(pod["status"].get("conditions"))
