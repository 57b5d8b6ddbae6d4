import json

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREATE = ("route", "create", "--name", "hello", "--url", "/hello", "--function", "hello")
PATH = "/apis/fission.io/v1/namespaces/default/httptriggers/hello"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _function(environment, good):
    await good("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py")


async def test_a_route_from_creation_to_deletion(good, cluster):
    assert await good(*CREATE, "--method", "get", "--method", "POST") == (
        "trigger 'hello' created\n"
    )
    assert (await cluster.call("GET", PATH)).body["spec"] == {
        "functionref": {"type": "name", "name": "hello"},
        "relativeurl": "/hello",
        "prefix": "",
        "methods": ["GET", "POST"],
    }
    assert await good("route", "list") == (
        "NAME  METHOD     URL    FUNCTION(s) INGRESS HOST PATH TLS ANNOTATIONS READY  NAMESPACE\n"
        "hello [GET POST] /hello hello       false                             <none> default\n"
    )
    assert await good("route", "update", "--name", "hello", "--url", "/hi") == (
        "trigger 'hello' updated\n"
    )
    spec = (await cluster.call("GET", PATH)).body["spec"]
    assert (spec["relativeurl"], spec["methods"]) == ("/hi", ["GET", "POST"])
    assert await good("route", "delete", "--name", "hello") == "trigger 'hello' deleted\n"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--function", "hello"], "you need to supply either Prefix or URL/RelativeURL"),
        (["--url", "/", "--function", "hello"], "url with only root path is not allowed"),
        (["--url", "/a"], 'required flag(s) "function" not set'),
        (
            ["--url", "/a", "--function", "hello", "--method", "FETCH"],
            'invalid HTTP method "FETCH"\n  valid values are GET, HEAD, POST, PUT, PATCH, DELETE,'
            " CONNECT, OPTIONS, TRACE",
        ),
        (
            ["--url", "/a", "--function", "a", "--function", "b", "--weight", "50,60"],
            "two functions need two --weight that are 100 in all",
        ),
        (
            ["--url", "/readyz", "--function", "hello"],
            'HTTPTrigger.fission.io "r" is invalid: spec.relativeurl: Invalid value: "/readyz":'
            " is a path of the router itself",
        ),
    ],
)
async def test_flags_that_make_no_route(bad, flags, message):
    said = await bad("route", "create", "--name", "r", *flags)
    assert said.startswith(f"Error: {message}")


async def test_two_routes_do_not_claim_the_same(good, bad):
    await good(*CREATE)

    assert await bad("route", "create", "--name", "r", "--url", "hello", "--function", "hello") == (
        "Error: HTTPTrigger with same Host, URL & method already exists (hello)\n"
        "  a request goes to one route, and this one is in namespace 'default'\n"
        "  choose another path or method, or change that one with"
        " `fission -n default route update --name hello`"
    )
    await good(
        "route",
        "create",
        "--name",
        "r",
        "--url",
        "/hello",
        "--function",
        "hello",
        "--method",
        "POST",
    )


async def test_a_function_that_is_not_there_is_a_warning(good):
    assert await good("route", "create", "--name", "r", "--prefix", "/p", "--function", "helo") == (
        "Warning: function 'helo' does not exist in namespace 'default'; did you mean \"hello\"?\n"
        "trigger 'r' created\n"
    )


async def test_a_route_without_a_name_gets_one(good):
    assert await good("route", "create", "--url", "/x", "--function", "hello") == (
        "Warning: no --name given, so the route is named uid-2\ntrigger 'uid-2' created\n"
    )


async def test_weights(good, cluster):
    await good("fn", "create", "--name", "two", "--env", "python", "--code", "other.py")
    await good(
        "route",
        "create",
        "--name",
        "hello",
        "--url",
        "/w",
        "--function",
        "hello",
        "--function",
        "two",
        "--weight",
        "70",
        "--weight",
        "30",
    )

    assert (await cluster.call("GET", PATH)).body["spec"]["functionref"] == {
        "type": "function-weights",
        "name": "",
        "functionweights": {"hello": 70, "two": 30},
    }
    (found,) = json.loads(await good("route", "list", "--function", "two", "-o", "json"))
    assert found["metadata"]["name"] == "hello"


async def test_all_routes_of_a_function_go_at_once(good, bad):
    await good(*CREATE)
    await good("route", "create", "--name", "r", "--url", "/b", "--function", "hello")

    assert await good("route", "delete", "--function", "hello") == (
        "trigger 'hello' deleted\ntrigger 'r' deleted\n"
    )
    said = await bad("route", "delete", "--function", "hello")
    assert said.startswith("Error: no route leads to function 'hello'\n")
    assert await bad("route", "delete") == "Error: need either --name or --function argument"


async def test_a_wide_list_and_a_description_show_what_was_delivered(good, cluster):
    await good(*CREATE)
    delivery = {"delivered": 12, "failed": 1, "lastDelivered": "2026-01-01T00:00:00Z"}
    answer = await cluster.call(
        "PATCH",
        f"{PATH}/status",
        {"status": {"delivery": delivery}},
        "application/merge-patch+json",
    )
    assert answer.status == 200, answer.body

    header, row = (await good("route", "list", "-o", "wide")).splitlines()

    assert header.split()[-5:] == ["LAST_DELIVERY", "DELIVERED", "FAILED", "LAG", "LAST_ERROR"]
    assert row.split()[-4:] == ["12", "1", "<none>", "<none>"]
    assert "DELIVERY:" in await good("route", "get", "--name", "hello")


async def test_an_update_leaves_what_it_does_not_name(good, bad, cluster):
    await good(*CREATE, "--createingress", "--cors-origin", "https://a.example", "--method", "PUT")
    before = (await cluster.call("GET", PATH)).body["spec"]
    assert before["corsConfig"] == {"allowOrigins": ["https://a.example"]}

    await good("route", "update", "--name", "hello", "--cors-max-age", "10m")
    after = (await cluster.call("GET", PATH)).body["spec"]
    assert after["corsConfig"] == {"allowOrigins": ["https://a.example"], "maxAge": "10m"}
    assert {**after, "corsConfig": None} == {**before, "corsConfig": None}

    await good("route", "update", "--name", "hello", "--prefix", "/p", "--cors-origin", "-")
    after = (await cluster.call("GET", PATH)).body["spec"]
    assert "corsConfig" not in after
    assert (after["prefix"], after["relativeurl"], after["methods"]) == ("/p", "", ["PUT"])
    assert after["ingressconfig"]["path"] == "/p"

    assert await bad("route", "update", "--name", "hello", "--weight", "50,50") == (
        "Error: --weight needs two --function"
    )


async def test_a_route_that_is_shown_outside_says_how(good):
    await good(
        *CREATE,
        *("--route-provider", "ingress", "--route-host", "a.example"),
        *("--route-path", "/x", "--route-tls", "s", "--route-annotation", "k=v"),
    )
    row = (await good("route", "list")).splitlines()[1]
    assert row.split()[3:11] == ["hello", "ingress", "a.example", "/x", "s", "k:", "v", "<none>"]
