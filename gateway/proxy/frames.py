"""Where the frames of a WebSocket begin and end (RFC 6455 section 5), and those that the gateway says."""

from typing import Final

MESSAGE: Final = 4 << 20  # bytes; every message is shorter
PROTOCOL_ERROR: Final = 1002  # close codes: RFC 6455 section 7.4.1
GOING_AWAY: Final = 1001
TOO_BIG: Final = 1009
_HEAD: Final = 14  # bytes, at most
_WHOLE: Final = frozenset({0x81, 0x82})  # final, text or binary
_DATA: Final = frozenset({0, 1, 2})  # opcodes
_CLOSE: Final = 8
_CONTROL: Final = frozenset({_CLOSE, 9, 10})
# Close codes that may be said (section 7.4.1 and IANA's registry), and those that are free (section 7.4.2)
_SAYABLE: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})
_EXTENDED: Final = {126: 2, 127: 8}  # bytes of a length that does not fit
_LEAST: Final = {0: 0, 2: 126, 8: 1 << 16}  # section 5.2: the shortest form that fits
_NO_MASK: Final = b"\x00\x00\x00\x00"  # what it hides is ours, and nobody's choice (section 10.3)


class FrameError(Exception):
    """It is no WebSocket's. code: what it is closed with. at_border: whether a frame had ended before it."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
        self.at_border = False


class Frames:
    """One direction, followed byte by byte. masked: whether its frames are: a client's are, a server's not.

    closed: a close frame has begun; nothing follows it (section 5.5.1).
    """

    __slots__ = ("_head", "_in_message", "_left", "_masked", "_size", "_whole", "closed")

    def __init__(self, *, masked: bool) -> None:
        self._masked = masked
        self._whole = 6 if masked else 2  # bytes of a short frame's head
        self._head = b""  # what came of one
        self._left = 0  # bytes of payload that are to come
        self._in_message = False
        self._size = 0  # of the message
        self.closed = False

    @property
    def at_border(self) -> bool:
        """Whether a frame of the gateway's may be said here."""
        return not self._left and not self._head and not self.closed

    @property
    def within(self) -> bool:
        """Whether a frame has begun that has not ended."""
        return bool(self._left or self._head)

    @property
    def ended(self) -> bool:
        return self.closed and not self._left

    def feed(self, data: bytes) -> None:
        """What came next. FrameError: it is not to be passed on."""
        if len(data) > 1 and data[0] in _WHOLE and not (self._left or self._head or self._in_message):
            second = data[1]
            masked, length = second > 0x7F, second & 0x7F
            if masked is self._masked and length < 126 and len(data) == self._whole + length:
                if self.closed:
                    raise FrameError(PROTOCOL_ERROR)
                return
        before = self.at_border
        try:
            self._follow(data)
        except FrameError as error:
            error.at_border = before
            raise

    def _follow(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            if self._left:
                taken = min(self._left, len(data) - at)
                self._left -= taken
                at += taken
                continue
            known = len(self._head)
            head = self._head + data[at : at + _HEAD - known]
            size = self._read(head)
            if not size:
                self._head = head
                return
            self._head = b""
            if size < known:  # of a goodbye's code something had come, too
                self._left -= known - size
            else:
                at += size - known

    def _read(self, head: bytes) -> int:
        """Bytes of this frame's head; 0: not all of it is there."""
        if len(head) < 2:
            return 0
        first, second = head[0], head[1]
        opcode, final, short = first & 0x0F, first > 0x7F, second & 0x7F
        if first & 0x70 or (second > 0x7F) is not self._masked:  # no extension was agreed on
            raise FrameError(PROTOCOL_ERROR)
        if self.closed:
            raise FrameError(PROTOCOL_ERROR)
        extended = _EXTENDED.get(short, 0)
        size = self._whole + extended
        if len(head) < size:
            return 0
        length = int.from_bytes(head[2 : 2 + extended]) if extended else short
        if length < _LEAST[extended]:
            raise FrameError(PROTOCOL_ERROR)
        if opcode in _CONTROL:
            if not final or extended or (opcode == _CLOSE and length == 1):  # section 5.5
                raise FrameError(PROTOCOL_ERROR)
            if (
                opcode == _CLOSE
                and length
                and not self._is_sayable(head[size : size + 2], head[size - 4 : size])
            ):
                return 0
            self.closed = opcode == _CLOSE
        else:
            self._begin(opcode, length, final=final)
        self._left = length
        return size

    def _is_sayable(self, code: bytes, mask: bytes) -> bool:
        """Whether the code of a goodbye may be said; False: not all of it is there."""
        if len(code) < 2:
            return False
        if self._masked:
            code = bytes((code[0] ^ mask[0], code[1] ^ mask[1]))
        if int.from_bytes(code) not in _SAYABLE:
            raise FrameError(PROTOCOL_ERROR)
        return True

    def _begin(self, opcode: int, length: int, *, final: bool) -> None:
        """Data: the first frame of a message, or one that goes on with it (section 5.4)."""
        if opcode not in _DATA or (opcode == 0) is not self._in_message:
            raise FrameError(PROTOCOL_ERROR)
        self._size = self._size + length if self._in_message else length
        if self._size >= MESSAGE:
            raise FrameError(TOO_BIG)
        self._in_message = not final


def close_frame(code: int, reason: bytes = b"", *, masked: bool) -> bytes:
    """reason: UTF-8 of at most 123 bytes."""
    return _control(_CLOSE, code.to_bytes(2) + reason, masked=masked)


def ping_frame(*, masked: bool) -> bytes:
    return _control(9, b"", masked=masked)


def _control(opcode: int, payload: bytes, *, masked: bool) -> bytes:
    if masked:
        return bytes((0x80 | opcode, 0x80 | len(payload))) + _NO_MASK + payload
    return bytes((0x80 | opcode, len(payload))) + payload
