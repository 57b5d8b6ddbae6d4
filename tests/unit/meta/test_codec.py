import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fission.meta import codec

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(JSON)
def test_a_copy_is_equal_in_values_types_and_order(obj):
    copy = codec.deep_copy(obj)
    assert repr(copy) == repr(obj)
    if isinstance(obj, dict | list):
        assert copy is not obj


@pytest.mark.parametrize("odd", [2**80, "\ud800"])
def test_what_the_fast_way_cannot_take_is_copied_all_the_same(odd):
    obj = {"odd": odd, "list": [{}]}
    copy = codec.deep_copy(obj)
    assert copy == obj
    assert copy["list"][0] is not obj["list"][0]


def test_data_is_the_same_only_with_the_same_types():
    assert codec.is_same({"a": [1, "x"]}, {"a": [1, "x"]})
    assert not codec.is_same({"a": 1}, {"a": True})
    assert not codec.is_same({"a": 1}, {"a": 1.0})
    assert not codec.is_same({"a": 2**80}, {"a": 2**80})
