"""What an answer means for an event, and what the record says about it."""

import json

import pytest

from fission.delivery import records, verdicts
from fission.delivery.verdicts import Verdict
from fission_http import headers as header_lists


def _answer(status: int, body: bytes = b"", **headers: str) -> verdicts.Answer:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return verdicts.Answer(status, header_lists.Headers(pairs), body)


def _platform(status: int, reason: str, component: str = "router") -> verdicts.Answer:
    body = json.dumps({"component": component, "reason": reason}).encode()
    return _answer(status, body, X_Fission_Component=component)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (_answer(200), Verdict.DELIVERED),
        (_answer(204), Verdict.DELIVERED),
        (_answer(302), Verdict.DELIVERED),
        (_answer(400), Verdict.FUNCTION_ERROR),
        (_answer(404, b"no such page"), Verdict.FUNCTION_ERROR),
        (_answer(503), Verdict.FUNCTION_ERROR),
        (_answer(404, X_Fission_Route_Miss="1"), Verdict.NOT_DELIVERED),
        (_platform(429, "capacity_exceeded", "executor"), Verdict.NOT_DELIVERED),
        (_platform(500, "specialization_failed", "executor"), Verdict.NOT_DELIVERED),
        (_platform(500, "connection_refused"), Verdict.NOT_DELIVERED),
        (_platform(503, "capacity_exceeded"), Verdict.NOT_DELIVERED),
        (_platform(504, "function_timeout", "timeout"), Verdict.UNKNOWN),
        (_platform(504, "wait_timeout", "timeout"), Verdict.NOT_DELIVERED),
        (_platform(500, "function_error", "function"), Verdict.UNKNOWN),
        (_platform(413, "body_too_large"), Verdict.IMPOSSIBLE),
        (_answer(502, b"plain", X_Fission_Component="router"), Verdict.NOT_DELIVERED),
        (_answer(504, b"plain", X_Fission_Component="timeout"), Verdict.UNKNOWN),
    ],
)
def test_judge(answer: verdicts.Answer, verdict: Verdict) -> None:
    assert verdicts.judge(answer) is verdict


def test_statuses_that_count_are_the_callers_choice() -> None:
    assert verdicts.judge(_answer(302), range(200, 300)) is Verdict.FUNCTION_ERROR


def test_descriptions_say_who_answered_what() -> None:
    assert verdicts.describe(_answer(500, b"boom\n at line 3")) == (
        "500 from function: boom at line 3"
    )
    assert verdicts.describe(_platform(504, "function_timeout", "timeout")) == (
        "504 from timeout: function_timeout"
    )
    assert "no such function" in verdicts.describe(_answer(404, X_Fission_Route_Miss="1"))
    assert len(verdicts.describe(_answer(500, b"x" * 10_000))) == verdicts.MAX_TEXT_CHARS


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0.0),
        ("7", 7.0),
        ("soon", 0.0),
        ("-1", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
    ],
)
def test_retry_after(text: str, seconds: float) -> None:
    answer = _answer(429, Retry_After=text) if text else _answer(429)
    assert verdicts.retry_after_seconds(answer, 10.0) == seconds


def test_records_add_up() -> None:
    early = records.Pending(delivered=2, last_delivered="2026-01-01T00:00:05Z")
    written = records.merge(None, early)
    assert written == {"delivered": 2, "failed": 0, "lastDelivered": "2026-01-01T00:00:05Z"}
    error = records.reference_types.DeliveryError(at="2026-01-01T00:00:03Z", message="500")
    late = records.Pending(1, 1, "2026-01-01T00:00:04Z", error, lag=3)
    assert records.merge(written, late) == {
        "delivered": 3,
        "failed": 1,
        "lastDelivered": "2026-01-01T00:00:05Z",
        "lastError": {"at": "2026-01-01T00:00:03Z", "message": "500"},
        "lag": 3,
    }
