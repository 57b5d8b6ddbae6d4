"""What the router tells of the end of each request that a trigger brought."""

from fission.router import failures, routes
from fission_http import server as servers
from tests.support import routing


async def test_the_end_of_a_triggers_request_is_told_with_who_is_to_blame():
    ends: list[tuple[str, int, str, str]] = []

    def on_end(route: routes.Route, status: int, failure: failures.Failure | None) -> None:
        component, reason = (failure.component, failure.reason) if failure else ("", "")
        ends.append((route.trigger.metadata.name, status, component, reason))

    async def serve(request: servers.Request) -> servers.Response:
        return servers.Response(418 if request.query else 200)

    pod = await routing.Pod(serve).start()
    async with routing.a_router(on_end=on_end) as routed:
        routed.add(
            routing.a_function(),
            routing.a_function("gone"),
            routing.a_trigger("t", relativeurl="/hello"),
            routing.a_trigger("g", function="gone", relativeurl="/gone"),
            routing.a_slice("s", [pod.address]),
        )
        await routed.call("GET", "/hello")
        await routed.call("GET", "/hello?teapot")
        await routed.call("POST", "/fission-function/hello", internal=True)
        routed.executor.failure = (500, "no such package")
        await routed.call("GET", "/gone")
    assert ends == [
        ("t", 200, "", ""),
        ("t", 418, "", ""),
        ("g", 500, "executor", "specialization_failed"),
    ]
    await pod.stop()
