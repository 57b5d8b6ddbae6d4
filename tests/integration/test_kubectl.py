"""kubectl itself against the API server as a process, over TLS, with its own kubeconfig."""

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

import fission.api

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="no kubectl on the PATH")

DEPLOYMENT = textwrap.dedent(
    """\
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web, labels: {app: web}}
    spec:
      replicas: 2
      selector: {matchLabels: {app: web}}
      template:
        metadata: {labels: {app: web}}
        spec:
          containers:
          - {name: c, image: "registry.example/i:1", ports: [{containerPort: 80, name: http}]}
    """
)


@pytest.fixture(scope="module")
def kubeconfig():
    with tempfile.TemporaryDirectory(prefix="kc-") as home:
        command = [sys.executable, "-m", "fission.cluster.apiserver", "--home", home]
        log = Path(home) / "log"
        with log.open("wb") as file:
            process = subprocess.Popen([*command, "--port", "0"], stdout=file, stderr=file)
        path = Path(home) / "kubeconfig"
        deadline = time.monotonic() + 20
        while not path.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert path.exists(), log.read_text()
        yield path
        process.terminate()
        assert process.wait(10) == 0


@pytest.fixture
def kubectl(kubeconfig, tmp_path):
    def run(*argv, stdin=None, fails=False):
        done = subprocess.run(
            [KUBECTL, *argv],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path)},
        )
        assert (done.returncode != 0) is fails, done.stderr + done.stdout
        return done.stderr if fails else done.stdout

    return run


def test_objects_live_and_go(kubectl):
    assert kubectl("create", "configmap", "k", "--from-literal=a=b") == "configmap/k created\n"
    assert kubectl("get", "configmap", "k", "-o", "jsonpath={.data.a}") == "b"
    assert "k      1" in kubectl("get", "configmaps")
    assert kubectl("label", "configmap", "k", "x=y") == "configmap/k labeled\n"
    patched = kubectl("patch", "configmap", "k", "-p", '{"data":{"a":"c"}}')
    assert patched == "configmap/k patched\n"
    assert "a:\n----\nc\n" in kubectl("describe", "configmap", "k")
    assert 'configmap "k" deleted' in kubectl("delete", "configmap", "k")
    missing = kubectl("get", "configmap", "k", fails=True)
    assert missing == 'Error from server (NotFound): configmaps "k" not found\n'


def test_a_deployment_is_autoscaled(kubectl):
    kubectl("apply", "-f", "-", stdin=DEPLOYMENT.replace("web", "scaled"))
    made = kubectl("autoscale", "deployment", "scaled", "--min=2", "--max=5", "--cpu-percent=60")
    assert made == "horizontalpodautoscaler.autoscaling/scaled autoscaled\n"
    assert (
        kubectl("scale", "deployment/scaled", "--replicas=3") == "deployment.apps/scaled scaled\n"
    )
    head, row = (line.split() for line in kubectl("get", "hpa").splitlines())
    assert head == ["NAME", "REFERENCE", "TARGETS", "MINPODS", "MAXPODS", "REPLICAS", "AGE"]
    assert row[:7] == ["scaled", "Deployment/scaled", "cpu:", "<unknown>/60%", "2", "5", "0"]
    described = kubectl("describe", "hpa", "scaled")
    assert "resource cpu on pods  (as a percentage of request):  <unknown> / 60%" in described
    kubectl("delete", "hpa,deployment", "scaled")


def test_apply_is_idempotent_and_strict(kubectl):
    assert kubectl("apply", "-f", "-", stdin=DEPLOYMENT) == "deployment.apps/web created\n"
    assert kubectl("apply", "-f", "-", stdin=DEPLOYMENT) == "deployment.apps/web unchanged\n"
    changed = DEPLOYMENT.replace("i:1", "i:2")
    assert "i:2" in diff(kubectl, changed)
    assert kubectl("apply", "-f", "-", stdin=changed) == "deployment.apps/web configured\n"
    assert kubectl("scale", "deployment/web", "--replicas=5") == "deployment.apps/web scaled\n"
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "5"
    wrong = kubectl(
        "apply", "-f", "-", stdin=DEPLOYMENT.replace("replicas", "replikas"), fails=True
    )
    assert 'strict decoding error: unknown field "spec.replikas"' in wrong
    assert "deleted" in kubectl("delete", "deployment", "web")


def diff(kubectl, manifest):
    """``kubectl diff`` ends with 1 when there is a difference."""
    try:
        return kubectl("diff", "-f", "-", stdin=manifest)
    except AssertionError as difference:
        return str(difference)


def test_server_side_apply(kubectl):
    apply = ("apply", "--server-side", "-f", "-")
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {x: '1'}\n"
    assert kubectl(*apply, stdin=manifest) == "configmap/s serverside-applied\n"
    other = manifest.replace("'1'", "'2'")
    conflict = kubectl(*apply, "--field-manager=other", stdin=other, fails=True)
    assert 'conflict with "kubectl": .data.x' in conflict
    forced = kubectl(*apply, "--field-manager=other", "--force-conflicts", stdin=other)
    assert forced == "configmap/s serverside-applied\n"
    kubectl("delete", "configmap", "s")


def test_waiting(kubectl):
    kubectl("create", "namespace", "w")
    wait = ("wait", "--for=jsonpath={.status.phase}=Active", "namespace/w", "--timeout=10s")
    assert kubectl(*wait) == "namespace/w condition met\n"


