import pytest

from fission.kube import discovery
from fission.kubewatcher import resolve
from fission.meta import gvk

ALL = frozenset({"get", "list", "watch"})


def served(resource, verbs=ALL):
    return discovery.Served(resource, verbs)


CLUSTER = [
    served(gvk.PODS),
    served(gvk.SERVICES),
    served(gvk.EVENTS),
    served(gvk.NODES),
    served(gvk.DEPLOYMENTS),
    served(gvk.Resource("events.k8s.io", "v1", "Event", "events", True, "event", ("ev",))),
    served(gvk.Resource("batch", "v1", "Job", "jobs", True, "job")),
    served(gvk.Resource("fission.io", "v1", "Function", "functions", True, "function", ("fn",))),
    served(gvk.Resource("other.io", "v1", "Function", "functions", True, "function")),
    served(gvk.Resource("a.io", "v1", "Widget", "widgets", True, "widget")),
    served(gvk.Resource("b.io", "v1", "Widget", "widgets", True, "widget")),
    served(gvk.Resource("", "v1", "Binding", "bindings", True, "binding"), frozenset({"create"})),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pod", "pods"),
        ("POD", "pods"),
        ("po", "pods"),
        ("Job", "jobs.batch"),
        ("deployments.apps", "deployments.apps"),
        ("Deployment.apps", "deployments.apps"),
        ("deploy", "deployments.apps"),
        ("events", "events"),
        ("events.events.k8s.io", "events.events.k8s.io"),
        ("fn", "functions.fission.io"),
        ("functions", "functions.fission.io"),
        ("functions.other.io", "functions.other.io"),
        ("widget.b.io", "widgets.b.io"),
    ],
)
def test_a_resource_is_found_by_any_of_its_names(text, expected):
    assert resolve.choose(CLUSTER, text).group_resource == expected


@pytest.mark.parametrize(
    ("text", "cause", "message"),
    [
        (
            "deploymet",
            "UnknownKind",
            "spec.type: the cluster serves no 'deploymet'; nearest are deployments.apps",
        ),
        (
            "pods.apps",
            "UnknownKind",
            "spec.type: the cluster serves no 'pods.apps'; nearest are pods, deployments.apps",
        ),
        (
            "xyzzy",
            "UnknownKind",
            "spec.type: the cluster serves no 'xyzzy'; `kubectl api-resources` lists them",
        ),
        (
            "widgets",
            "AmbiguousKind",
            "spec.type: 'widgets' may be any of widgets.a.io, widgets.b.io: name the group",
        ),
        (
            "node",
            "ClusterScoped",
            "spec.type: 'node' (Node) belongs to no namespace, and a trigger sees only its own",
        ),
        (
            "binding",
            "NotWatchable",
            "spec.type: the cluster offers no list and watch of 'binding' (Binding)",
        ),
    ],
)
def test_what_cannot_be_watched_is_refused_with_its_cause(text, cause, message):
    with pytest.raises(resolve.Refused) as caught:
        resolve.choose(CLUSTER, text)

    assert caught.value.cause == cause
    assert caught.value.message == message
