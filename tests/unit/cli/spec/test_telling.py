"""What is said of a run: counts and names, and every field of a dry one."""

from fission.cli.spec import comparing, planning, telling, watching
from fission.cli.spec.document import ArchiveUploadSpec


def a_step(verb, kind, name, *changes):
    return planning.Step(verb, planning.Key(kind, "default", name), changes=changes)


STEPS = [
    a_step(planning.Verb.CREATE, "Function", "b"),
    a_step(planning.Verb.CREATE, "Function", "a"),
    a_step(
        planning.Verb.UPDATE,
        "Environment",
        "python",
        comparing.Change("spec.poolsize", 3, 5),
        comparing.Change("spec.builder.image", None, "python-builder"),
        comparing.Change("metadata.labels.team", "a", None),
    ),
    a_step(planning.Verb.DELETE, "HTTPTrigger", "r"),
]


def test_a_summary_has_a_line_for_each_kind_and_verb():
    assert telling.summary(STEPS) == [
        "1 environment updated: python",
        "2 functions created: a, b",
        "1 HTTPTrigger deleted: r",
    ]
    assert telling.summary(STEPS[:1], dry=True) == ["1 function would be created: b"]
    assert telling.summary([]) == ["Everything up to date."]


def test_a_diff_names_every_field_with_both_values():
    assert list(telling.diff(STEPS[1:], coloured=False)) == [
        "+ Function default/a would be created",
        "~ Environment default/python would be updated",
        "    spec.poolsize: 3 → 5",
        "    + spec.builder.image: python-builder",
        "    - metadata.labels.team: a",
        "- HTTPTrigger default/r would be deleted",
    ]
    (first, *_) = telling.diff(STEPS[3:], coloured=True)
    assert first == "\x1b[31m- HTTPTrigger default/r would be deleted\x1b[0m"


def test_long_and_odd_values_are_readable():
    assert comparing.format_value("spec.x", "") == "''"
    assert comparing.format_value("spec.x", " a\n") == "' a\\n'"
    assert comparing.format_value("spec.x", {"b": 1, "a": [True]}) == '{"a": [true], "b": 1}'
    assert len(comparing.format_value("spec.x", "y" * 1000)) == 121
    assert comparing.format_value("spec.source.literal", "aGVsbG8=") == (
        "5 bytes (sha256 2cf24dba5fb0)"
    )


def test_what_is_watched_is_what_an_archive_may_hold(tmp_path):
    archive = ArchiveUploadSpec(
        "code", tmp_path, ("src/**/*.py", "a.py", "*.txt"), (), tmp_path / "x.yaml", 1
    )
    assert watching.roots_of(archive) == {tmp_path / "src", tmp_path / "a.py", tmp_path}
