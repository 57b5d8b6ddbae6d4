"""A real kubectl against the parts that plug into the core: protobuf, auth, CRDs, logs, proxies."""

import asyncio
import json
import pathlib
import shutil
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fission.cluster.apiserver import pki
from fission.meta import gvk
from fission_http import server as http_server
from tests.support import apiserver

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


class Kubectl:
    def __init__(self, running: apiserver.Running, config: pathlib.Path) -> None:
        self.running = running
        self._config = config

    async def start(self, *arguments: str, stdin: str | None = None) -> Any:
        return await asyncio.create_subprocess_exec(
            "kubectl",
            *arguments,
            env={
                "KUBECONFIG": str(self._config),
                "HOME": str(self._config.parent),
                "PATH": "/usr/local/bin:/usr/bin:/bin",
            },
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(self, *arguments: str, stdin: str | None = None, code: int = 0) -> str:
        """What it printed: stdout, or stderr when a failure is expected."""
        process = await self.start(*arguments, stdin=stdin)
        async with asyncio.timeout(60):
            out, problem = await process.communicate(stdin.encode() if stdin else None)
        assert process.returncode == code, problem.decode() + out.decode()
        return (problem if code and problem else out).decode()

    async def json(self, *arguments: str) -> Any:
        return json.loads(await self(*arguments, "-o", "json"))


@pytest.fixture
async def kubectl(tmp_path: pathlib.Path) -> AsyncIterator[Kubectl]:
    async with apiserver.running(tmp_path / "home") as running:
        config = tmp_path / "kubeconfig"
        pki.write_kubeconfig(config, running.server.files, running.url)
        yield Kubectl(running, config)


async def test_create_commands_send_protobuf(kubectl: Kubectl) -> None:
    await kubectl("create", "namespace", "dev")
    await kubectl("-n", "dev", "create", "configmap", "c", "--from-literal=a=b")
    await kubectl("-n", "dev", "create", "secret", "generic", "s", "--from-literal=a=b")
    await kubectl(
        "-n", "dev", "create", "deployment", "web", "--image=x", "--replicas=0", "--port=80"
    )
    await kubectl("-n", "dev", "create", "serviceaccount", "robot")
    await kubectl("-n", "dev", "create", "role", "r", "--verb=get,list", "--resource=pods")
    await kubectl(
        "-n", "dev", "create", "rolebinding", "b", "--role=r", "--serviceaccount=dev:robot"
    )
    await kubectl("create", "clusterrole", "c", "--verb=get", "--resource=nodes")
    await kubectl("create", "clusterrolebinding", "c", "--clusterrole=c", "--group=g")
    await kubectl("-n", "dev", "create", "service", "clusterip", "web", "--tcp=80:8080")

    deployment = await kubectl.json("-n", "dev", "get", "deployment", "web")
    assert deployment["spec"]["replicas"] == 0
    assert deployment["spec"]["template"]["spec"]["containers"][0]["ports"] == [
        {"containerPort": 80, "protocol": "TCP"}
    ]
    binding = await kubectl.json("-n", "dev", "get", "rolebinding", "b")
    assert binding["roleRef"]["name"] == "r"
    secret = await kubectl.json("-n", "dev", "get", "secret", "s")
    assert (secret["type"], secret["data"]) == ("Opaque", {"a": "Yg=="})


async def test_who_may_do_what(kubectl: Kubectl) -> None:
    await kubectl("create", "serviceaccount", "robot")
    await kubectl("create", "role", "r", "--verb=get,list", "--resource=pods")
    await kubectl("create", "rolebinding", "b", "--role=r", "--serviceaccount=default:robot")
    robot = "--as=system:serviceaccount:default:robot"

    assert "system:admin" in await kubectl("auth", "whoami")
    assert await kubectl("auth", "can-i", "create", "pods") == "yes\n"
    assert await kubectl("auth", "can-i", "list", "pods", robot) == "yes\n"
    assert (
        await kubectl("auth", "can-i", "get", "pods", "--subresource=log", robot, code=1) == "no\n"
    )
    assert "pods" in await kubectl("auth", "can-i", "--list", robot)


async def test_a_token_from_kubectl_is_its_account_and_nothing_more(kubectl: Kubectl) -> None:
    await kubectl("create", "serviceaccount", "robot")
    await kubectl("create", "role", "r", "--verb=get,list", "--resource=pods")
    await kubectl("create", "rolebinding", "b", "--role=r", "--serviceaccount=default:robot")
    token = (await kubectl("create", "token", "robot")).strip()
    foreign = (await kubectl("create", "token", "robot", "--audience=other")).strip()
    as_token = ("--token", token, "--kubeconfig=/dev/null", "-s", kubectl.running.url)
    trust = f"--certificate-authority={kubectl.running.ca}"

    await kubectl(*as_token, trust, "get", "pods")
    assert 'User "system:serviceaccount:default:robot" cannot list resource "secrets"' in (
        await kubectl(*as_token, trust, "get", "secrets", code=1)
    )
    assert "Unauthorized" in await kubectl(
        "--token", foreign, *as_token[2:], trust, "get", "pods", code=1
    )
    assert "may not specify a duration less than 10 minutes" in await kubectl(
        "create", "token", "robot", "--duration=1s", code=1
    )

    await kubectl("delete", "serviceaccount", "robot")
    assert "Unauthorized" in await kubectl(*as_token, trust, "get", "pods", code=1)


async def test_nobody_grants_more_than_they_have(kubectl: Kubectl) -> None:
    rbac = ("--resource=roles.rbac.authorization.k8s.io", "--resource=pods")
    await kubectl("create", "role", "keeper", "--verb=get,create,patch", *rbac)
    await kubectl("create", "rolebinding", "keeper", "--role=keeper", "--user=jane")

    await kubectl("--as=jane", "create", "role", "pods", "--verb=get", "--resource=pods")
    refused = await kubectl(
        "--as=jane", "create", "role", "greedy", "--verb=get", "--resource=secrets", code=1
    )
    patched = await kubectl(
        "--as=jane",
        "patch",
        "role",
        "pods",
        "--type=json",
        '-p=[{"op":"add","path":"/rules/0/verbs/-","value":"delete"}]',
        code=1,
    )

    for message in (refused, patched):
        assert "is attempting to grant RBAC permissions not currently held" in message


GADGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.demo.example.com}
spec:
  group: demo.example.com
  scope: Namespaced
  names: {plural: gadgets, singular: gadget, kind: Gadget, shortNames: [gd]}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    selectableFields:
    - {jsonPath: .spec.color}
    schema:
      openAPIV3Schema:
        type: object
        description: A gadget.
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, maximum: 9, description: How big it is.}
              color: {type: string, default: red}
            x-kubernetes-validations:
            - {rule: self.size >= oldSelf.size, message: a gadget never shrinks}
