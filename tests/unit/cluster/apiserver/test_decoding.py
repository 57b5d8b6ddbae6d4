"""What was decoded before is taken as it is; anything else is looked at as ever."""

import pytest

from fission.cluster.apiserver.fields import decoding, tables
from fission.meta import gvk, status

SPEC = {"containers": [{"name": "c", "image": "i", "resources": {"limits": {"memory": "1Gi"}}}]}
STORED = {"metadata": {"name": "p", "labels": {"a": "1"}}, "spec": SPEC, "status": {}}
POD = tables.type_of_resource(gvk.PODS)


def decode(obj):
    return decoding.decode(obj, POD, "Pod", STORED)


def test_a_changed_part_is_decoded_and_the_rest_kept_in_order():
    changed = {**STORED, "status": {"phase": "Running", "podIP": None, "nonsense": 1}}
    found, unknown = decode({**changed, "extra": 1})
    assert found == {**STORED, "status": {"phase": "Running"}}
    assert list(found) == list(STORED)
    assert unknown == ["status.nonsense", "extra"]


def test_a_changed_part_of_the_wrong_type_is_refused():
    with pytest.raises(status.BadRequest):
        decode({**STORED, "spec": {**SPEC, "priority": True}})
    with pytest.raises(status.BadRequest):
        decode({**STORED, "spec": []})
