"""Frames of a WebSocket followed byte by byte: borders, what is none, what the gateway says itself."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.frames import (
    GOING_AWAY,
    MESSAGE,
    PROTOCOL_ERROR,
    TOO_BIG,
    FrameError,
    Frames,
    close_frame,
    ping_frame,
)

TEXT, BINARY, GOES_ON, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def frame(
    opcode: int, length: int, *, final: bool = True, masked: bool = True, form: int | None = None
) -> bytes:
    """form: bytes of the extended length; None: the shortest that fits."""
    if form is None:
        form = 0 if length < 126 else 2 if length < 1 << 16 else 8
    short = {0: length, 2: 126, 8: 127}[form]
    head = bytes((opcode | (0x80 if final else 0), short | (0x80 if masked else 0)))
    return (
        head
        + (length.to_bytes(form) if form else b"")
        + (b"mask" if masked else b"")
        + b"x" * min(length, 70_000)
    )


def goodbye(code: int, reason: int = 0) -> bytes:
    """A client's, with a reason of so many bytes."""
    masked = bytes(a ^ b for a, b in zip(code.to_bytes(2), b"ma", strict=True))
    return bytes((0x80 | CLOSE, 0x80 | (2 + reason))) + b"mask" + masked + b"x" * reason


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([frame(TEXT, 5)], id="a short text"),
        pytest.param([frame(TEXT, 0)], id="an empty one"),
        pytest.param([frame(BINARY, 126)], id="a length of two bytes"),
        pytest.param([frame(BINARY, 66_000)], id="a length of eight bytes"),
        pytest.param([frame(TEXT, 5), frame(BINARY, 125), frame(TEXT, 300)], id="several"),
        pytest.param([frame(TEXT, 5, final=False), frame(GOES_ON, 5)], id="a message in two"),
        pytest.param(
            [frame(TEXT, 5, final=False), frame(PING, 0), frame(GOES_ON, 5, final=False), frame(GOES_ON, 0)],
            id="a ping in the middle",
        ),
        pytest.param([frame(PONG, 125)], id="a pong that nobody asked for"),
        pytest.param([frame(TEXT, 1), goodbye(1000)], id="and a close"),
        pytest.param([frame(TEXT, 1), goodbye(4999, 123)], id="and a close with a long reason"),
        pytest.param([frame(CLOSE, 0)], id="a close without a word"),
    ],
)
@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_borders_are_found_wherever_the_bytes_were_cut(frames: list[bytes], step: int) -> None:
    followed, data = Frames(masked=True), b"".join(frames)
    ends, at = set(), 0
    for each in frames:
        at += len(each)
        ends.add(at)
    if len(data) > 1000 and step < 1000:
        step = 1000
    for first in range(0, len(data), step):
        followed.feed(data[first : first + step])
        position = min(first + step, len(data))
        assert followed.within is (position not in ends)
        closed = frames[-1][0] & 15 == CLOSE and position > len(data) - len(frames[-1])
        if not closed:
            assert followed.at_border is (position in ends)
    assert followed.closed is followed.ended is (frames[-1][0] & 15 == CLOSE)
    assert followed.at_border is not followed.closed


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frame(TEXT, 5, masked=False), PROTOCOL_ERROR, id="a client's without a mask"),
        pytest.param(bytes([0xC1, 0x80]), PROTOCOL_ERROR, id="an extension that nobody agreed on"),
        pytest.param(frame(3, 5), PROTOCOL_ERROR, id="an unknown opcode"),
        pytest.param(frame(11, 5), PROTOCOL_ERROR, id="an unknown control opcode"),
        pytest.param(frame(GOES_ON, 5), PROTOCOL_ERROR, id="nothing to go on with"),
        pytest.param(
            frame(TEXT, 5, final=False) + frame(TEXT, 5), PROTOCOL_ERROR, id="a message in a message"
        ),
        pytest.param(frame(PING, 5, final=False), PROTOCOL_ERROR, id="a ping in parts"),
        pytest.param(frame(PING, 126), PROTOCOL_ERROR, id="a long ping"),
        pytest.param(frame(CLOSE, 1), PROTOCOL_ERROR, id="half a close code"),
        pytest.param(frame(TEXT, 5, form=2), PROTOCOL_ERROR, id="a length in more bytes than it needs"),
        pytest.param(frame(TEXT, 200, form=8), PROTOCOL_ERROR, id="in many more"),
        pytest.param(frame(BINARY, MESSAGE), TOO_BIG, id="a huge message"),
        pytest.param(bytes([0x82, 0xFF]) + b"\xff" * 8 + b"mask", TOO_BIG, id="the longest of all"),
        pytest.param(goodbye(1000) + frame(TEXT, 5), PROTOCOL_ERROR, id="more after a close"),
        pytest.param(frame(CLOSE, 0) + frame(CLOSE, 0), PROTOCOL_ERROR, id="a second close"),
        *(
            pytest.param(goodbye(code), PROTOCOL_ERROR, id=f"a close with {code}")
            for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
        ),
    ],
)
def test_what_is_no_frame(data: bytes, code: int) -> None:
    with pytest.raises(FrameError) as caught:
        Frames(masked=True).feed(data)
    assert caught.value.code == code


