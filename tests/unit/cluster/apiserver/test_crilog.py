"""CRI log files: parts, tails, times, and files that still grow."""

import pathlib
import tempfile

import hypothesis
import pytest
from hypothesis import strategies

from fission.cluster.apiserver import crilog

LINES = [
    b"2026-01-01T00:00:00.000000001Z stdout F one\n",
    b"2026-01-01T00:00:01.5Z stderr P tw\n",
    b"2026-01-01T00:00:01.6Z stderr F o\n",
    b"2026-01-01T00:00:02.000000000Z stdout F \n",
    b"2026-01-01T00:00:03.000000000Z stdout F four: a b  c\n",
]


@pytest.fixture
def log(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "0.log"
    path.write_bytes(b"".join(LINES))
    return path


def read_all(reader: crilog.Reader) -> bytes:
    text = b""
    while chunk := reader.read():
        text += chunk
    reader.close()
    return text


def test_parts_are_joined_and_spaces_kept(log: pathlib.Path) -> None:
    assert read_all(crilog.Reader(log)) == b"one\ntwo\n\nfour: a b  c\n"


def test_timestamps_stand_before_whole_lines(log: pathlib.Path) -> None:
    assert read_all(crilog.Reader(log, timestamps=True)) == (
        b"2026-01-01T00:00:00.000000001Z one\n"
        b"2026-01-01T00:00:01.5Z two\n"
        b"2026-01-01T00:00:02.000000000Z \n"
        b"2026-01-01T00:00:03.000000000Z four: a b  c\n"
    )


def test_since_compares_times_of_any_precision(log: pathlib.Path) -> None:
    reader = crilog.Reader(log, since="2026-01-01T00:00:02.000000000Z")
    assert read_all(reader) == b"\nfour: a b  c\n"


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (0, b""),
        (1, b"four: a b  c\n"),
        (2, b"\nfour: a b  c\n"),
        (3, b"two\n\nfour: a b  c\n"),
        (4, b"one\ntwo\n\nfour: a b  c\n"),
        (99, b"one\ntwo\n\nfour: a b  c\n"),
    ],
)
def test_a_tail_counts_whole_lines(
    log: pathlib.Path, lines: int, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = crilog.Reader(log)
    reader.seek_tail(lines)
    assert read_all(reader) == text


def test_a_tail_is_found_across_blocks(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "0.log"
    record = b"2026-01-01T00:00:00Z stdout F " + b"x" * 1000 + b"\n"
    path.write_bytes(record * 200 + LINES[-1])
    reader = crilog.Reader(path)

    reader.seek_tail(100)

    assert read_all(reader).count(b"\n") == 100


def test_a_growing_file_gives_records_when_they_are_complete(log: pathlib.Path) -> None:
    reader = crilog.Reader(log)
    while reader.read():
        pass
    with log.open("ab") as file:
        file.write(b"2026-01-01T00:00:04Z stdout F fi")
        file.flush()
        assert reader.read() == b""
        file.write(b"ve\n2026-01-01T00:00:05Z stdout F cut")
    assert reader.read() == b"five\n"
    assert reader.flush() == b"cut\n"
    reader.close()


@hypothesis.given(
    texts=strategies.lists(
        strategies.lists(strategies.text("ab \t", max_size=5), min_size=1, max_size=4), max_size=12
    ),
    tail=strategies.integers(0, 14),
)
def test_a_tail_is_the_end_of_the_whole(texts: list[list[str]], tail: int) -> None:
    with tempfile.NamedTemporaryFile() as file:
        for parts in texts:
            for index, part in enumerate(parts):
                tag = "F" if index == len(parts) - 1 else "P"
                file.write(f"2026-01-01T00:00:00Z stdout {tag} {part}\n".encode())
        file.flush()
        path = pathlib.Path(file.name)
        whole = read_all(crilog.Reader(path)).splitlines(keepends=True)
        reader = crilog.Reader(path)
        reader.seek_tail(tail)

        assert read_all(reader) == b"".join(whole[len(whole) - min(tail, len(whole)) :])
