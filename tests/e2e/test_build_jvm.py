"""A Maven project from source to a running function.

What Maven needs travels with the source (`bin/test` has fetched it), so no network is used.
"""

from __future__ import annotations

import pathlib
import shutil

import pytest

from tests.e2e import accounts
from tests.e2e import platform as platforms

pytestmark = pytest.mark.e2e

REPOSITORY = accounts.REPOSITORY / ".venv" / "test-needs" / "maven"
PROJECT = accounts.REPOSITORY / "examples" / "jvm" / "report"
SALES = b"product,price\ntea,2.50\ncup,7.00\ntea,1.25\n"


@pytest.fixture(scope="module")
def project(platform: platforms.Platform) -> pathlib.Path:
    """The example with a Maven repository beside its pom.xml."""
    missing = [program for program in ("java", "javac", "mvn") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed (default-jdk-headless, maven)")
    if not (REPOSITORY.with_suffix(".complete")).exists():
        pytest.skip(f"no artifacts of Maven in {REPOSITORY}: bin/test fetches them with network")
    folder = platform.home / "work" / "report"
    shutil.copytree(PROJECT, folder)
    shutil.copytree(REPOSITORY, folder / "offline", ignore=shutil.ignore_patterns(".fission-*"))
    return folder


def test_a_maven_project_is_built_loaded_and_called(
    platform: platforms.Platform, project: pathlib.Path
) -> None:
    platform.fission(
        *("env", "create", "--name", "java", "--image", "fission/jvm-env", "--keeparchive"),
        *("--builder", "fission/jvm-builder", "--builder-env", "FISSION_WHEELS=offline"),
        *("--poolsize", "1", "--maxmemory", "160"),
    )
    created = platform.fission(
        *("fn", "create", "--name", "report", "--env", "java"),
        *("--src", str(project), "--entrypoint", "report.Report"),
    )
    assert "[INFO] BUILD SUCCESS" in created.stdout
    assert "report-1.0.0-jar-with-dependencies.jar: 21 classes" in created.stdout
    platform.fission("route", "create", "--name", "report", "--url", "/report", "--function",
                     "report", "--method", "POST")  # fmt: skip
    platform.wait_call("/report", lambda answer: answer.status == 405)
    answer = platform.call("/report", "POST", SALES, Content_Type="text/csv")
    assert answer.status == 200, platform.fission("fn", "logs", "--name", "report").stdout
    assert answer.text == '{"sales":3,"byProduct":{"cup":7.00,"tea":3.75}}'
    refused = platform.fission(
        *("fn", "test", "--name", "report", "--method", "POST", "--body", "no CSV"), check=False
    )
    assert "POST sales as text/csv" in refused.stdout + refused.stderr
    platform.fission("fn", "delete", "--name", "report")
    platform.fission("env", "delete", "--name", "java")
