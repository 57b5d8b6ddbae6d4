import datetime
import io

import pytest

from fission.base import clock
from fission.cli import context, deliveries

NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)


@pytest.fixture
def session():
    return context.Session({}, io.StringIO(), io.StringIO(), clock=clock.ManualClock(NOW))


def a_trigger(**record):
    return {"metadata": {"name": "t"}, "status": {"delivery": record} if record else {}}


def test_columns_before_the_first_event(session):
    assert deliveries.columns(session, a_trigger()) == ("<none>", "0", "0", "<none>", "<none>")


def test_columns_tell_counts_ages_and_the_last_error(session):
    trigger = a_trigger(
        delivered=3,
        failed=1,
        lastDelivered="2026-01-01T23:59:55Z",
        lag=0,
        lastError={"at": "2026-01-01T23:50:00Z", "message": "HTTP 500\nfrom hello"},
    )

    assert deliveries.columns(session, trigger) == (
        "5s",
        "3",
        "1",
        "0",
        "HTTP 500 from hello (10m)",
    )


def test_a_long_error_is_cut_in_a_table_and_longer_in_a_description(session):
    trigger = a_trigger(lastError={"at": "2026-01-02T00:00:00Z", "message": "x" * 100})

    deliveries.show(session, trigger)

    assert deliveries.columns(session, trigger)[-1] == "x" * 79 + "… (0s)"
    assert session.stdout.getvalue() == (
        "\nDELIVERY:\n"
        "LAST_DELIVERY DELIVERED FAILED LAG\n"
        "<none>        0         0      <none>\n"
        f"Last error (0s ago): {'x' * 100}\n"
    )


def test_nothing_is_shown_before_the_first_event(session):
    deliveries.show(session, a_trigger())

    assert session.stdout.getvalue() == ""
