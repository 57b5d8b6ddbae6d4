"""Headers of calls and of what goes to response and error topics; how often a message is tried."""

import itertools

import pytest

from fission.api import messagequeuetrigger_types
from fission.delivery import verdicts
from fission.mqtrigger import binding, records, retries
from fission.mqtrigger.drivers import base
from fission_http import headers as header_lists


def a_message(**fields):
    return base.Message(
        **{
            "topic": "in",
            "body": b"x",
            "headers": {},
            "key": "",
            "position": "7",
            "attempt": 1,
            **fields,
        }
    )


def a_spec(**fields):
    return messagequeuetrigger_types.MessageQueueTriggerSpec(topic="in", **fields)


def test_a_message_may_not_frame_the_request_nor_speak_as_the_platform():
    headers = {
        "X-Tag": "blue",
        "Host": "evil",
        "Transfer-Encoding": "chunked",
        "x-fission-function-name": "other",
        "X-Fission-Auth-Signature": "1",
        "X-Bad": "a\r\nX-Injected: 1",
        "Ünicode": "x",
        "X-Text": "ünicode",
        "": "x",
    }
    sent = records.call_headers(a_spec(), a_message(headers=headers, key="k"), "id", 3)
    assert sent == [
        ("X-Tag", "blue"),
        ("Content-Type", "application/json"),
        ("X-Fission-MQTrigger-Topic", "in"),
        ("X-Fission-MQTrigger-RespTopic", ""),
        ("X-Fission-MQTrigger-ErrorTopic", ""),
        ("X-Fission-MQTrigger-Message-Id", "id"),
        ("X-Fission-MQTrigger-Attempt", "3"),
        ("X-Fission-MQTrigger-Key", "k"),
    ]


@pytest.mark.parametrize(
    ("said", "own", "sent"),
    [
        ("text/a", "text/b", "text/a"),
        ("", "text/b", "text/b"),
        ("", "", "application/json"),
    ],
)
def test_the_content_type_is_the_triggers_else_the_messages_own(said, own, sent):
    headers = {"content-type": own} if own else {}
    found = dict(
        records.call_headers(a_spec(content_type=said), a_message(headers=headers), "i", 1)
    )
    assert found["Content-Type"] == sent


def test_poison_keeps_its_headers_and_says_why():
    found = records.error_headers(
        a_spec(), a_message(headers={"X-Tag": "blue"}), "id", 4, "500: ä\nbad" + "x" * 600
    )
    assert found["X-Tag"] == "blue"
    assert (found["MessageSource"], found["RecycleCounter"]) == ("in", "3")
    assert found["X-Fission-MQTrigger-Cause"].startswith("500: ? bad")
    assert len(found["X-Fission-MQTrigger-Cause"]) == records.MAX_CAUSE_CHARS


def test_ids_of_messages_are_header_values():
    assert records.message_id("uid", a_message(position="3 ü")) == "uid/in/3__"


@pytest.mark.parametrize(
    ("retries_", "deliveries", "attempts"),
    [(0, 1, 1), (3, 1, 4), (3, 2, 3), (3, 9, 1), (0, 5, 1)],
)
def test_deliveries_that_a_broker_counted_use_up_attempts(retries_, deliveries, attempts):
    assert retries.budget(retries_, deliveries) == attempts


def test_pauses_grow_and_stay_bounded():
    pauses = list(itertools.islice(retries.pauses(), 10))
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert pauses[-1] == retries.LONGEST_PAUSE_SECONDS


@pytest.mark.parametrize(
    ("status", "component", "reason", "step"),
    [
        (204, "", "", retries.Next.ACCEPT),
        (302, "", "", retries.Next.RETRY),
        (500, "", "", retries.Next.RETRY),
        (429, "", "", retries.Next.RETRY),
        (429, "executor", "capacity_exceeded", retries.Next.WAIT),
        (500, "executor", "specialization_failed", retries.Next.WAIT),
        (500, "router", "connection_refused", retries.Next.WAIT),
        (504, "timeout", "function_timeout", retries.Next.RETRY),
        (504, "timeout", "wait_timeout", retries.Next.WAIT),
        (500, "function", "function_error", retries.Next.RETRY),
        (413, "router", "body_too_large", retries.Next.GIVE_UP),
    ],
)
def test_what_follows_from_an_answer(status, component, reason, step):
    headers = [("X-Fission-Component", component)] if component else []
    body = f'{{"component":"{component}","reason":"{reason}","requestId":"","traceId":""}}'
    answer = verdicts.Answer(status, header_lists.Headers(headers), body.encode())
    assert retries.judge(answer) is step


def test_a_binding_has_the_specs_bounds():
    def of(**fields):
        return binding.Binding("default", "t", "uid", 1, a_spec(**fields))

    bounds = of().bounds()
    assert (bounds.least, bounds.most, bounds.lag_threshold) == (0, 100, 10)
    assert of(metadata={"lagThreshold": "5"}).bounds().lag_threshold == 5
    assert of(metadata={"lagThreshold": "x"}).bounds().lag_threshold == 10
    assert of(metadata={"consumerGroup": "g"}).group == "g"
    assert of().group == "uid"
    assert of(max_replica_count=1).lane("k") == of(max_replica_count=1).lane("") != ""
    assert of().lane("k") == "k"
