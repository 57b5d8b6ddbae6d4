"""The storage backends that keep the promises of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from fission.storagesvc import local, objectstore


@pytest.fixture(params=["local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> objectstore.ObjectStore:
    made = local.LocalStore(tmp_path)
    made.prepare()
    return made
