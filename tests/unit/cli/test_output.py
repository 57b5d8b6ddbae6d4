import datetime
import io

import pytest

from fission.cli import errors, output

NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)


def test_columns_are_one_space_apart_and_the_last_is_not_padded():
    assert output.format_table(("NAME", "IMAGE"), [("a", "b"), ("longer", "x/y")]) == (
        "NAME   IMAGE\na      b\nlonger x/y\n"
    )


def test_a_table_without_rows_is_its_header():
    assert output.format_table(("NAME", "IMAGE"), []) == "NAME IMAGE\n"


def test_documents_are_json_with_two_spaces_or_yaml():
    value = [{"kind": "Function", "spec": {"a": [1], "text": "one\ntwo\n"}}]

    assert output.format_document(value, "json") == (
        '[\n  {\n    "kind": "Function",\n    "spec": {\n      "a": [\n        1\n      ],\n'
        '      "text": "one\\ntwo\\n"\n    }\n  }\n]\n'
    )
    assert output.format_document(value, "yaml") == (
        "- kind: Function\n  spec:\n    a:\n    - 1\n    text: |\n      one\n      two\n"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (172800, "2d")],
)
def test_ages_are_short(seconds, text):
    stamp = (NOW - datetime.timedelta(seconds=seconds)).isoformat()

    assert output.format_age(stamp, NOW) == text


@pytest.mark.parametrize("stamp", [None, "", "yesterday"])
def test_an_age_that_is_not_known(stamp):
    assert output.format_age(stamp, NOW) == "<none>"


@pytest.mark.parametrize(
    ("count", "text"), [(5, "5 B"), (1536, "1.5 KiB"), (2 << 20, "2 MiB"), (3 << 30, "3 GiB")]
)
def test_sizes_are_for_people(count, text):
    assert output.format_bytes(count) == text


def test_warnings_go_to_stdout_and_errors_to_stderr():
    out, err = io.StringIO(), io.StringIO()
    printer = output.Printer(out, err, {})

    printer.warning("careful")
    printer.error("broken", "Usage:\n  fission\n")

    assert out.getvalue() == "Warning: careful\n"
    assert err.getvalue() == "Usage:\n  fission\n\nError: broken\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_colours_are_for_terminals():
    out = Terminal()
    output.Printer(out, io.StringIO(), {}).warning("careful")
    assert out.getvalue() == "\x1b[33mWarning\x1b[0m: careful\n"

    plain = Terminal()
    output.Printer(plain, io.StringIO(), {"NO_COLOR": "1"}).warning("careful")
    assert plain.getvalue() == "Warning: careful\n"


def test_progress_is_a_bar_on_a_terminal_and_nothing_elsewhere():
    err = Terminal()
    show = output.Printer(io.StringIO(), err, {}).progress("Uploading a.zip", 2048)
    show(1024)
    show(2048)
    assert err.getvalue() == (
        f"\rUploading a.zip {'█' * 15}{'░' * 15}  50% of 2 KiB"
        f"\rUploading a.zip {'█' * 30} 100% of 2 KiB\n"
    )

    quiet = io.StringIO()
    output.Printer(io.StringIO(), quiet, {}).progress("Uploading", 10)(10)
    assert quiet.getvalue() == ""


def test_formats_are_checked():
    output.check_format("")
    output.check_format("wide")
    with pytest.raises(errors.UsageError, match='invalid output format "x"'):
        output.check_format("x")
