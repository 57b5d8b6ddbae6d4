"""Environment variables become typed settings or a clear error."""

import dataclasses

import pytest

from fission.base import errors, settings


@dataclasses.dataclass(frozen=True)
class Sample:
    retries: int = settings.setting("SAMPLE_RETRIES", 10)
    dial_timeout_seconds: float = settings.setting("SAMPLE_DIAL_TIMEOUT", 0.05)
    debug: bool = settings.setting("SAMPLE_DEBUG", False)
    namespaces: tuple[str, ...] = settings.setting("SAMPLE_NAMESPACES", ())


def test_settings_are_read_by_type() -> None:
    env = {
        "SAMPLE_RETRIES": "3",
        "SAMPLE_DIAL_TIMEOUT": "1m30s",
        "SAMPLE_DEBUG": "true",
        "SAMPLE_NAMESPACES": "a, b",
    }
    assert settings.load(Sample, env) == Sample(3, 90.0, True, ("a", "b"))


def test_absent_and_empty_variables_keep_the_default() -> None:
    assert settings.load(Sample, {"SAMPLE_RETRIES": ""}) == Sample()


@pytest.mark.parametrize(
    ("variable", "text"),
    [("SAMPLE_RETRIES", "many"), ("SAMPLE_DIAL_TIMEOUT", "5 parsecs"), ("SAMPLE_DEBUG", "perhaps")],
)
def test_a_bad_value_names_its_variable(variable: str, text: str) -> None:
    with pytest.raises(errors.SettingsError, match=variable):
        settings.load(Sample, {variable: text})


def test_a_misspelt_variable_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(
        errors.SettingsError, match=r"SAMPLE_RETRYS is not a setting.*SAMPLE_RETRIES"
    ):
        settings.load(Sample, {"SAMPLE_RETRYS": "3"}, refuse_prefix="SAMPLE_")


@pytest.mark.parametrize(
    ("text", "seconds"), [("50ms", 0.05), ("2", 2.0), ("1h2m3s", 3723.0), ("1.5s", 1.5)]
)
def test_durations(text: str, seconds: float) -> None:
    assert settings.parse_duration_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "5 s", "5x", "1m 2s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        settings.parse_duration_seconds(text)
