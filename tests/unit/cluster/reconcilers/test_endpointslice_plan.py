from fission.cluster.reconcilers.endpointslice import plan
from fission.kube import actions
from fission.meta import gvk
from tests.unit.cluster.reconcilers import objects


def a_slice(service, pods, name="web-x"):
    (made,) = plan.make_slices(service, pods)
    metadata = {**made["metadata"], "name": name, "uid": f"uid-{name}", "resourceVersion": "1"}
    return {**made, "metadata": metadata}


def an_endpoint(pod, ready=False, serving=False, terminating=False):
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": {
            "kind": "Pod",
            "namespace": "default",
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        },
        "nodeName": "node-1",
    }


def test_a_service_without_pods_has_one_empty_slice():
    service = objects.a_service(labels={"team": "a"})
    (create,) = plan.plan(service, [], [])
    name = create.obj["metadata"]["name"]
    assert name.startswith("web-")
    assert create == actions.Create(
        gvk.ENDPOINTSLICES,
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": name,
                "generateName": "web-",
                "namespace": "default",
                "labels": {
                    "team": "a",
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    "kubernetes.io/service-name": "web",
                },
                "ownerReferences": [objects.an_owner(service)],
            },
            "addressType": "IPv4",
            "endpoints": None,
            "ports": None,
        },
    )


def test_the_same_view_creates_the_same_name_so_no_slice_is_made_twice():
    service = objects.a_service()
    assert plan.plan(service, [], []) == plan.plan(service, [], [])


def test_ready_pods_are_ready_endpoints():
    service, pod = objects.a_service(), objects.a_pod(ready=True)
    (update,) = plan.plan(service, [pod], [a_slice(service, [])])
    assert isinstance(update, actions.Update)
    assert update.obj["metadata"]["name"] == "web-x"
    assert update.obj["metadata"]["resourceVersion"] == "1"
    assert update.obj["endpoints"] == [an_endpoint(pod, ready=True, serving=True)]
    assert update.obj["ports"] == [{"name": "http", "protocol": "TCP", "port": 8080}]


def test_a_slice_that_is_right_is_not_written():
    service, pod = objects.a_service(), objects.a_pod(ready=True)
    assert plan.plan(service, [pod], [a_slice(service, [pod])]) == []


def test_a_dying_pod_is_not_ready_but_may_serve():
    service = objects.a_service()
    going = objects.a_pod(ready=True, deleting=True)
    (made,) = plan.make_slices(service, [going])
    assert made["endpoints"] == [an_endpoint(going, serving=True, terminating=True)]


def test_pods_without_address_ended_or_of_other_labels_are_no_endpoints():
    pods = [
        objects.a_pod("a", ip=""),
        objects.a_pod("b", phase="Failed"),
        objects.a_pod("c", labels={"app": "other"}),
    ]
    (made,) = plan.make_slices(objects.a_service(), pods)
    assert made["endpoints"] is None


def test_a_service_that_publishes_unready_addresses_says_ready_of_all():
    service = objects.a_service(publishNotReadyAddresses=True)
    (made,) = plan.make_slices(service, [objects.a_pod()])
    assert made["endpoints"][0]["conditions"]["ready"] is True
    assert made["endpoints"][0]["conditions"]["serving"] is False


def test_a_named_target_port_is_looked_up_in_the_pod():
    service = objects.a_service(ports=[{"port": 80, "targetPort": "http"}])
    (made,) = plan.make_slices(service, [objects.a_pod(ports=[(9000, "http")])])
    assert made["ports"] == [{"name": "", "protocol": "TCP", "port": 9000}]


def test_pods_that_listen_elsewhere_stand_in_a_slice_of_their_own():
    service = objects.a_service()
    moved = objects.a_pod("b", ip="127.1.0.2", annotations={"kubelet/port-map": '{"8080": 41234}'})
    made = plan.make_slices(service, [objects.a_pod("a"), moved])
    found = [(one["ports"][0]["port"], one["endpoints"][0]["addresses"]) for one in made]
    assert found == [(8080, ["127.1.0.1"]), (41234, ["127.1.0.2"])]


def test_a_slice_keeps_its_ports_and_a_superfluous_one_goes():
    service = objects.a_service()
    stays, goes = objects.a_pod("a"), objects.a_pod("b", ports=[(9000, "http")])
    named = [{"name": "http", "port": 80, "targetPort": "http"}]
    service["spec"]["ports"] = named
    known = [a_slice(service, [goes], "web-b"), a_slice(service, [stays], "web-c")]
    assert plan.plan(service, [stays], known) == [
        actions.Delete(gvk.ENDPOINTSLICES, "default", "web-b", uid="uid-web-b")
    ]


def test_many_endpoints_are_split():
    pods = [objects.a_pod(f"p{number:03}", ip=f"127.1.0.{number}") for number in range(150)]
    assert [len(one["endpoints"]) for one in plan.make_slices(objects.a_service(), pods)] == [
        100,
        50,
    ]


def test_a_headless_service_is_marked():
    (made,) = plan.make_slices(objects.a_service(clusterIP="None"), [])
    assert made["metadata"]["labels"]["service.kubernetes.io/headless"] == ""


def test_services_without_selector_are_somebody_elses():
    assert plan.has_selector(objects.a_service())
    assert not plan.has_selector(objects.a_service(selector={}))
    assert not plan.has_selector(objects.a_service(type="ExternalName"))
