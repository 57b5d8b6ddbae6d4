"""Where a call goes."""

import collections

import pytest

from fission.api import reference_types
from fission.delivery import calls, errors


def _call(namespace: str = "default", sub_path: str = "", **reference: object) -> calls.Call:
    function = reference_types.FunctionReference(**reference)  # type: ignore[arg-type]
    return calls.Call(namespace, function, sub_path=sub_path, request_id="r")


@pytest.mark.parametrize(
    ("call", "target"),
    [
        (_call(name="hello"), "/fission-function/hello"),
        (_call("shop", name="hello"), "/fission-function/shop/hello"),
        (_call(name="hello", alias="live"), "/fission-function/hello:live"),
        (_call(name="hello", version="hello-v2"), "/fission-function/hello:hello-v2"),
        (_call(name="hello", sub_path="/a/b?x=1&y=%20"), "/fission-function/hello/a/b?x=1&y=%20"),
        (_call(name="hello", sub_path="?x=1"), "/fission-function/hello/?x=1"),
        (_call(name="hello", sub_path="/grün#1 2"), "/fission-function/hello/gr%C3%BCn%231%202"),
    ],
)
def test_target(call: calls.Call, target: str) -> None:
    assert calls.target_of(call) == target


def test_a_reference_without_function_is_refused_by_name() -> None:
    with pytest.raises(errors.BadCall, match=r"functionref\.name is empty"):
        calls.target_of(_call())
    with pytest.raises(errors.BadCall, match="no weight above 0"):
        calls.target_of(_call(type="function-weights", function_weights={"a": 0}))


def test_weights_share_requests_and_attempts_of_one_request_stay_together() -> None:
    reference = reference_types.FunctionReference(
        type="function-weights", function_weights={"a": 75, "b": 25, "c": 0}
    )
    drawn = collections.Counter(calls.function_name(reference, f"id-{n}") for n in range(2000))
    assert set(drawn) == {"a", "b"}
    assert 0.7 < drawn["a"] / 2000 < 0.8
    assert len({calls.function_name(reference, "one") for _ in range(50)}) == 1
