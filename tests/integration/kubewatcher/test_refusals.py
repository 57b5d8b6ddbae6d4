import pytest
import yaml

from fission.bundle import install
from fission.kube import client as kube_client
from fission.meta import gvk

pytestmark = pytest.mark.asyncio(loop_scope="package")

WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
WIDGET = gvk.Resource("example.com", "v1", "Widget", "widgets")


@pytest.mark.parametrize(
    ("type_", "reason", "message"),
    [
        (
            "deploymints.apps",
            "UnknownKind",
            "spec.type: the cluster serves no 'deploymints.apps'; nearest are deployments.apps",
        ),
        (
            "namespaces",
            "ClusterScoped",
            "spec.type: 'namespaces' (Namespace) belongs to no namespace, and a trigger sees only"
            " its own",
        ),
        (
            "tokenreviews.authentication.k8s.io",
            "ClusterScoped",
            "spec.type: 'tokenreviews.authentication.k8s.io' (TokenReview) belongs to no"
            " namespace, and a trigger sees only its own",
        ),
    ],
)
async def test_a_kind_that_cannot_be_watched(world, type_, reason, message):
    await world.create_trigger(type_=type_)
    await world.start()

    condition = await world.subscribed(value="False")

    assert condition["reason"] == reason
    assert condition["message"].startswith(message)


async def test_another_namespace_is_not_watched(world):
    await world.create_trigger(namespace="kube-system")
    await world.start()

    condition = await world.subscribed(value="False")

    assert condition["reason"] == "NamespaceRefused"
    assert condition["message"] == (
        'spec.namespace: "kube-system" is another namespace than the trigger\'s own,'
        f' "{world.namespace}"; make the trigger and its function there'
    )


async def test_a_kind_that_comes_later_is_watched_then(world):
    await world.create_trigger(type_="wd.example.com")
    await world.start()
    assert (await world.subscribed(value="False"))["reason"] == "UnknownKind"

    await world.kube.create(gvk.CRDS, yaml.safe_load(WIDGETS))
    try:
        await world.subscribed()
        metadata = {"name": "one", "namespace": world.namespace}
        await world.kube.create(
            WIDGET, {"apiVersion": WIDGET.api_version, "kind": "Widget", "metadata": metadata}
        )
        await world.until_told(("ADDED", "one"))
    finally:
        await world.kube.delete(gvk.CRDS, "widgets.example.com")


async def test_a_missing_right_is_named_and_granted(world):
    """With the account and the roles of the manifest."""
    account = "fission-kubewatcher"
    roles = [
        each
        for each in install.load_manifests()
        if each["kind"] in ("ClusterRole", "ClusterRoleBinding")
        and each["metadata"]["name"].startswith(account)
    ]
    for role in roles:
        resource = gvk.CLUSTERROLES if role["kind"] == "ClusterRole" else gvk.CLUSTERROLEBINDINGS
        await world.kube.create(resource, role)
    await world.create_trigger("pods", "pod")
    await world.create_trigger("secrets", "secrets")
    async with kube_client.Client(await world.credentials_of(account)) as kube:
        await world.start(kube=kube)
        await world.subscribed("pods")
        condition = await world.subscribed("secrets", "False")
        assert condition["reason"] == "Forbidden"
        assert condition["message"].startswith(
            "ServiceAccount fission:fission-kubewatcher may not watch secrets: bind it a role with"
            ' {apiGroups: [""], resources: ["secrets"], verbs: [get, list, watch]} in namespace'
            f' "{world.namespace}"'
        )
        await world.grant(account, "secrets")
        await world.subscribed("secrets")
        await world.stop()


async def test_a_function_reference_without_a_name(world):
    await world.create_trigger(functionref={"type": "function-weights", "name": ""})
    await world.start()

    condition = await world.subscribed(value="False")

    assert condition["reason"] == "InvalidFunctionReference"
