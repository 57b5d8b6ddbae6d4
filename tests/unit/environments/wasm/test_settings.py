"""Settings of the WebAssembly environment."""

from __future__ import annotations

import pytest

from fission_wasm import settings


def test_defaults() -> None:
    assert settings.load({"HOME": "/", "PORT": "1"}) == settings.Settings()


def test_every_setting_is_read() -> None:
    loaded = settings.load(
        {
            "WASM_TIMEOUT_SECONDS": "0.5",
            "WASM_MEMORY_MIB": "16",
            "WASM_DIRECTORIES": "package, configs",
        }
    )
    assert loaded.timeout_seconds == 0.5
    assert loaded.memory_bytes == 16 << 20
    assert loaded.directories == ("package", "configs")


def test_no_directories_at_all() -> None:
    assert settings.load({"WASM_DIRECTORIES": ""}).directories == ()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("WASM_MEMORY", "1", "WASM_MEMORY is no setting of this environment; there are: WASM_TIM"),
        ("WASM_MEMORY_MIB", "1.5", "WASM_MEMORY_MIB: found '1.5', needs a number above 0"),
        ("WASM_PARALLEL_CALLS", "0", "WASM_PARALLEL_CALLS: found '0', needs a number above 0"),
        ("WASM_TIMEOUT_SECONDS", "nan", "WASM_TIMEOUT_SECONDS: found 'nan'"),
        ("WASM_DIRECTORIES", "/etc", "found '/etc', allowed are package, secrets, configs"),
    ],
)
def test_a_bad_setting_is_named(variable: str, value: str, message: str) -> None:
    with pytest.raises(settings.BadSetting) as caught:
        settings.load({variable: value})
    assert message in str(caught.value)
