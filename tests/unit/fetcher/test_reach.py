"""Where URLs of Packages may lead."""

from __future__ import annotations

import pytest

from fission.base import errors as base_errors
from fission.fetcher import config, download, errors, reach


@pytest.mark.parametrize(
    ("address", "reaches"),
    [
        ("93.184.216.34", "open local public"),
        ("10.0.0.7", "open local"),
        ("127.0.0.1", "open local"),
        ("::1", "open local"),
        ("::ffff:127.0.0.1", "open local"),
        ("127.3.0.1", "open"),
        ("::ffff:127.3.0.1", "open"),
        ("169.254.169.254", "open"),
        ("fe80::1%eth0", "open"),
        ("0.0.0.0", "open"),
        ("224.0.0.1", "open"),
        ("2606:2800:220:1::1", "open local public"),
        ("fd00::1", "open local"),
    ],
)
def test_an_address_is_in_reach_or_not(address: str, reaches: str) -> None:
    for each in reach.Reach:
        if each in reaches.split():
            reach.check(address, each)
        else:
            with pytest.raises(errors.BadRequest, match=f"FETCHER_URL_REACH={each}"):
                reach.check(address, each)


def test_a_redirect_from_https_to_http_is_refused() -> None:
    with pytest.raises(errors.BadRequest, match="redirects from https to 'http://b/x'"):
        download._redirected("https://a/x", "http://b/x")
    assert download._redirected("https://a/x", "/y") == "https://a/y"


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"FETCHER_URL_REACH": "lan"}, "FETCHER_URL_REACH: 'lan'; known: open, local, public"),
        ({"FETCHER_MAX_ARCHIVE_MIB": "0"}, "FETCHER_MAX_ARCHIVE_MIB: 0"),
        ({"FETCHER_CACHE_MAX_MIB": "-1"}, "FETCHER_CACHE_MAX_MIB: -1"),
    ],
)
def test_a_bad_setting_stops_the_process_by_name(env: dict[str, str], message: str) -> None:
    with pytest.raises(base_errors.SettingsError, match=message):
        config.from_env(env)
