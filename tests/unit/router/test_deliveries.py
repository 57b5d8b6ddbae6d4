"""What counts as delivered, what as failed, and what as neither."""

import asyncio

import pytest

from fission.api import httptrigger_types, objects
from fission.router import deliveries, failures, routes, weights
from tests.support import routing


class Records:
    def __init__(self) -> None:
        self.count = 0
        self.messages: list[str] = []

    def delivered(self, namespace: str, name: str, count: int = 1) -> None:
        self.count += count

    def failed(self, namespace: str, name: str, message: str) -> None:
        self.messages.append(message)


@pytest.mark.parametrize(
    ("status", "failure", "delivered", "failed"),
    [
        (200, None, 1, []),
        (404, None, 1, []),
        (503, None, 0, ["the function answered 503"]),
        (
            504,
            failures.function_timeout(3),
            0,
            ["timeout: the function did not answer within 3 s (function_timeout, 504)"],
        ),
        (429, failures.capacity_exceeded("full"), 0, ["executor: full (capacity_exceeded, 429)"]),
        (499, failures.client_disconnect(), 0, []),
        (400, failures.bad_request("bad chunk"), 0, []),
        (408, failures.client_slow(3), 0, []),
        (101, None, 1, []),
        (101, failures.Failure(101, "router", "going_away", "the router ends"), 1, []),
        (101, failures.client_disconnect("reset"), 0, []),
        (101, failures.function_error("broke"), 0, ["function: broke (function_error, 101)"]),
    ],
)
def test_whose_doing_it_was_decides(status, failure, delivered, failed):
    records = Records()
    loop = asyncio.new_event_loop()
    try:
        counts = deliveries.Deliveries(records, loop)
        wire = routing.a_trigger("t", relativeurl="/t")
        trigger = objects.decode(httptrigger_types.HTTPTrigger, wire)
        functions = weights.Weighted([(object(), 1)])
        counts.ended(routes.make_route(trigger, functions), status, failure)
        counts.flush()
    finally:
        loop.close()
    assert (records.count, records.messages) == (delivered, failed)
