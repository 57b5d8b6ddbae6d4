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


def test_names_are_as_kubectl_has_them():
    function = {
        "apiVersion": "fission.io/v1",
        "kind": "Function",
        "metadata": {"name": "hello", "namespace": "default"},
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}

    assert output.format_document([function, pod], "name") == "function.fission.io/hello\npod/a\n"
    assert output.format_document(function, "name") == "function.fission.io/hello\n"
    assert output.format_document([], "name") == ""


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


def test_an_error_says_what_why_and_what_to_do():
    err = io.StringIO()
    printer = output.Printer(io.StringIO(), err, {})

    printer.error("no such thing", why="there are others", remedy="make one:\n  make")

    assert err.getvalue() == ("Error: no such thing\n  there are others\n  make one:\n    make\n")


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


def test_a_transfer_is_a_bar_on_a_terminal():
    err = Terminal()
    with output.Printer(io.StringIO(), err, {}).transfer("Uploading a.zip", 4 << 20) as show:
        show(1 << 20)

    assert "Uploading a.zip" in err.getvalue()
    assert "1.0/4.0 MiB" in err.getvalue()


def test_a_large_transfer_is_some_lines_elsewhere():
    err = io.StringIO()
    with output.Printer(io.StringIO(), err, {}).transfer("Uploading a.zip", 20 << 20) as show:
        for done in range(0, (20 << 20) + 1, 1 << 20):
            show(done)

    assert err.getvalue() == "".join(
        f"Uploading a.zip: {percent} % of 20 MiB\n" for percent in (0, 25, 50, 75, 100)
    )


@pytest.mark.parametrize(("size", "verbosity"), [(1 << 20, 1), (20 << 20, 0)])
def test_a_small_or_quiet_transfer_is_nothing_elsewhere(size, verbosity):
    err = io.StringIO()
    printer = output.Printer(io.StringIO(), err, {})
    printer.verbosity = verbosity
    with printer.transfer("Uploading", size) as show:
        show(size)

    assert err.getvalue() == ""


def test_a_log_passes_above_the_spinner_of_a_terminal():
    out = Terminal()
    printer = output.Printer(out, io.StringIO(), {})
    with printer.spinner("package 'p' is being built") as spinner:
        spinner.say("package 'p' is nearly built")
        printer.log("Collecting a\nCollecting \x1b[31mb\x1b[0m\n", spinner)

    shown = out.getvalue()
    assert "package 'p' is nearly built" in shown
    assert "Collecting a\n" in shown
    assert "b" in shown[shown.index("Collecting a\n") :]


def test_a_log_is_what_it_is_elsewhere():
    out = io.StringIO()
    printer = output.Printer(out, io.StringIO(), {})
    with printer.spinner("package 'p' is being built") as spinner:
        printer.log("Collecting \x1b[31mb\n", spinner)

    assert out.getvalue() == "Collecting \x1b[31mb\n"


def test_formats_are_checked():
    output.check_format("")
    output.check_format("wide")
    with pytest.raises(errors.UsageError, match='invalid output format "x"'):
        output.check_format("x")


def test_a_message_becomes_one_line():
    assert output.one_line("  a\n  b  c\n") == "a b c"
    assert output.one_line("Traceback (most recent call last):\n  x\nE: y") == "E: y"
    assert output.one_line("abcdef", 4) == "abc…"
