"""A pod belongs to one function."""

from __future__ import annotations

from pathlib import Path

import pytest

from fission.fetcher import claims, errors

HELLO = claims.Record(uid="uid-1", generation=1, namespace="default", name="hello")
OTHER = claims.Record(uid="uid-2", generation=1, namespace="default", name="other")


def test_the_first_function_gets_the_pod() -> None:
    assert claims.Claims(None).claim(HELLO, shared=False) == HELLO


def test_another_function_is_refused_by_name() -> None:
    target = claims.Claims(None)
    target.claim(HELLO, shared=False)
    with pytest.raises(errors.Claimed, match=r"belongs to function default/hello \(uid uid-1\)"):
        target.claim(OTHER, shared=False)


def test_the_same_function_may_come_again() -> None:
    target = claims.Claims(None)
    target.mark_loaded(target.claim(HELLO, shared=False))
    assert target.claim(HELLO, shared=False).state is claims.State.LOADED


def test_another_generation_of_the_function_is_another_function() -> None:
    target = claims.Claims(None)
    target.claim(HELLO, shared=False)
    newer = claims.Record(uid="uid-1", generation=2)
    with pytest.raises(errors.Claimed, match="generation 1"):
        target.claim(newer, shared=False)


def test_a_shared_pod_takes_every_function_and_every_generation() -> None:
    target = claims.Claims(None)
    target.mark_loaded(target.claim(HELLO, shared=True))
    assert target.claim(OTHER, shared=True).state is claims.State.CLAIMED
    newer = claims.Record(uid="uid-1", generation=2)
    assert target.claim(newer, shared=True).state is claims.State.CLAIMED
    assert len(target.records()) == 2


def test_a_claim_outlives_the_fetcher(tmp_path: Path) -> None:
    first = claims.Claims(tmp_path / "claims")
    first.mark_failed(first.claim(HELLO, shared=False), 500, "Traceback:\n  no such module")
    first.close()
    second = claims.Claims(tmp_path / "claims")
    with pytest.raises(errors.Claimed):
        second.claim(OTHER, shared=False)
    found = second.claim(HELLO, shared=False)
    assert (found.state, found.status) == (claims.State.FAILED, 500)
    second.close()


def test_a_line_that_was_cut_off_counts_as_not_written(tmp_path: Path) -> None:
    first = claims.Claims(tmp_path / "claims")
    first.claim(HELLO, shared=False)
    first.close()
    with (tmp_path / "claims").open("ab") as file:
        file.write(b'{"uid": "uid-1", "state": "loa')
    second = claims.Claims(tmp_path / "claims")
    assert second.records() == [HELLO]
    second.mark_loaded(HELLO)
    second.close()
    third = claims.Claims(tmp_path / "claims")
    assert third.records()[0].state is claims.State.LOADED
    third.close()
