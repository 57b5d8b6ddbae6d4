import orjson
import pytest

from fission.kube import answers
from fission.meta import gvk, status


def a_status(code, reason, **details):
    return orjson.dumps(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "no",
            "reason": reason,
            "details": details,
            "code": code,
        }
    )


def test_a_status_body_is_the_error_that_it_names():
    error = answers.error_from(409, a_status(409, "AlreadyExists"))
    assert isinstance(error, status.AlreadyExists)
    assert str(error) == "no"


def test_a_text_body_is_judged_by_its_code():
    error = answers.error_from(404, b"404 page not found\n")
    assert isinstance(error, status.NotFound)
    assert str(error) == "404 page not found"


@pytest.mark.parametrize(
    ("code", "reason", "details", "header", "pause"),
    [
        (429, "TooManyRequests", {"retryAfterSeconds": 3}, None, 3.0),
        (429, "TooManyRequests", {"retryAfterSeconds": 3}, "1", 1.0),
        (429, "TooManyRequests", {}, None, None),
        (503, "ServiceUnavailable", {}, "2", 2.0),
        (504, "Timeout", {}, "Wed, 21 Oct 2026 07:28:00 GMT", None),
        (409, "Conflict", {"retryAfterSeconds": 3}, "1", None),
    ],
)
def test_a_call_is_repeated_only_where_the_server_asks_for_it(code, reason, details, header, pause):
    error = answers.error_from(code, a_status(code, reason, **details))
    assert answers.retry_pause(error, header) == pause


def test_items_of_a_list_are_completed_with_their_kind():
    page = {"items": [{"metadata": {"name": "a"}}, {"kind": "Own", "metadata": {}}]}
    items = answers.complete_items(page, gvk.DEPLOYMENTS)
    assert items[0]["kind"] == "Deployment"
    assert items[0]["apiVersion"] == "apps/v1"
    assert items[1]["kind"] == "Own"
    assert answers.complete_items({"items": None}, gvk.PODS) == []
