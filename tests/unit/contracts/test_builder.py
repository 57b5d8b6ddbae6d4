"""The wire between buildermgr and builder."""

import pytest

from fission.contracts import builder, gojson


def test_a_stream_is_pieces_of_log_and_an_outcome():
    assert builder.decode_line(builder.encode_log("two\nlines\n")) == "two\nlines\n"
    outcome = builder.BuildOutcome(artifact_filename="a-b", build_logs="x", code=200)
    line = builder.encode_outcome(outcome)
    assert line == (b'{"artifactFilename":"a-b","buildLogs":"x","error":"","code":200}\n')
    assert builder.decode_line(line) == outcome


@pytest.mark.parametrize("line", [b"", b"nonsense", b'{"code": "x"}', b"[]"])
def test_anything_else_is_refused(line):
    with pytest.raises(gojson.MessageError):
        builder.decode_line(line)


def test_a_command_is_words():
    assert builder.parse_command("") == ["/build"]
    assert builder.parse_command("  ./build.sh  --fast ") == ["./build.sh", "--fast"]
    for character in builder.FORBIDDEN_CHARACTERS:
        with pytest.raises(builder.CommandError):
            builder.parse_command(f"./build.sh {character} x")