def test_rights(kubectl):
    assert kubectl("auth", "can-i", "create", "pods") == "yes\n"
    kubectl("create", "serviceaccount", "robot")
    assert kubectl("create", "token", "robot").count(".") == 2
    as_robot = "--as=system:serviceaccount:default:robot"
    assert "forbidden" in kubectl("get", "secrets", as_robot, fails=True)
    kubectl("create", "role", "reader", "--verb=get,list", "--resource=secrets")
    kubectl("create", "rolebinding", "reader", "--role=reader", "--serviceaccount=default:robot")
    assert kubectl("get", "secrets", as_robot) == ""


def test_definitions_appear_in_discovery(kubectl):
    definition = textwrap.dedent(
        """\
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: things.example.com}
        spec:
          group: example.com
          names: {kind: Thing, plural: things, singular: thing, shortNames: [th]}
          scope: Namespaced
          versions:
          - name: v1
            served: true
            storage: true
            schema:
              openAPIV3Schema:
                type: object
                properties:
                  spec: {type: object, properties: {size: {type: integer, maximum: 3}}}
            additionalPrinterColumns:
            - {name: Size, type: integer, jsonPath: .spec.size}
        """
    )
    kubectl("apply", "-f", "-", stdin=definition)
    kubectl("wait", "--for=condition=Established", "crd/things.example.com", "--timeout=10s")
    thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\nspec: {size: 2}\n"
    assert kubectl("apply", "-f", "-", stdin=thing) == "thing.example.com/t created\n"
    assert kubectl("get", "th").split() == ["NAME", "SIZE", "t", "2"]
    large = kubectl("apply", "-f", "-", stdin=thing.replace("2}", "4}"), fails=True)
    assert "spec.size" in large
    kubectl("delete", "crd", "things.example.com", "--timeout=10s")
    assert "could not find the requested resource" in kubectl("get", "th", fails=True)


def test_a_list_is_created_item_by_item(kubectl):
    items = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"item-{n}"}} for n in (1, 2)
    ]
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    said = kubectl("create", "-f", "-", stdin=document)
    assert said == "configmap/item-1 created\nconfigmap/item-2 created\n"


def test_a_policy_is_obeyed_once_it_is_bound(kubectl):
    """Written by whomever: what our schemas and policies refuse does not get in."""
    api = Path(fission.api.__file__).parent
    for name in ("functions", "environments"):
        kubectl("apply", "-f", str(api / "crds" / f"fission.io_{name}.yaml"))
        kubectl("wait", "--for=condition=Established", f"crd/{name}.fission.io", "--timeout=10s")
    bundle = api.parent / "bundle" / "manifests" / "15-policies.yaml"
    assert "fission-functions created" in kubectl("apply", "-f", str(bundle))
    assert "unchanged" in kubectl("apply", "-f", str(bundle))
    shown = kubectl("get", "validatingadmissionpolicies").splitlines()
    assert shown[0].split() == ["NAME", "VALIDATIONS", "PARAMKIND", "AGE"]
    assert shown[1].split()[:3] == ["fission-functions", "5", "<unset>"]

    def refused(change, kind="Function"):
        spec = copy.deepcopy(SPECS[kind])
        for path, value in change.items():
            *parents, last = path.split(".")
            inner = spec
            for name in parents:
                inner = inner.setdefault(name, {})
            inner[last] = value
        manifest = {
            "apiVersion": "fission.io/v1",
            "kind": kind,
            "metadata": {"name": "f", "namespace": "default"},
            "spec": spec,
        }
        return kubectl("apply", "-f", "-", stdin=json.dumps(manifest), fails=bool(change))

    assert "f created" in refused({})
    assert 'spec.environment.namespace: must be the function\'s own, "default"' in refused(
        {"environment.namespace": "kube-system"}
    )
    assert "spec.secrets: each namespace must be the function's own" in refused(
        {"secrets": [{"name": "s", "namespace": "kube-system"}]}
    )
    volume = {"name": "v", "hostPath": {"path": "/"}}
    assert "spec.podspec.volumes[0].hostPath: Forbidden: may not be mounted; use emptyDir" in (
        refused({"podspec.volumes": [volume]})
    )
    privileged = {"name": "c", "securityContext": {"privileged": True}}
    assert "spec.podspec.containers[0].securityContext.privileged: Forbidden" in refused(
        {"podspec.containers": [privileged]}
    )
    assert "f created" in refused({}, "Environment")
    for change, words in (
        ({"runtime.podspec.hostNetwork": True}, "spec.runtime.podspec.hostNetwork: Forbidden"),
        (
            {"runtime.podspec.serviceAccountName": "fission-executor"},
            "spec.runtime.podspec.serviceAccountName: Forbidden: may not be set",
        ),
        (
            {"runtime.container.securityContext": {"allowPrivilegeEscalation": True}},
            "spec.runtime.container.securityContext.allowPrivilegeEscalation: Forbidden",
        ),
        (
            {"builder.container.securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
            "spec.builder.container.securityContext.capabilities.add: Forbidden: no capability",
        ),
    ):
        assert words in refused(change, "Environment")


SPECS = {
    "Function": {
        "environment": {"namespace": "default", "name": "python"},
        "package": {"packageref": {"namespace": "default", "name": "p"}},
        "InvokeStrategy": {
            "StrategyType": "execution",
            "ExecutionStrategy": {"ExecutorType": "poolmgr"},
        },
    },
    "Environment": {"version": 3, "runtime": {"image": "x"}},
}
