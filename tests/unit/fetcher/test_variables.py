"""Variables of a function, resolved from what it declares."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from fission.fetcher import errors, variables


def secret(**data: str) -> dict[str, Any]:
    return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}}


FOUND: variables.Found = {
    ("Secret", "db"): secret(PASSWORD="hunter2", USER="u"),
    ("Secret", "binary"): {"data": {"blob": base64.b64encode(b"\xff\xfe").decode()}},
    ("ConfigMap", "app"): {"data": {"LEVEL": "debug", "USER": "c", "9 lives": "x", "my-key": "y"}},
    ("ConfigMap", "gone"): None,
}


def of_key(kind: str, name: str, key: str, **more: Any) -> dict[str, Any]:
    return {"name": "X", "valueFrom": {f"{kind}KeyRef": {"name": name, "key": key, **more}}}


def test_later_wins_and_values_refer_to_what_was_said_before() -> None:
    found = variables.resolve(
        [
            {"name": "URL", "value": "db://$(USER)@$(HOST)/$$(X)"},
            {"name": "USER", "value": "own"},
            {"name": "EMPTY"},
            of_key("secret", "db", "PASSWORD"),
        ],
        [{"secretRef": {"name": "db"}}, {"configMapRef": {"name": "app"}, "prefix": "A_"}],
        FOUND,
    )
    assert found == {
        "PASSWORD": "hunter2",
        "USER": "own",
        "A_LEVEL": "debug",
        "A_USER": "c",
        "A_my-key": "y",
        "URL": "db://u@$(HOST)/$(X)",
        "EMPTY": "",
        "X": "hunter2",
    }


def test_optional_ones_may_be_missing() -> None:
    env = [
        of_key("configMap", "gone", "K", optional=True),
        of_key("secret", "db", "NO", optional=1),
    ]
    env_from = [{"configMapRef": {"name": "gone", "optional": True}}]
    assert variables.resolve(env, env_from, FOUND) == {}


@pytest.mark.parametrize(
    ("env", "env_from", "text"),
    [
        ([of_key("configMap", "gone", "K")], [], "spec.env[0]: ConfigMap gone does not exist"),
        ([of_key("secret", "db", "K")], [], "spec.env[0]: Secret db has no key K"),
        (
            [],
            [{"configMapRef": {"name": "gone"}}],
            "spec.envFrom[0]: ConfigMap gone does not exist",
        ),
        ([], [{}], "spec.envFrom[0]: needs configMapRef or secretRef"),
        ([of_key("secret", "binary", "blob")], [], "key blob of Secret binary is no text"),
        ([{"name": "A", "valueFrom": {"fieldRef": {}}}], [], "secretKeyRef and configMapKeyRef"),
        ([{"name": "A=B", "value": ""}], [], "'A=B' cannot be the name of a variable"),
        ([{"name": "A", "value": "\0"}], [], "variable A: its value has a NUL character"),
        ([{"name": "A", "value": "x" * 300_000}], [], "allowed are 262144"),
        ([{"name": "POD_IP", "value": ""}], [], "POD_IP is reserved"),
        ([{"name": "LISTEN_FDS", "value": ""}], [], "LISTEN_FDS is reserved"),
        ([{"name": "FISSION_X", "value": ""}], [], "FISSION_X is reserved"),
        ([{"name": "PYTHONPATH", "value": ""}], [], "PYTHONPATH is reserved"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    env: list[dict[str, Any]], env_from: list[dict[str, Any]], text: str
) -> None:
    with pytest.raises(errors.FetcherError) as refused:
        variables.resolve(env, env_from, FOUND)
    assert text in refused.value.message
    assert "hunter2" not in refused.value.message


def test_reserved_keys_of_whole_objects_are_left_out() -> None:
    found = {("Secret", "s"): secret(LD_PRELOAD="x", POD_PORTS="{}", GOOD="1")}
    assert variables.resolve([], [{"secretRef": {"name": "s"}}], found) == {"GOOD": "1"}
