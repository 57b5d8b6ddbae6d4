"""Which archives are pruned."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from fission.base import errors
from fission.storagesvc import config, objectstore, pruner, references

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
S3 = {"STORAGE_TYPE": "s3", "STORAGE_S3_BUCKET_NAME": "b"}
MINUTE = datetime.timedelta(minutes=1)


def a_package(url: str, part: str = "deployment") -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": {part: {"type": "url", "url": url}}}


def an_archive(name: str, age_minutes: float) -> objectstore.ArchiveInfo:
    modified_at = NOW - age_minutes * MINUTE
    return objectstore.ArchiveInfo(f"/fission/fission-functions/{name}", 1, modified_at)


def test_ids_are_found_in_source_and_deployment_urls() -> None:
    packages = [
        a_package("http://storagesvc.fission/v1/archive?id=%2Ffission%2Ffission-functions%2Fa"),
        a_package("http://s/v1/archive?id=/fission/fission-functions/b", "source"),
        a_package("https://example.com/code.zip"),
        {"metadata": {"name": "empty"}},
    ]
    assert references.referenced_ids(packages) == {
        "/fission/fission-functions/a",
        "/fission/fission-functions/b",
    }


def test_only_old_archives_that_nobody_refers_to_are_removed() -> None:
    archives = [an_archive("used", 90), an_archive("old", 90), an_archive("young", 0.5)]
    planned = pruner.plan_prune(archives, {"/fission/fission-functions/used"}, NOW, MINUTE)
    assert [archive.id for archive in planned] == ["/fission/fission-functions/old"]


def test_entries_of_a_build_cache_count_and_what_cannot_be_read_counts_too() -> None:
    caches = [
        {"data": {"k1": '{"url":"http://s/v1/archive?id=%2Ff%2Fa\\u0026x=1","time":""}'}},
        {"data": {"k2": "see http://s/v1/archive?id=%2Ff%2Fb, and {", "k3": "[]", "k4": "7"}},
        {"binaryData": {"k5": "AA=="}},
    ]
    assert references.referenced_ids(caches) == {"/f/a", "/f/b,"}


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"STORAGE_TYPE": "nfs"}, "STORAGE_TYPE: 'nfs' is not supported; known: local, s3"),
        ({"STORAGE_TYPE": "s3"}, "STORAGE_S3_BUCKET_NAME must be set"),
        (S3 | {"STORAGE_S3_ENDPOINT": "host:9000"}, "STORAGE_S3_ENDPOINT: 'host:9000' is not"),
        (S3 | {"STORAGE_S3_ACCESS_KEY_ID": "a"}, "STORAGE_S3_SECRET_ACCESS_KEY go together"),
        (S3 | {"STORAGE_S3_SUB_DIR": "../x"}, "STORAGE_S3_SUB_DIR: '../x'"),
        (S3 | {"STORAGE_MAX_ARCHIVE_SIZE_MIB": "6000"}, "takes at most 5120"),
        ({"SUBDIR": "/etc"}, "SUBDIR: '/etc'"),
        ({"STORAGE_MAX_UPLOADS": "0"}, "STORAGE_MAX_UPLOADS: 0"),
        ({"STORAGE_MAX_ARCHIVE_SIZE_MIB": "0"}, "STORAGE_MAX_ARCHIVE_SIZE_MIB"),
        ({"PRUNE_INTERVAL": "0"}, "PRUNE_INTERVAL"),
    ],
)
def test_a_bad_setting_stops_the_process_by_name(env: dict[str, str], message: str) -> None:
    with pytest.raises(errors.SettingsError, match=message):
        config.from_env(env)
