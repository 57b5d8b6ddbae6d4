import base64
from pathlib import Path

import pytest

from fission.cluster.kubelet import environment, errors, images

IMAGE = images.Image(
    name="i", root="/i", match=("i",), command=("run", "it"), env={"FROM": "image", "I": "1"}
)
SECRETS = {
    "s": {"data": {"key": base64.b64encode(b"hidden").decode(), "bad name": ""}},
}
CONFIG_MAPS = {"c": {"data": {"key": "shown", "FROM": "map"}}}


def a_pod(container=None, **spec):
    return {
        "metadata": {
            "name": "p",
            "namespace": "ns",
            "uid": "u",
            "labels": {"app": "x", "b": 'q"'},
            "annotations": {"a/b": "v"},
        },
        "spec": {"containers": [container or {"name": "c"}], "nodeName": "n", **spec},
    }


def make(container, **spec):
    pod = a_pod(container, **spec)
    env = environment.make(
        pod,
        container,
        IMAGE,
        {"NODE": "1", "FROM": "node"},
        "127.9.0.1",
        "127.0.0.1",
        SECRETS.get,
        CONFIG_MAPS.get,
        {"memory": "1Gi", "cpu": "2"},
    )
    assert env.pop("PATH") == environment.PATH
    return env


def test_an_empty_container_gets_the_node_and_the_image():
    assert make({"name": "c"}) == {"HOSTNAME": "p", "NODE": "1", "FROM": "image", "I": "1"}


def test_a_container_is_told_how_much_memory_it_may_have():
    limits = {"limits": {"memory": "64Mi", "cpu": "1"}}
    assert make({"name": "c", "resources": limits})["POD_MEMORY_BYTES"] == str(64 << 20)


def test_sources_come_in_order_and_later_ones_win():
    env = make(
        {
            "name": "c",
            "envFrom": [
                {"configMapRef": {"name": "c"}},
                {"secretRef": {"name": "s"}, "prefix": "S_"},
                {"secretRef": {"name": "absent", "optional": True}},
            ],
            "env": [{"name": "key", "value": "own"}],
        }
    )

    assert (env["FROM"], env["key"], env["S_key"]) == ("map", "own", "hidden")
    assert not any(" " in name for name in env)


def test_references_are_expanded():
    env = make(
        {
            "name": "c",
            "env": [
                {"name": "A", "value": "1"},
                {"name": "B", "value": "$(A) $$(A) $(UNKNOWN) $$ $A"},
            ],
        }
    )

    assert env["B"] == "1 $(A) $(UNKNOWN) $ $A"


def test_fields_and_resources():
    def ref(path):
        return {"fieldRef": {"fieldPath": path}}

    def resource(name, divisor=None):
        return {"resourceFieldRef": {"resource": name, "divisor": divisor}}

    env = make(
        {
            "name": "c",
            "resources": {"limits": {"cpu": "1500m"}, "requests": {"memory": "64Mi"}},
            "env": [
                {"name": name, "valueFrom": source}
                for name, source in (
                    ("NAME", ref("metadata.name")),
                    ("IP", ref("status.podIP")),
                    ("HOST", ref("status.hostIP")),
                    ("NODE_NAME", ref("spec.nodeName")),
                    ("LABEL", ref("metadata.labels['app']")),
                    ("LABELS", ref("metadata.labels")),
                    ("ANNOTATION", ref("metadata.annotations['a/b']")),
                    ("CPU", resource("limits.cpu")),
                    ("CPU_M", resource("limits.cpu", "1m")),
                    ("MEMORY", resource("requests.memory", "1Mi")),
                    ("NODE_MEMORY", resource("limits.memory")),
                )
            ],
        }
    )

    assert env["NAME"] == "p"
    assert env["IP"] == "127.9.0.1"
    assert env["HOST"] == "127.0.0.1"
    assert env["NODE_NAME"] == "n"
    assert env["LABEL"] == "x"
    assert env["LABELS"] == 'app="x"\nb="q\\""'
    assert env["ANNOTATION"] == "v"
    assert (env["CPU"], env["CPU_M"], env["MEMORY"]) == ("2", "1500", "64")
    assert env["NODE_MEMORY"] == str(1024**3)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"secretKeyRef": {"name": "absent", "key": "k"}}, 'secret "absent" not found'),
        ({"configMapKeyRef": {"name": "absent", "key": "k"}}, 'configmap "absent" not found'),
        ({"secretKeyRef": {"name": "s", "key": "k"}}, "couldn't find key k in Secret ns/s"),
        ({"fieldRef": {"fieldPath": "spec.x"}}, "fieldPath 'spec.x' is not supported"),
        ({"fileKeyRef": {}}, "is not supported"),
    ],
)
def test_what_is_missing_is_named(source, message):
    with pytest.raises(errors.ContainerConfigError, match=message):
        make({"name": "c", "env": [{"name": "A", "valueFrom": source}]})


def test_optional_keys_may_be_missing():
    source = {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}

    assert "A" not in make({"name": "c", "env": [{"name": "A", "valueFrom": source}]})


def test_commands():
    entry = images.Image(name="z", root="/z", match=("z",), entry="m:f", command=("x",))
    env = {"A": "1"}

    assert environment.arguments({"args": ["$(A)"]}, IMAGE, env) == (False, ["run", "it", "1"])
    assert environment.arguments({"args": ["$(A)"]}, entry, env) == (True, ["1"])
    assert environment.arguments({"command": ["sh"], "args": ["b"]}, entry, env) == (
        False,
        ["sh", "b"],
    )


def test_variables_about_ports_and_paths_only_where_they_say_something():
    assert environment.port_variables({}, {}) == {}
    assert environment.port_variables({8888: 20001}, {"/userfunc": str(Path("/x"))}) == {
        "POD_PORTS": '{"8888":20001}',
        "POD_VOLUME_PATHS": '{"/userfunc":"/x"}',
    }


def test_the_path_of_an_image_s_own_program_runs_the_image():
    program = images.Image(name="i", root="/i", match=("i",), entry="e:main", program="/builder")
    plain = images.Image(name="i", root="/i", match=("i",), command=("run",), program="/builder")
    container = {"command": ["/builder", "/packages"], "args": ["-v"]}

    assert environment.arguments(container, program, {}) == (True, ["/packages", "-v"])
    assert environment.arguments(container, plain, {}) == (False, ["run", "/packages", "-v"])
    assert environment.arguments({"command": ["/other"]}, program, {}) == (False, ["/other"])
