"""Functions that do not load are told so at once, and tried again later."""

from __future__ import annotations

import dataclasses

import pytest

from fission.executor import errors
from fission.executor.poolmgr import failures

MARK = failures.Mark(1, "package", "settings", "runtime")
BROKEN = errors.SpecializationFailed("SyntaxError: invalid syntax", final=True)


def test_a_failure_is_the_answer_for_a_while() -> None:
    known = failures.Failures()
    assert known.current("f", MARK, 0.0) is None
    known.failed("f", MARK, BROKEN, 10.0)
    said = known.current("f", MARK, 10.5)
    assert said is not None
    assert said.final
    assert said.message.startswith("SyntaxError: invalid syntax\n")
    assert "the next try is in 1 s" in said.message
    assert known.current("f", MARK, 11.0) is None
    assert known.current("g", MARK, 10.5) is None


@pytest.mark.parametrize("field", ["generation", "package", "settings", "runtime"])
def test_a_change_is_tried_at_once(field: str) -> None:
    known = failures.Failures()
    known.failed("f", MARK, BROKEN, 0.0)
    changed = dataclasses.replace(MARK, **{field: 2 if field == "generation" else "new"})
    assert known.current("f", changed, 0.1) is None


def test_the_pause_doubles_up_to_a_limit() -> None:
    known = failures.Failures()
    now, pauses = 0.0, []
    for _ in range(8):
        known.failed("f", MARK, BROKEN, now)
        pause = next(s for s in range(1, 100) if known.current("f", MARK, now + s) is None)
        pauses.append(pause)
        now += pause
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_tries_that_ran_at_once_are_one_failure() -> None:
    known = failures.Failures()
    for moment in (0.0, 0.1, 0.2):
        known.failed("f", MARK, BROKEN, moment)
    assert known.current("f", MARK, 1.3) is None


def test_what_is_not_the_functions_fault_is_tried_every_second() -> None:
    known = failures.Failures()
    away = errors.SpecializationFailed("storagesvc does not answer", final=False)
    for moment in (0.0, 2.0, 4.0, 6.0):
        known.failed("f", MARK, away, moment)
        assert known.current("f", MARK, moment + 0.9) is not None
        assert known.current("f", MARK, moment + 1.0) is None


def test_success_forgets_everything() -> None:
    known = failures.Failures()
    known.failed("f", MARK, BROKEN, 0.0)
    known.worked("f")
    assert known.current("f", MARK, 0.1) is None
    assert len(known) == 0


def test_memory_is_bounded() -> None:
    known = failures.Failures()
    for number in range(failures.MAX_REMEMBERED + 10):
        known.failed(f"f{number}", MARK, BROKEN, 0.0)
    assert len(known) == failures.MAX_REMEMBERED
