"""What the accounts of the components may do."""

from __future__ import annotations

import pytest

from fission.bundle import install

OBJECTS = install.load_manifests()
WRITING = {"create", "update", "patch", "delete"}


@pytest.mark.parametrize(
    "account", ["fission-timer", "fission-kubewatcher", "fission-mqtrigger", "fission-canary"]
)
def test_leases_are_written_in_the_platforms_namespace_only(account: str) -> None:
    writers = {
        (role["kind"], role["metadata"].get("namespace"))
        for role in OBJECTS
        if role["kind"] in ("Role", "ClusterRole") and role["metadata"]["name"] == account
        for rule in role["rules"]
        if "leases" in rule["resources"] and WRITING & set(rule["verbs"])
    }
    assert writers == {("Role", "fission")}
