"""The storeys of ``.importlinter`` hold."""

import pathlib

from importlinter import cli

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_imports_point_down(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)

    status = cli.lint_imports(config_filename=str(ROOT / ".importlinter"), no_cache=True)

    assert status == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out
