"""What becomes of triggers in the API: conditions, delivery records, Ingresses, and how soon."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

from fission.contracts import signing
from fission_http import client as http_client
from fission_http import server as servers
from tests.support import apiserver, routerapp, routing, waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TRIGGERS = f"{routerapp.FISSION}/httptriggers"
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/fission/ingresses"
MERGE = "application/merge-patch+json"


async def answer(request: servers.Request) -> servers.Response:
    if request.path == "/wait":
        await request.read(100)
        await asyncio.sleep(0.3)
    return servers.Response(503 if request.path == "/fail" else 200, [], request.path.encode())


class Router:
    """A router of its own with one function `hello`."""

    def __init__(self, api: apiserver.Running, client: http_client.Client, url: str) -> None:
        self.api = api
        self._client = client
        self._url = url

    async def make(self, name: str, **spec: Any) -> dict[str, Any]:
        return await routerapp.create(self.api, TRIGGERS, routing.a_trigger(name, **spec))

    async def change(self, name: str, **spec: Any) -> None:
        done = await self.api.call("PATCH", f"{TRIGGERS}/{name}", {"spec": spec}, MERGE)
        assert done.status == 200, done.body

    async def remove(self, name: str) -> None:
        assert (await self.api.call("DELETE", f"{TRIGGERS}/{name}")).status == 200

    async def status(self, name: str) -> dict[str, Any]:
        return dict((await self.api.call("GET", f"{TRIGGERS}/{name}")).body.get("status") or {})

    async def reason(self, name: str) -> str:
        conditions = (await self.status(name)).get("conditions") or []
        return next((str(each["reason"]) for each in conditions if each["type"] == "Ready"), "")

    async def until_reason(self, name: str, reason: str) -> None:
        async def so() -> bool:
            return await self.reason(name) == reason

        await waiting.until_so(so)

    async def ingresses(self) -> dict[str, dict[str, Any]]:
        found = await self.api.call("GET", INGRESSES)
        return {each["metadata"]["name"]: each for each in found.body["items"]}

    async def call(self, method: str, path: str, headers: Any = ()) -> tuple[int, bytes]:
        got = await self._client.request(method, self._url + path, headers)
        return got.status, await got.read()

    async def until_status(self, path: str, status: int) -> None:
        async def so() -> bool:
            return (await self.call("GET", path))[0] == status

        await waiting.until_so(so)


@contextlib.asynccontextmanager
async def a_router() -> AsyncIterator[Router]:
    pod = await routing.Pod(answer).start()
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    async with http_client.Client() as client, apiserver.running() as api:
        await routerapp.define_kinds(api)
        await api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "fission"}})
        made = await routerapp.create(api, f"{routerapp.FISSION}/functions", routing.a_function())
        await routerapp.create(api, routerapp.SLICES, routerapp.a_slice_for(made, pod.address))
        try:
            async with routerapp.serving(api, signing.Masters(), sockets):
                yield Router(api, client, url)
        finally:
            for each in sockets:
                each.close()
            await pod.stop()


async def test_triggers_take_effect_and_say_so():
    async with a_router() as router:
        await router.make("a", relativeurl="/a")
        await router.until_status("/a", 200)
        await router.until_reason("a", "RouteAdmitted")

        # one that claims the same waits in its shadow
        await router.make("b", relativeurl="/a")
        await router.until_reason("b", "RouteConflict")
        await router.remove("a")
        await router.until_reason("b", "RouteAdmitted")
        assert (await router.call("GET", "/a"))[0] == 200
        assert (await router.call("POST", "/a"))[0] == 405

        # a change cuts nothing off that is under way
        await router.make("p", prefix="/p")
        await router.until_status("/p/x", 200)
        slow = asyncio.create_task(router.call("GET", "/p/wait"))
        await router.call("GET", "/p/x")
        await router.change("p", prefix="/q")
        await router.until_status("/q/x", 200)
        assert (await router.call("GET", "/p/x"))[0] == 404
        assert await slow == (200, b"/wait")

        for name, spec, reason in (
            ("regex", {"relativeurl": "/r/{x:(?:a+)+}"}, "InvalidRouteTemplate"),
            ("cors", {"relativeurl": "/c", "corsConfig": {"maxAge": "x"}}, "InvalidCorsConfig"),
            ("gone", {"relativeurl": "/g", "function": "none"}, "FunctionNotFound"),
            (
                "gateway",
                {"relativeurl": "/w", "routeConfig": {"provider": "gateway"}},
                "InvalidIngressConfig",
            ),
        ):
            await router.make(name, **spec)
            await router.until_reason(name, reason)


async def test_what_was_delivered_is_recorded():
    async with a_router() as router:
        for name in ("p", "q"):  # records of one trigger are written seconds apart
            await router.make(name, prefix=f"/{name}")
        await router.until_status("/p/ok", 200)
        await router.call("GET", "/p/ok")
        await router.until_status("/q/fail", 503)

        async def delivery(name: str) -> dict[str, Any]:
            return dict((await router.status(name)).get("delivery") or {})

        async def recorded() -> bool:
            good, bad = await delivery("p"), await delivery("q")
            return good.get("delivered") == 2 and bad.get("failed") == 1

        await waiting.until_so(recorded)
        assert (await delivery("q"))["lastError"]["message"] == "the function answered 503"
        assert (await delivery("p"))["lastDelivered"]
        # the record did not disturb the conditions, nor the other way round
        assert await router.reason("p") == "RouteAdmitted"


async def test_ingresses_follow_their_triggers():
    async with a_router() as router:
        foreign = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "mine"},
            "spec": {"defaultBackend": {"service": {"name": "x", "port": {"number": 1}}}},
        }
        assert (await router.api.call("POST", INGRESSES, foreign)).status == 201
        await router.make(
            "web",
            relativeurl="/web",
            createingress=True,
            ingressconfig={
                "host": "a.example.org",
                "path": "/w",
                "tls": "secret",
                "annotations": {"k": "v"},
            },
        )
        await router.make("mine", relativeurl="/mine", createingress=True)

        async def there() -> bool:
            return "web" in await router.ingresses()

        await waiting.until_so(there)
        made = (await router.ingresses())["web"]
        assert made["metadata"]["labels"] == {
            "triggerName": "web",
            "triggerNamespace": "default",
            "functionName": "hello",
        }
        assert made["metadata"]["annotations"]["k"] == "v"
        assert made["spec"] == {
            "rules": [
                {
                    "host": "a.example.org",
                    "http": {
                        "paths": [
                            {
                                "path": "/w",
                                "pathType": "ImplementationSpecific",
                                "backend": {"service": {"name": "router", "port": {"number": 80}}},
                            }
                        ]
                    },
                }
            ],
            "tls": [{"hosts": ["a.example.org"], "secretName": "secret"}],
        }
        # what a controller adds stays, what the trigger loses goes
        noted = {"metadata": {"annotations": {"controller": "saw it"}}}
        await router.api.call("PATCH", f"{INGRESSES}/web", noted, MERGE)
        await router.change("web", ingressconfig={"tls": "", "annotations": None})

        async def changed() -> bool:
            return "tls" not in (await router.ingresses())["web"]["spec"]

        await waiting.until_so(changed)
        left = (await router.ingresses())["web"]["metadata"]["annotations"]
        assert "k" not in left
        assert left["controller"] == "saw it"

        await router.remove("web")

        async def gone() -> bool:
            return "web" not in await router.ingresses()

        await waiting.until_so(gone)
        # an Ingress of somebody else keeps its name and content, and the trigger is told
        assert (await router.ingresses())["mine"]["spec"] == foreign["spec"]
        events = await router.api.call("GET", "/api/v1/namespaces/default/events")
        assert [each["reason"] for each in events.body["items"]] == ["RouteNameTaken"]


async def test_http_routes_are_made_where_the_cluster_has_them():
    gateway = {"parentRefs": [{"name": "public", "namespace": "infra"}]}
    shown = {"provider": "gateway", "hostnames": ["a.example", "*"], "gateway": gateway}
    async with a_router() as router:
        await router.make("early", relativeurl="/early", routeConfig=shown)

        async def told() -> list[str]:
            found = await router.api.call("GET", "/api/v1/namespaces/default/events")
            return [each["message"] for each in found.body["items"]]

        await waiting.until_so(told)
        assert await told() == ["the cluster does not serve HTTPRoute"]

        group = "gateway.networking.k8s.io"
        names = {"plural": "httproutes", "singular": "httproute", "kind": "HTTPRoute"}
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version = {"name": "v1", "served": True, "storage": True}
        definition = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"httproutes.{group}"},
            "spec": {
                "group": group,
                "names": {**names, "listKind": "HTTPRouteList"},
                "scope": "Namespaced",
                "versions": [{**version, "schema": {"openAPIV3Schema": schema}}],
            },
        }
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        assert (await router.api.call("POST", path, definition)).status == 201
        made = f"/apis/{group}/v1/namespaces/fission/httproutes"

        async def served() -> bool:
            return (await router.api.call("GET", made)).status == 200

        await waiting.until_so(served)
        # the next change of any trigger that is shown outside looks for the kind again
        await router.make("late", relativeurl="/late", routeConfig={**shown, "path": "/outer"})

        async def both() -> list[dict[str, Any]]:
            found = (await router.api.call("GET", made)).body["items"]
            return found if len(found) == 2 else []

        await waiting.until_so(both)
        specs = {each["metadata"]["name"]: each["spec"] for each in await both()}
        assert specs["late"] == {
            "parentRefs": [{"name": "public", "namespace": "infra"}],
            "hostnames": ["a.example"],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/outer"}}],
                    "backendRefs": [{"name": "router", "port": 80}],
                }
            ],
        }
        assert specs["early"]["rules"][0]["matches"][0]["path"]["value"] == "/"
