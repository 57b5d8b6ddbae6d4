"""Whether an interpreter fits a requires-python."""

from __future__ import annotations

import pytest
from fission_python_builder import versions

PYTHON = (3, 11, 7)


@pytest.mark.parametrize(
    "specifier",
    [
        "", ">=3.11", ">=3.8,<4", ">=3.11, <3.12", "~=3.11", "~=3.11.2", "==3.11.*", "==3.11.7",
        "!=3.12.*", "<3.12", "<=3.11.7", ">3.10", ">=3.11.0rc1", "!=3.11.6",
    ],
)  # fmt: skip
def test_it_fits(specifier: str) -> None:
    assert versions.fits(specifier, PYTHON)


@pytest.mark.parametrize(
    "specifier",
    [
        ">=3.12", "<3.11", "==3.12.*", "!=3.11.*", "~=3.12", "~=3.10.2", "<=3.11", ">=3.8,<3.11",
        "==3.11", "!=3.11.7", ">3.11.7",
    ],
)  # fmt: skip
def test_it_does_not(specifier: str) -> None:
    assert not versions.fits(specifier, PYTHON)
