"""What `env` and `envFrom` refer to."""

from __future__ import annotations

from fission.meta import envvars


def test_references_in_order() -> None:
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
        {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    env_from = [{"configMapRef": {"name": "c"}}, {}]
    assert envvars.references(env, env_from) == [
        envvars.Reference("ConfigMap", "c"),
        envvars.Reference("Secret", "s", "k", is_optional=True),
    ]


def test_expansion() -> None:
    assert envvars.expand("$(A)-$$(A)-$(B)-$$-$A", {"A": "1"}) == "1-$(A)-$(B)-$-$A"
