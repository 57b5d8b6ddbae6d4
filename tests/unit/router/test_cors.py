"""What other origins may do: preflights, answers, and settings that cannot be meant."""

import pytest

from fission.api import httptrigger_types
from fission.router import cors


def policy(**fields) -> cors.Policy:
    return cors.make_policy(httptrigger_types.CorsConfig(**fields), ("GET", "POST"))


def test_a_preflight_is_told_what_it_asked_for():
    made = policy(
        allow_origins=["https://a.example"],
        allow_headers=["X-Token"],
        allow_credentials=True,
        max_age="10m",
    )
    assert made.preflight("https://A.example", "POST", "x-token, Accept") == [
        ("Access-Control-Allow-Origin", "https://A.example"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Methods", "GET, POST"),
        ("Access-Control-Allow-Headers", "x-token, accept"),
        ("Access-Control-Max-Age", "600"),
    ]


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [
        ("https://b.example", "GET", ""),
        ("https://a.example:8443", "GET", ""),
        ("https://a.example", "DELETE", ""),
        ("https://a.example", "GET", "x-other"),
    ],
)
def test_a_preflight_for_anything_else_is_refused(origin, method, headers):
    made = policy(allow_origins=["https://a.example"], allow_headers=["x-token"])
    assert made.preflight(origin, method, headers) is None


def test_any_header_does_not_mean_any_text():
    made = policy(allow_origins=["*"], allow_headers=["*"])
    assert made.preflight("https://a.example", "GET", "x-anything") is not None
    assert made.preflight("https://a.example", "GET", "x: y") is None


def test_an_answer_says_who_may_read_what():
    made = policy(allow_origins=["*"], expose_headers=["X-Total", "X-Page"])
    assert made.answer("https://a.example") == [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Expose-Headers", "X-Total, X-Page"),
    ]
    assert policy(allow_origins=["https://a.example"]).answer("https://b.example") == []


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"allow_origins": ["*"], "allow_credentials": True}, "allowCredentials"),
        ({"allow_origins": ["a.example"]}, "'a.example' is no origin"),
        ({"allow_origins": ["https://a.example/"]}, "without a path"),
        ({"allow_origins": ["https://*.a.example"]}, "no origin"),
        ({"allow_methods": ["GET,POST"]}, "allowMethods"),
        ({"allow_headers": ["x token"]}, "allowHeaders"),
        ({"expose_headers": ["x:y"]}, "exposeHeaders"),
        ({"max_age": "long"}, "maxAge"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(fields, part):
    with pytest.raises(cors.CorsError, match=part.replace("*", r"\*")):
        policy(**fields)
