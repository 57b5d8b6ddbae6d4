"""Where an archive is asked for, and what its sum must be."""

from __future__ import annotations

import pytest

from fission.api import package_types
from fission.base import errors as base_errors
from fission.fetcher import config, errors, fetch, mounts, volume

ARCHIVE = "/v1/archive?id=%2Ffission%2Ffission-functions%2Fabc"


def sign(method: str, request_uri: str) -> list[tuple[str, str]]:
    return [("X-Signed", f"{method} {request_uri}")]


def test_storagesvc_is_asked_where_it_was_resolved_to_and_signed() -> None:
    location = fetch.storage_location(
        f"http://storagesvc.fission{ARCHIVE}", "http://127.3.0.1:8000", sign
    )
    assert location.url == f"http://127.3.0.1:8000{ARCHIVE}"
    assert location.sign is sign


def test_storagesvc_that_nobody_resolved_is_asked_by_its_name() -> None:
    url = f"http://storagesvc.fission.svc.cluster.local{ARCHIVE}"
    assert fetch.storage_location(url, "", sign).url == url


@pytest.mark.parametrize(
    "url",
    ["https://example.com/hello.zip", f"http://storagesvc-of-mine.example.com{ARCHIVE}"],
)
def test_a_stranger_gets_no_signature(url: str) -> None:
    location = fetch.storage_location(url, "http://127.3.0.1:8000", sign)
    assert (location.url, location.sign) == (url, None)


def test_a_sum_is_compared_without_regard_to_case() -> None:
    checksum = package_types.Checksum(type="sha256", sum="AB" * 32)
    assert fetch.expected_sum(checksum) == "ab" * 32
    assert fetch.expected_sum(package_types.Checksum()) is None


@pytest.mark.parametrize(
    "checksum",
    [
        package_types.Checksum(type="md5", sum="ab" * 32),
        package_types.Checksum(type="sha256", sum="ab"),
    ],
)
def test_another_sort_of_sum_is_refused(checksum: package_types.Checksum) -> None:
    with pytest.raises(errors.BadRequest, match="not a sha256 sum"):
        fetch.expected_sum(checksum)


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a//b", "a/../b", "a\\b", "a\0b", "."])
def test_a_path_that_could_leave_the_volume_is_refused(path: str) -> None:
    with pytest.raises(errors.BadRequest):
        volume.checked_parts(path)


def test_settings_become_files() -> None:
    assert mounts.secret_files({"data": {"user": "YWxpY2U="}}) == {"user": b"alice"}
    assert mounts.config_map_files({"data": {"a": "1"}, "binaryData": {"b": "Ag=="}}) == {
        "a": b"1",
        "b": b"\x02",
    }


def test_arguments_take_one_dash_or_two() -> None:
    argv = ["-secret-dir", "/s", "--cfgmap-dir", "/c", "/packages"]
    assert config.parse_arguments(argv) == config.Arguments("/packages", "/s", "/c")
    assert config.parse_arguments([]) == config.Arguments("/userfunc", "/secrets", "/configs")


def test_an_unknown_argument_is_refused_by_name() -> None:
    with pytest.raises(base_errors.SettingsError, match="-verbose"):
        config.parse_arguments(["-verbose", "/packages"])
