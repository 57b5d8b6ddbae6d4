import pytest

from fission.api import (
    durations,
    environment_defaults,
    environment_types,
    function_defaults,
    function_types,
    httptrigger_defaults,
    httptrigger_types,
    package_defaults,
    package_types,
    reference_types,
)
from fission.meta import objectmeta


def test_an_empty_function_has_the_values_that_everybody_acts_on():
    spec = function_types.FunctionSpec()

    assert function_defaults.executor_type(spec) == "poolmgr"
    assert function_defaults.timeout_seconds(spec) == 60
    assert function_defaults.idle_timeout_seconds(spec) == 120
    assert function_defaults.specialization_timeout_seconds(spec) == 120
    assert function_defaults.concurrency(spec) == 500
    assert function_defaults.requests_per_pod(spec) == 1


def test_an_explicit_idle_timeout_of_zero_is_meant():
    assert function_defaults.idle_timeout_seconds(function_types.FunctionSpec(idle_timeout=0)) == 0


def test_a_short_specialization_timeout_is_lengthened():
    spec = function_types.FunctionSpec()
    spec.invoke_strategy.execution_strategy.specialization_timeout = 10

    assert function_defaults.specialization_timeout_seconds(spec) == 120


def test_once_only_beats_requests_per_pod():
    spec = function_types.FunctionSpec(once_only=True, requests_per_pod=5)

    assert function_defaults.requests_per_pod(spec) == 1


def test_strictness_is_an_annotation():
    strict = objectmeta.ObjectMeta(annotations={"fission.io/concurrency-enforcement": "strict"})

    assert function_defaults.is_strict(strict)
    assert not function_defaults.is_strict(objectmeta.ObjectMeta())


@pytest.mark.parametrize(
    ("version", "pool_size", "sharing", "expected"),
    [
        (1, 7, "", 3),
        (2, 7, "", 3),
        (3, 7, "", 7),
        (3, 0, "", 0),
        (3, 7, "single", 7),
        (3, 7, "infinite", 1),
    ],
)
def test_pool_size_depends_on_version_and_sharing(version, pool_size, sharing, expected):
    spec = environment_types.EnvironmentSpec(
        version=version, pool_size=pool_size, allowed_functions_per_container=sharing
    )

    assert environment_defaults.pool_size(spec) == expected


@pytest.mark.parametrize(
    ("version", "sharing", "expected"),
    [(1, "", "user"), (2, "", "deployarchive"), (3, "", "deployarchive"), (3, "infinite", "u-1")],
)
def test_the_fetchers_file_name_depends_on_version_and_sharing(version, sharing, expected):
    spec = environment_types.EnvironmentSpec(
        version=version, allowed_functions_per_container=sharing
    )

    assert environment_defaults.archive_filename(spec, "u-1") == expected


def test_a_grace_period_of_zero_is_meant():
    assert (
        environment_defaults.termination_grace_period_seconds(
            environment_types.EnvironmentSpec(termination_grace_period=0)
        )
        == 0
    )
    assert (
        environment_defaults.termination_grace_period_seconds(environment_types.EnvironmentSpec())
        == 90
    )


def test_a_package_begins_where_its_archives_say():
    source = package_types.Archive(type="url", url="http://a/b")

    def status(**parts):
        return package_defaults.initial_build_status(package_types.PackageSpec(**parts))

    assert status() == "failed"
    assert status(source=source) == "pending"
    assert status(deployment=source) == "none"
    assert status(source=source, deployment=source) == "none"


def test_the_content_hash_is_that_of_the_contract():
    """Computed by hand: 6:source 3:url 8:checksum 6:sha256 3:abc."""
    import hashlib

    spec = package_types.PackageSpec(
        source=package_types.Archive(
            type="url",
            url="http://x/y",
            checksum=package_types.Checksum(type="sha256", sum="abc"),
        ),
        deployment=package_types.Archive(type="literal", literal=b"ignored"),
    )

    expected = hashlib.sha256(b"6:source3:url8:checksum6:sha2563:abc").hexdigest()
    assert package_defaults.content_hash(spec) == f"sha256:{expected}"


def test_the_hash_of_a_literal_covers_its_bytes():
    def digest(content):
        archive = package_types.Archive(type="literal", literal=content)
        return package_defaults.content_hash(package_types.PackageSpec(deployment=archive))

    assert digest(b"a") != digest(b"b")


def test_methods_are_a_union_and_cors_adds_options():
    spec = httptrigger_types.HTTPTriggerSpec(methods=["GET", "POST"], method="GET")
    assert httptrigger_defaults.methods(spec) == ("GET", "POST")

    spec.cors_config = httptrigger_types.CorsConfig()
    assert httptrigger_defaults.methods(spec) == ("GET", "POST", "OPTIONS")


def test_a_prefix_wins_over_an_exact_path():
    spec = httptrigger_types.HTTPTriggerSpec(relative_url="/a", prefix="/b")

    assert httptrigger_defaults.path(spec) == "/b"


def test_a_reference_by_name_is_all_of_the_weight():
    reference = reference_types.FunctionReference(name="f")
    assert httptrigger_defaults.weights(reference) == {"f": 100}

    both = reference_types.FunctionReference(
        type="function-weights", function_weights={"a": 20, "b": 80}
    )
    assert httptrigger_defaults.weights(both) == {"a": 20, "b": 80}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1m30s", 90),
        ("1h", 3600),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("0", 0),
        ("-2s", -2),
    ],
)
def test_go_durations_are_read(text, seconds):
    assert durations.parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "1x", "1m 30s", "m1"])
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(durations.DurationError, match='as in "90s"'):
        durations.parse_seconds(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.25, "250ms"), (5, "5s"), (90, "1m30s"), (3600, "1h0m0s"), (-5, "-5s")],
)
def test_durations_are_written_as_go_does(seconds, text):
    assert durations.format_seconds(seconds) == text
