from fission.cli.support import dump


def test_secrets_and_code_are_left_out():
    package = {"spec": {"deployment": {"type": "literal", "literal": "cHJpbnQ="}}}
    pod = {
        "metadata": {"name": "token", "managedFields": [{}]},
        "spec": {
            "containers": [
                {
                    "name": "a",
                    "env": [
                        {"name": "API_TOKEN", "value": "t0k3n"},
                        {"name": "LEVEL", "value": "debug"},
                        {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"key": "p"}}},
                    ],
                }
            ]
        },
    }

    assert dump.without_secrets(package)["spec"]["deployment"]["literal"] == dump.HIDDEN
    shown = dump.without_secrets(pod)
    assert shown["metadata"] == {"name": "token"}
    assert shown["spec"]["containers"][0]["env"] == [
        {"name": "API_TOKEN", "value": dump.HIDDEN},
        {"name": "LEVEL", "value": "debug"},
        {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"key": "p"}}},
    ]
