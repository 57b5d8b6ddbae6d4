"""Which trigger a request belongs to, and which triggers lose."""

import pytest

from fission.api import httptrigger_types, objects
from fission.router import routetable, weights
from tests.support import routing

FUNCTIONS = {("default", name): object() for name in ("f", "g", "h")}


def build(*triggers: dict) -> routetable.Table:
    table = routetable.Table(lambda ns, name: FUNCTIONS.get((ns, name)))
    for wire in triggers:
        table.put(objects.decode(httptrigger_types.HTTPTrigger, wire))
    return table


def found(table: routetable.Table, path: str, method: str = "GET", host: str = "a") -> str:
    match = table.find(host, path, method)
    if isinstance(match, routetable.NotAllowed):
        return "not " + " ".join(sorted(match.methods))
    return match.route.trigger.metadata.name if match is not None else "None"


def test_an_exact_path_matches_itself_only():
    table = build(routing.a_trigger("t", "f", relativeurl="/hello"))
    assert found(table, "/hello") == "t"
    for path in ("/hello/", "/hell", "/hello/x", "/Hello", "/"):
        assert found(table, path) == "None"
    assert found(table, "/hello", "POST") == "not GET"


@pytest.mark.parametrize(
    ("prefix", "matching", "other"),
    [
        ("/p", ["/p", "/p/", "/p/a/b"], ["/pp", "/", "/pa"]),
        ("/p/", ["/p/", "/p/a"], ["/p", "/pp"]),
    ],
)
def test_a_prefix_ends_at_a_segment(prefix, matching, other):
    table = build(routing.a_trigger("t", "f", prefix=prefix))
    assert [found(table, path) for path in matching] == ["t"] * len(matching)
    assert [found(table, path) for path in other] == ["None"] * len(other)


def test_precedence_is_host_then_exact_then_the_longest_prefix():
    table = build(
        routing.a_trigger("prefix", "f", prefix="/a"),
        routing.a_trigger("longer", "f", prefix="/a/b"),
        routing.a_trigger("exact", "f", relativeurl="/a/b/c"),
        routing.a_trigger("host-prefix", "f", prefix="/a", host="h.example"),
        routing.a_trigger("host-exact", "f", relativeurl="/a/x", host="h.example"),
    )
    assert found(table, "/a/b/c") == "exact"
    assert found(table, "/a/b/d") == "longer"
    assert found(table, "/a/c") == "prefix"
    assert found(table, "/a/b/c", host="h.example") == "host-prefix"
    assert found(table, "/a/x", host="h.example") == "host-exact"
    assert found(table, "/a/x", host="other") == "prefix"


def test_methods_only_filter():
    table = build(
        routing.a_trigger("exact", "f", relativeurl="/a/b", methods=["POST"]),
        routing.a_trigger("prefix", "f", prefix="/a", methods=["GET"]),
        routing.a_trigger("none", "f", relativeurl="/none", methods=[]),
        routing.a_trigger("old", "f", relativeurl="/old", methods=[], method="PUT"),
    )
    assert found(table, "/a/b", "POST") == "exact"
    assert found(table, "/a/b", "GET") == "prefix"
    assert found(table, "/a/b", "PUT") == "not GET POST"
    assert found(table, "/none", "GET") == "not "
    assert found(table, "/old", "PUT") == "old"


def test_templates_capture_what_they_name():
    table = build(
        routing.a_trigger("user", "f", relativeurl="/users/{id}"),
        routing.a_trigger("deep", "f", relativeurl="/files/{path:.+}"),
        routing.a_trigger("two", "f", relativeurl="/a/{x}/b/{y:[0-9]{2}}"),
        routing.a_trigger("prefix", "f", prefix="/t/{tenant}"),
    )
    match = table.find("a", "/users/7", "GET")
    assert isinstance(match, routetable.Match)
    assert match.variables == (("id", "7"),)
    assert found(table, "/users/7/x") == "None"
    match = table.find("a", "/files/a/b", "GET")
    assert isinstance(match, routetable.Match)
    assert match.variables == (("path", "a/b"),)
    match = table.find("a", "/a/1/b/22", "GET")
    assert isinstance(match, routetable.Match)
    assert match.variables == (("x", "1"), ("y", "22"))
    assert found(table, "/a/1/b/222") == "None"
    match = table.find("a", "/t/acme/x/y", "GET")
    assert isinstance(match, routetable.Match)
    assert (match.variables, match.prefix_length) == ((("tenant", "acme"),), len("/t/acme"))
    assert found(table, "/t/acme") == "prefix"


