import datetime
import io

import pytest

from fission.base import clock
from fission.cli import context, views

NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def session(out):
    return context.Session({}, out, io.StringIO(), clock=clock.ManualClock(NOW))


def an_object(message):
    same = {"status": "False", "reason": "Bad", "message": message}
    return {"status": {"conditions": [{"type": type_, **same} for type_ in ("Admitted", "Ready")]}}


def test_a_message_that_the_table_cuts_stands_below_once_and_whole(session, out):
    message = f"{'a long story, ' * 20}and what to write instead"

    views.show_conditions(session, an_object(message))

    assert out.getvalue().count("and what to write instead") == 1
    assert out.getvalue().endswith(f"\n\n{message}\n")


def test_a_short_message_is_in_the_table_only(session, out):
    views.show_conditions(session, an_object("write this instead"))

    assert out.getvalue().count("write this instead") == 2
    assert len(out.getvalue().splitlines()) == 5
