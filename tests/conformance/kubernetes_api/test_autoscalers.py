"""HorizontalPodAutoscalers: defaults, refusals with the field's path, and two versions of one."""

import json

import pytest

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
PERCENT = {"type": "Utilization", "averageUtilization": 50}
KIND = "horizontalpodautoscalers"
GROUP = "/apis/autoscaling"


def an_autoscaler(name="web", **spec):
    return {
        "metadata": {"name": name},
        "spec": {"scaleTargetRef": TARGET, "maxReplicas": 3, **spec},
    }


async def create(space, body, version="v2"):
    path = f"{GROUP}/{version}/namespaces/{space.name}/{KIND}"
    return await space.server.call("POST", path, body)


async def test_what_is_left_out_is_filled_in(space):
    answer = await create(space, an_autoscaler(behavior={"scaleDown": {"selectPolicy": "Min"}}))
    assert answer.status == 201
    spec = answer.body["spec"]
    assert spec["minReplicas"] == 1
    assert spec["metrics"][0]["resource"]["target"]["averageUtilization"] == 80
    assert spec["behavior"] == {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [
                {"type": "Pods", "value": 4, "periodSeconds": 15},
                {"type": "Percent", "value": 100, "periodSeconds": 15},
            ],
        },
        "scaleDown": {
            "selectPolicy": "Min",
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
        },
    }


def a_metric(target=PERCENT, **source):
    return {
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target, **source}}]
    }


LOST = {"type": "ContainerResource", "containerResource": {"name": "cpu", "target": PERCENT}}


def rules(**changes):
    policy = {"type": "Pods", "value": 1, "periodSeconds": 1}
    return {"behavior": {"scaleUp": {"policies": [policy], **changes}}}


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ({"minReplicas": 4}, "spec.maxReplicas", "FieldValueInvalid"),
        ({"maxReplicas": 0}, "spec.maxReplicas", "FieldValueInvalid"),
        ({"minReplicas": 0}, "spec.minReplicas", "FieldValueInvalid"),
        (
            {"scaleTargetRef": {"kind": "Deployment", "name": "web"}},
            "spec.scaleTargetRef.apiVersion",
            "FieldValueInvalid",
        ),
        (
            {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": ""}},
            "spec.scaleTargetRef.name",
            "FieldValueRequired",
        ),
        ({"metrics": [{"type": "Odd"}]}, "spec.metrics[0].type", "FieldValueNotSupported"),
        ({"metrics": [{"type": "Resource"}]}, "spec.metrics[0].resource", "FieldValueRequired"),
        (
            a_metric({"type": "Utilization"}),
            "spec.metrics[0].resource.target.averageUtilization",
            "FieldValueRequired",
        ),
        (
            a_metric({"type": "Utilization", "averageUtilization": 0}),
            "spec.metrics[0].resource.target.averageUtilization",
            "FieldValueInvalid",
        ),
        (
            {
                "metrics": [LOST]
            },
            "spec.metrics[0].containerResource.container",
            "FieldValueRequired",
        ),
        (rules(selectPolicy="Any"), "spec.behavior.scaleUp.selectPolicy", "FieldValueNotSupported"),
        (rules(policies=[]), "spec.behavior.scaleUp.policies", "FieldValueRequired"),
        (
            rules(policies=[{"type": "Pods", "value": 1, "periodSeconds": 1801}]),
            "spec.behavior.scaleUp.policies[0].periodSeconds",
            "FieldValueInvalid",
        ),
        (
            rules(stabilizationWindowSeconds=3601),
            "spec.behavior.scaleUp.stabilizationWindowSeconds",
            "FieldValueInvalid",
        ),
    ],
)  # fmt: skip
async def test_a_refusal_names_the_field(space, spec, field, reason):
    answer = await create(space, an_autoscaler(**spec))
    assert answer.status == 422, answer.body
    assert (field, reason) in {(c["field"], c["reason"]) for c in answer.body["details"]["causes"]}


async def test_one_object_has_two_versions(space):
    old = an_autoscaler(targetCPUUtilizationPercentage=60)
    made = await create(space, old, "v1")
    assert (made.status, made.body["apiVersion"]) == (201, "autoscaling/v1")
    assert made.body["spec"]["targetCPUUtilizationPercentage"] == 60

    def path(version):
        return f"{GROUP}/{version}/namespaces/{space.name}/{KIND}/web"

    new = (await space.server.call("GET", path("v2"))).body
    (metric,) = new["spec"]["metrics"]
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 60}
    memory = {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}
    new["spec"]["metrics"].append({"type": "Resource", "resource": memory})
    assert (await space.server.call("PUT", path("v2"), new)).status == 200

    seen = (await space.server.call("GET", path("v1"))).body
    kept = json.loads(seen["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/metrics"])
    assert kept[0]["resource"]["name"] == "memory"
    seen["spec"]["maxReplicas"] = 5
    assert (await space.server.call("PUT", path("v1"), seen)).status == 200
    again = (await space.server.call("GET", path("v2"))).body
    assert (again["spec"]["maxReplicas"], len(again["spec"]["metrics"])) == (5, 2)
    assert "annotations" not in again["metadata"]


async def test_the_table_has_the_columns_of_upstream(space):
    await create(space, an_autoscaler(metrics=a_metric()["metrics"] * 3))
    accept = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    path = f"{GROUP}/v2/namespaces/{space.name}/{KIND}"
    table = (await space.server.call("GET", path, headers=accept)).body
    names = [column["name"] for column in table["columnDefinitions"]]
    assert names == ["Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"]
    assert table["rows"][0]["cells"][:6] == [
        "web",
        "Deployment/web",
        "cpu: <unknown>/50%, cpu: <unknown>/50% + 1 more...",
        "1",
        3,
        0,
    ]
