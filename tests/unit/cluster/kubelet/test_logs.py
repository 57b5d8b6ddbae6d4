import asyncio
import os

from hypothesis import given
from hypothesis import strategies as st

from fission.cluster.kubelet import logs

STAMP = "2026-01-01T00:00:00.000000000Z"


def a_clock():
    return 1_767_225_600_000_000_000


def test_lines_become_records():
    splitter = logs.LineSplitter("stdout")

    assert splitter.feed(b"one\ntw", STAMP) == f"{STAMP} stdout F one\n".encode()
    assert splitter.feed(b"o\n\n", STAMP) == f"{STAMP} stdout F two\n{STAMP} stdout F \n".encode()
    assert splitter.flush(STAMP, whole=True) == b""


def test_a_line_without_an_end_is_partial():
    splitter = logs.LineSplitter("stderr")
    splitter.feed(b"? ", STAMP)

    assert splitter.flush(STAMP, whole=False) == f"{STAMP} stderr P ? \n".encode()


@given(st.lists(st.binary(max_size=40_000), max_size=6))
def test_no_byte_is_lost_or_moved(chunks):
    splitter = logs.LineSplitter("stdout")
    out = b"".join(splitter.feed(chunk, STAMP) for chunk in chunks)
    out += splitter.flush(STAMP, whole=False)

    text = b""
    for record in out.split(b"\n")[:-1]:
        _, _, tag, line = record.split(b" ", 3)
        assert len(line) <= logs.MAX_LINE_BYTES
        text += line + (b"\n" if tag == b"F" else b"")
    assert text == b"".join(chunks)


def test_timestamps_have_nine_digits():
    assert logs.timestamp(a_clock() + 5) == "2026-01-01T00:00:00.000000005Z"


def test_a_file_over_its_limit_is_begun_anew(tmp_path):
    file = logs.LogFile(tmp_path / "c" / "0.log", max_bytes=10)
    for text in (b"12345678\n", b"abc\n", b"def\n"):
        file.write(text)
    file.close()

    assert (tmp_path / "c" / "0.log").read_bytes() == b"abc\ndef\n"
    assert (tmp_path / "c" / "0.log.1").read_bytes() == b"12345678\n"


async def test_output_is_in_the_file_at_once_and_whole_at_the_end(tmp_path):
    path = tmp_path / "0.log"
    (out_read, out_write), (err_read, err_write) = os.pipe(), os.pipe()
    pump = logs.Pump(path, out_read, err_read, a_clock)

    os.write(out_write, b"hello\n")
    async with asyncio.timeout(5):
        while not path.read_bytes():  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert path.read_text() == f"{STAMP} stdout F hello\n"

    os.write(err_write, b"last words")
    os.write(out_write, b"x" * 30_000 + b"\n")
    pump.finish()
    os.close(out_write)
    os.close(err_write)
    lines = path.read_text().splitlines()
    assert [line.split(" ", 3)[1:3] for line in lines] == [
        ["stdout", "F"],
        ["stdout", "P"],
        ["stdout", "F"],
        ["stderr", "F"],
    ]
    assert lines[-1].endswith("last words")


async def test_a_prompt_is_shown_without_its_line_end(tmp_path):
    path = tmp_path / "0.log"
    (out_read, out_write), (err_read, err_write) = os.pipe(), os.pipe()
    pump = logs.Pump(path, out_read, err_read, a_clock)

    os.write(out_write, b"name? ")
    async with asyncio.timeout(5):
        while not path.read_bytes():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    pump.close()
    os.close(out_write)
    os.close(err_write)

    assert path.read_text() == f"{STAMP} stdout P name? \n"


def test_last_words_are_the_end_of_the_log_without_stamps(tmp_path):
    path = tmp_path / "0.log"
    records = [f"{STAMP} stdout F line {number}" for number in range(1000)]
    records += [f"{STAMP} stderr P the ", f"{STAMP} stderr P end"]
    path.write_text("\n".join(records) + "\n")

    words = logs.last_words(path)

    assert words.endswith("line 998\nline 999\nthe end")
    assert len(words) <= logs.LAST_WORDS_BYTES
    assert len(words.splitlines()) <= logs.LAST_WORDS_LINES
    assert logs.last_words(tmp_path / "1.log") == ""
