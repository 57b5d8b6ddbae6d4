"""Which log databases the controller leads to."""

from __future__ import annotations

import pytest

from fission.base import errors
from fission.controller import config, logdatabases


def test_only_those_that_are_named_are_known() -> None:
    env = {
        "INFLUXDB_URL": "http://influxdb:8086/query",
        "INFLUXDB_USERNAME": "ada",
        "INFLUXDB_PASSWORD": "pw",
        "EXECUTOR_URL": "http://executor",
        "CONTROLLER_LOG_DATABASES": "influxdb",
    }

    found = logdatabases.from_env(config.from_env(env).log_databases, env)

    url = "http://influxdb:8086/query"
    assert found == {"influxdb": logdatabases.Database(url, "ada", "pw")}
    assert "pw" not in repr(found)
    assert logdatabases.from_env(config.from_env({}).log_databases, env) == {}


@pytest.mark.parametrize("url", ["", "influxdb:8086", "ftp://influxdb"])
def test_one_without_a_url_stops_the_controller(url: str) -> None:
    with pytest.raises(errors.SettingsError, match="INFLUXDB_URL must be its URL"):
        logdatabases.from_env(("influxdb",), {"INFLUXDB_URL": url})