def test_ties_between_literal_and_template_go_to_the_oldest():
    table = build(
        routing.a_trigger("template", "f", relativeurl="/u/{id}", created="2026-01-02T00:00:00Z"),
        routing.a_trigger("literal", "f", relativeurl="/u/me", created="2026-01-03T00:00:00Z"),
        routing.a_trigger("first", "f", relativeurl="/u/root", created="2026-01-01T00:00:00Z"),
    )
    assert found(table, "/u/me") == "template"
    assert found(table, "/u/root") == "first"


def test_the_younger_of_two_equal_routes_is_refused():
    table = build(
        routing.a_trigger("b", "f", relativeurl="/x/{a}", created="2026-01-02T00:00:00Z"),
        routing.a_trigger("a", "f", relativeurl="/x/{b}", created="2026-01-03T00:00:00Z"),
        routing.a_trigger("post", "f", relativeurl="/x/{c}", methods=["POST"]),
        routing.a_trigger("host", "f", relativeurl="/x/{c}", host="h.example"),
    )
    refusal = table.refused["default", "a"]
    assert refusal.reason == "RouteConflict"
    assert refusal.message == "*/x/{b} is served by the older trigger default/b for GET"
    assert found(table, "/x/1") == "b"
    assert found(table, "/x/1", "POST") == "post"
    assert len(table.routes) == 3


@pytest.mark.parametrize(
    ("spec", "reason", "part"),
    [
        ({"relativeurl": "/a", "function": "none"}, "FunctionNotFound", "'none'"),
        ({"relativeurl": "/a/{x"}, "InvalidRouteTemplate", "unbalanced"),
        ({"relativeurl": "/a/{x}/{x}"}, "InvalidRouteTemplate", "twice"),
        ({"relativeurl": "/a/{x:(b)}"}, "InvalidRouteTemplate", "capturing"),
        ({"relativeurl": "/a/{x:[}"}, "InvalidRouteTemplate", "ends too early"),
        ({"relativeurl": "/a/{:x}"}, "InvalidRouteTemplate", "needs a name"),
        ({"relativeurl": "/router-healthz"}, "MuxBuildFailed", "router itself"),
        ({"relativeurl": "/fission-function/x"}, "MuxBuildFailed", "fission-function"),
        ({"relativeurl": ""}, "MuxBuildFailed", "must be set"),
        (
            {
                "relativeurl": "/a",
                "corsConfig": {"allowOrigins": ["*"], "allowCredentials": True},
            },
            "InvalidCorsConfig",
            "allowCredentials",
        ),
        ({"relativeurl": "/a", "corsConfig": {"maxAge": "x"}}, "InvalidCorsConfig", "maxAge"),
    ],
)
def test_a_trigger_that_cannot_be_served_says_why(spec, reason, part):
    function = spec.pop("function", "f")
    table = build(routing.a_trigger("t", function, **spec))
    refusal = table.refused["default", "t"]
    assert refusal.reason == reason
    assert part in refusal.message
    assert not table.routes


def test_weights_are_drawn_in_proportion():
    drawn = weights.Weighted([("a", 20), ("b", 0), ("c", 80)])
    assert drawn.total == 100
    picked = [drawn.pick(number) for number in range(100)]
    assert (picked.count("a"), picked.count("c")) == (20, 80)


def test_weighted_references_need_a_function_with_weight():
    table = build(
        routing.a_trigger(
            "t",
            relativeurl="/a",
            functionref={"type": "function-weights", "name": "", "functionweights": {"f": 0}},
        ),
        routing.a_trigger(
            "u",
            relativeurl="/b",
            functionref={"type": "function-weights", "name": "", "functionweights": {"no": 1}},
        ),
        routing.a_trigger(
            "v", relativeurl="/c", functionref={"type": "name", "name": "f", "alias": "prod"}
        ),
    )
    assert {refusal.reason for refusal in table.refused.values()} == {"FunctionNotFound"}
    assert len(table.refused) == 3
