"""The last frame of a WebSocket that the router closes."""

import struct

from fission.router import tunnel


def test_a_close_frame_says_why():
    frame = tunnel.close_frame("stream_idle", masked=False)
    assert frame[0] == 0x88
    assert frame[1] == len(frame) - 2
    assert struct.unpack(">H", frame[2:4]) == (1001,)
    assert frame[4:] == b"stream_idle"


def test_what_goes_to_a_server_is_masked():
    frame = tunnel.close_frame("going_away", masked=True)
    assert frame[1] & 0x80
    assert frame[1] & 0x7F == len(frame) - 6
    mask, payload = frame[2:6], frame[6:]
    assert bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))[2:] == b"going_away"