"""


def a_gadget(size: int, **spec: Any) -> str:
    return json.dumps(
        {
            "apiVersion": "demo.example.com/v1",
            "kind": "Gadget",
            "metadata": {"name": "g"},
            "spec": {"size": size, **spec},
        }
    )


async def test_the_life_of_a_definition(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", stdin=GADGETS)
    await kubectl("wait", "--for=condition=Established", "crd/gadgets.demo.example.com")

    assert "created" in await kubectl("apply", "-f", "-", stdin=a_gadget(3))
    table = (await kubectl("get", "gd")).split()
    assert table == ["NAME", "SIZE", "g", "3"]
    assert await kubectl("get", "gd", "--field-selector=spec.color=red", "-o", "name")
    assert not await kubectl("get", "gd", "--field-selector=spec.color=blue", "-o", "name")
    assert "How big it is." in await kubectl("explain", "gadgets.spec")
    assert 'unknown field "spec.shape"' in await kubectl(
        "apply", "-f", "-", stdin=a_gadget(3, shape="round"), code=1
    )
    assert "should be less than or equal to 9" in await kubectl(
        "apply", "-f", "-", stdin=a_gadget(10), code=1
    )
    assert "spec: Invalid value: a gadget never shrinks" in await kubectl(
        "apply", "-f", "-", stdin=a_gadget(2), code=1
    )

    await kubectl("delete", "crd", "gadgets.demo.example.com", "--timeout=20s")
    assert "could not find the requested resource" in await kubectl("get", "gadgets", code=1)


async def test_explain_knows_the_built_in_kinds(kubectl: Kubectl) -> None:
    assert "containers\t<[]Container>" in await kubectl("explain", "deployment.spec.template.spec")


async def test_logs_are_read_and_followed(kubectl: Kubectl) -> None:
    spec = {"nodeName": "n", "containers": [{"name": "main", "image": "x"}]}
    pod = await kubectl.running.server.objects.create(
        gvk.PODS, {"metadata": {"name": "web", "namespace": "default"}, "spec": spec}
    )
    folder = kubectl.running.server.config.home / "logs" / "pods"
    path = folder / f"default_web_{pod['metadata']['uid']}" / "main" / "0.log"
    path.parent.mkdir(parents=True)
    path.write_text("2026-01-01T00:00:00.000000000Z stdout F one\n")

    assert await kubectl("logs", "web") == "one\n"
    assert await kubectl("logs", "web", "--timestamps") == "2026-01-01T00:00:00.000000000Z one\n"
    following = await kubectl.start("logs", "-f", "web")
    async with asyncio.timeout(30):
        assert await following.stdout.readline() == b"one\n"
        with path.open("a") as file:
            file.write("2026-01-01T00:00:01.000000000Z stderr F two\n")
        assert await following.stdout.readline() == b"two\n"
        ended = {"name": "main", "restartCount": 0, "state": {"terminated": {"exitCode": 0}}}
        await kubectl.running.server.objects.mutate(
            gvk.PODS,
            "default",
            "web",
            lambda current: current | {"status": {"containerStatuses": [ended]}},
        )
        assert await following.communicate() == (b"", b"")


async def test_a_service_is_reached_through_the_proxy(kubectl: Kubectl) -> None:
    async def answer(request: http_server.Request) -> http_server.Response:
        return http_server.Response(200, [("content-type", "text/plain")], request.target.encode())

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    backend = await http_server.serve(answer, [listening])
    objects = kubectl.running.server.objects
    await objects.create(
        gvk.SERVICES,
        {
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        },
    )
    await objects.create(
        gvk.ENDPOINTSLICES,
        {
            "metadata": {
                "name": "web-1",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": "web"},
            },
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
        },
    )
    base = "/api/v1/namespaces/default/services/web:http/proxy"

    assert await kubectl("get", "--raw", f"{base}/a?b=c") == "/a?b=c"
    assert await kubectl("get", "--raw", base) == "/"
    await backend.close(0)
    assert "error trying to reach service" in await kubectl("get", "--raw", f"{base}/a", code=1)