def test_a_text_after_a_close_that_came_alone() -> None:
    followed = Frames(masked=True)
    followed.feed(goodbye(1000))
    with pytest.raises(FrameError):
        followed.feed(frame(TEXT, 5))


def test_a_server_s_with_a_mask() -> None:
    with pytest.raises(FrameError):
        Frames(masked=False).feed(frame(TEXT, 5))


def test_a_message_is_as_long_as_its_frames_together() -> None:
    followed = Frames(masked=False)
    followed.feed(b"\x02\x7f" + (MESSAGE - 1).to_bytes(8))
    followed.feed(b"x" * (MESSAGE - 1))
    with pytest.raises(FrameError) as caught:
        followed.feed(b"\x80\x01x")
    assert caught.value.code == TOO_BIG


def test_the_next_message_begins_anew() -> None:
    followed = Frames(masked=False)
    for _ in range(3):
        followed.feed(b"\x82\x7f" + (MESSAGE - 1).to_bytes(8) + b"x" * (MESSAGE - 1))
        assert followed.at_border


@pytest.mark.parametrize("masked", [True, False])
def test_what_the_gateway_says_is_a_frame_too(*, masked: bool) -> None:
    followed = Frames(masked=masked)
    followed.feed(ping_frame(masked=masked))
    assert followed.at_border
    followed.feed(close_frame(GOING_AWAY, b"bye", masked=masked))
    assert followed.ended


@pytest.mark.parametrize("masked", [True, False])
def test_a_code_is_asked_wherever_it_was_cut(*, masked: bool) -> None:
    bad, good = close_frame(1005, b"why", masked=masked), close_frame(3000, b"why", masked=masked)
    for cut in range(1, len(bad)):
        followed = Frames(masked=masked)
        followed.feed(good[:cut])
        followed.feed(good[cut:])
        assert followed.ended
        followed = Frames(masked=masked)
        with pytest.raises(FrameError):  # ruff: ignore[pytest-raises-with-multiple-statements]
            for part in (bad[:cut], bad[cut:]):
                followed.feed(part)


def test_the_word_of_a_close() -> None:
    assert close_frame(4401, b"no", masked=False) == b"\x88\x04\x11\x31no"
    assert close_frame(1001, masked=True) == b"\x88\x82\x00\x00\x00\x00\x03\xe9"


@given(st.binary(max_size=40), st.lists(st.integers(0, 40), max_size=5), st.booleans())
def test_cuts_change_nothing(data: bytes, cuts: list[int], masked: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
    def outcome(parts: list[bytes]) -> tuple[object, ...]:
        followed = Frames(masked=masked)
        try:
            for part in parts:
                followed.feed(part)
        except FrameError as error:
            return (error.code,)
        return followed.at_border, followed.closed, followed.ended

    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    parts = [data[first:last] for first, last in pairwise(places)]
    assert outcome(parts) == outcome([data])
