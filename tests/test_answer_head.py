"""What is remembered of the heads of answers: lines, so many, and none that are secret."""

from gateway.proxy.answer_head import _known, read_answer

START = b"HTTP/1.1 200 OK\r\n"


def test_neither_cookies_nor_long_lines_are_remembered() -> None:
    head = read_answer(START + b"X-Seen: a\r\nset-cookie: a=b\r\nX-Long: " + b"a" * 600 + b"\r\n\r\n")
    assert [line.low for line in head.lines] == ["x-seen", "x-long", "set-cookie"]
    assert b"X-Seen: a" in _known
    assert not any(line.startswith((b"set-cookie", b"X-Long")) for line in _known)


def test_what_is_remembered_is_bounded() -> None:
    for number in range(5000):
        (line,) = read_answer(START + b"X-Own: %d\r\n\r\n" % number).lines
        assert line.value == str(number)
        assert len(_known) <= 4096
