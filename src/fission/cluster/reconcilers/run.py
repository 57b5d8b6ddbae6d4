"""Wiring of all reconcilers; runs as a task of whoever has an event loop and an API server.

Settings in ``env``: ``KUBE_API_SOCKET`` (where the API server is) and ``CLUSTER_CA_FILE`` (the
certificate that every namespace's ``kube-root-ca.crt`` holds; usually that of ``FISSION_HOME``,
and without either none is made). The autoscaler's are in ``horizontalpodautoscaler.config``.
"""

from __future__ import annotations

import asyncio
import logging
import pathlib
from collections.abc import Mapping
from typing import Protocol

from fission.base import clock as clocks
from fission.base import errors, settings
from fission.cluster.reconcilers import catalog as catalog_module
from fission.cluster.reconcilers import informers as informers_module
from fission.cluster.reconcilers.claim import reconciler as claims
from fission.cluster.reconcilers.deployment import reconciler as deployments
from fission.cluster.reconcilers.endpointslice import reconciler as endpointslices
from fission.cluster.reconcilers.garbagecollector import reconciler as garbage
from fission.cluster.reconcilers.horizontalpodautoscaler import config as autoscaler_config
from fission.cluster.reconcilers.horizontalpodautoscaler import reconciler as autoscalers
from fission.cluster.reconcilers.namespace import reconciler as namespaces
from fission.cluster.reconcilers.replicaset import reconciler as replicasets
from fission.cluster.reconcilers.upkeep import reconciler as upkeep
from fission.kube import client, config, events

logger = logging.getLogger(__name__)


class Loop(Protocol):
    """What every reconciler is to this page."""

    async def run(self) -> None: ...


async def background(env: Mapping[str, str]) -> None:
    """Reconcile until cancelled."""
    async with client.Client(config.load(env), user_agent="fission-reconcilers") as kube:
        autoscaling = settings.load(autoscaler_config.Config, env)
        await run(kube, clocks.SystemClock(), _read_ca(env), autoscaling)


async def run(
    kube: client.Client,
    clock: clocks.Clock,
    ca_pem: str | None,
    autoscaling: autoscaler_config.Config | None = None,
) -> None:
    """Reconcile through a client until cancelled; nothing is decided before everything is known."""
    informers = informers_module.Informers(kube)
    of_deployments = events.Recorder(kube, "deployment-controller", clock=clock)
    of_replicasets = events.Recorder(kube, "replicaset-controller", clock=clock)
    of_autoscalers = events.Recorder(kube, "horizontal-pod-autoscaler", clock=clock)
    of_claims = events.Recorder(kube, "persistentvolume-controller", clock=clock)
    catalog = catalog_module.Catalog(kube, informers)
    loops: dict[str, Loop] = {
        "deployment": deployments.DeploymentReconciler(kube, informers, of_deployments, clock),
        "replicaset": replicasets.ReplicaSetReconciler(kube, informers, of_replicasets, clock),
        "endpointslice": endpointslices.EndpointSliceReconciler(kube, informers, clock),
        "autoscaler": autoscalers.HorizontalPodAutoscalerReconciler(
            kube, informers, of_autoscalers, clock, autoscaling or autoscaler_config.Config()
        ),
        "namespace": namespaces.NamespaceReconciler(kube, informers, catalog, clock, ca_pem),
        "claim": claims.ClaimReconciler(kube, informers, of_claims, clock),
        "upkeep": upkeep.Upkeep(kube, informers, clock),
        "garbagecollector": garbage.GarbageCollector(kube, informers, catalog, clock),
        "catalog": catalog,
    }
    async with asyncio.TaskGroup() as group:
        group.create_task(informers.run(), name="informers")
        for recorder in (of_deployments, of_replicasets, of_autoscalers, of_claims):
            group.create_task(recorder.run(), name="events")
        await informers.wait_synced()
        logger.info("reconcilers were started")
        for name, loop in loops.items():
            group.create_task(loop.run(), name=f"reconciler-{name}")


def _read_ca(env: Mapping[str, str]) -> str | None:
    named, home = env.get("CLUSTER_CA_FILE"), env.get("FISSION_HOME")
    path = named or (f"{home}/pki/ca.crt" if home else None)
    if path is None or (named is None and not pathlib.Path(path).exists()):
        return None
    try:
        return pathlib.Path(path).read_text()
    except OSError as error:
        raise errors.SettingsError(
            f"CLUSTER_CA_FILE: {path} cannot be read: {error.strerror or error}"
        ) from error
