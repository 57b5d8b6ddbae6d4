"""What is said when a function does not load, and what is tried again."""

from __future__ import annotations

import pytest

from fission.fetcher import errors, node, runtime, startup
from fission.meta import status
from fission_http import errors as http_errors


def test_of_a_long_traceback_the_end_is_passed_on() -> None:
    text = "x" * 50_000 + "\nValueError: here"
    cut = runtime.last(text)
    assert len(cut) == runtime.MAX_TEXT_CHARS
    assert cut.startswith("…")
    assert cut.endswith("ValueError: here")
    assert runtime.last(" short\n") == "short"


def test_last_words_have_bytes_and_no_broken_character() -> None:
    cut = node.cut("é" * 5000, 101)
    assert len(cut.encode()) <= 101
    assert set(cut) == {"…", "é"}
    assert node.cut("whole", 5) == "whole"


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (errors.RuntimeRefused(500, "Traceback"), False),
        (errors.BadRequest("checksum mismatch"), False),
        (errors.NotFound("Secret a/b does not exist"), False),
        (errors.FetcherError("package a/b is not built"), True),
        (errors.NoSpace("the volume is full"), True),
        (status.ServiceUnavailable("starting"), True),
        (http_errors.ConnectError("refused", refused=True), True),
        (OSError(5, "Input/output error"), True),
        (RuntimeError("a mistake"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error: Exception, passes: bool) -> None:
    assert startup.may_pass(error) is passes


def test_the_cause_says_which_step_failed() -> None:
    refused = startup.cause(errors.RuntimeRefused(500, "Traceback\nValueError"))
    assert refused.startswith("the function could not be loaded (the runtime answered 500):\nTrace")
    fetched = startup.cause(errors.BadRequest("checksum mismatch"))
    assert fetched == "the function could not be fetched: checksum mismatch"
