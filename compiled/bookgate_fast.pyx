# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The parsers of heads, compiled: what they take, and what they make of it, is what the pure ones do.

gateway.proxy.canonical and gateway.proxy.answer_head say what is right; whatever is not plain is left to them.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.string cimport memchr, memcmp, memcpy

from gateway.errors import BackendBrokenError, GatewayError
from gateway.proxy import answer_head as _answers
from gateway.proxy.canonical import MAX_LINES, METHOD_WORDS
from gateway.proxy.fields import ONCE, UNLIKE, field as _field
from gateway.proxy.head import ORDINARY, Head, proved
from gateway.proxy.path import split_target

EDITION = 2  # of the pure parsers that these are equal to

cdef dict _methods = METHOD_WORDS
cdef dict _once = {name.encode(): name for name in ONCE}
cdef dict _marks = {name: _field(name, "")[3] for name in ONCE}  # none of them is marked by its value
cdef dict _ordinary = ORDINARY
cdef Py_ssize_t _most = MAX_LINES
cdef object _Head = Head
cdef object _AnswerHead = _answers.AnswerHead
cdef object _read_line = _answers.read_line
cdef object _with_others = _answers.with_others
cdef int _last_kept = _answers.DATE
cdef int _length_kind = _answers.LENGTH
cdef object _no_options = frozenset()
cdef dict _answer_lines = {}
cdef dict _statuses = {}

cdef unsigned char _NAME[256]  # in lower case; 0: none
cdef unsigned char _VALUE[256]
cdef unsigned char _PATH[256]
cdef unsigned char _QUERY[256]


cdef void _fill():
    cdef int byte
    for byte in range(256):
        _NAME[byte] = _VALUE[byte] = _PATH[byte] = _QUERY[byte] = 0
    for byte in range(0x20, 0x7F):
        _VALUE[byte] = 1
        _QUERY[byte] = byte == 0x21 or 0x24 <= byte <= 0x3B or byte == 0x3D or 0x3F <= byte
    _VALUE[9] = 1
    for byte in b"abcdefghijklmnopqrstuvwxyz0123456789-":
        _NAME[byte] = _PATH[byte] = byte
    for byte in range(0x41, 0x5B):
        _NAME[byte], _PATH[byte] = byte + 32, 1
    for byte in b"._~!$&'()*+,=:@|[]/":
        _PATH[byte] = 1


_fill()


cdef inline Py_ssize_t _line_end(const char *data, Py_ssize_t at, Py_ssize_t size) noexcept:
    """Where the next CRLF is, or the end."""
    cdef const char *found
    while at < size:
        found = <const char *>memchr(data + at, 13, size - at)
        if found == NULL:
            return size
        at = found - data
        if at + 1 < size and data[at + 1] == 10:
            return at
        at += 1
    return size


cdef inline str _text(const char *data, Py_ssize_t size):
    return PyUnicode_DecodeASCII(data, size, NULL)


cdef tuple _target(const char *data, Py_ssize_t size):
    """Path and query where nothing is encoded, as `split_target`; None: let it tell."""
    cdef Py_ssize_t at = 1
    cdef Py_ssize_t mark
    cdef unsigned char byte
    if size < 1 or data[0] != b"/":
        return None
    while at < size:
        byte = data[at]
        if byte == b"?":
            break
        if not _PATH[byte] or ((byte == b"/" or byte == b".") and data[at - 1] == b"/"):
            return None
        at += 1
    mark = at
    for at in range(mark + 1, size):
        if not _QUERY[<unsigned char>data[at]]:
            return None
    return _text(data, mark), None if mark == size else _text(data + mark + 1, size - mark - 1)


cdef tuple _said_once(const char *data, Py_ssize_t size):
    """A line that nobody remembers, as `Lines.read`; None: let it tell."""
    cdef char name[32]
    cdef Py_ssize_t colon = 0
    cdef Py_ssize_t at
    cdef unsigned char byte
    cdef PyObject *known
    cdef bytes out
    cdef char *into
    cdef Py_ssize_t length
    while colon < size and data[colon] != b":":
        byte = _NAME[<unsigned char>data[colon]]
        if byte == 0 or colon == 32:
            return None
        name[colon] = byte
        colon += 1
    if colon == size:
        return None
    known = PyDict_GetItem(_once, PyBytes_FromStringAndSize(name, colon))
    if known == NULL:
        return None
    at = colon + 1
    while at < size and (data[at] == 32 or data[at] == 9):
        at += 1
    while size > at and (data[size - 1] == 32 or data[size - 1] == 9):
        size -= 1
    length = size - at
    out = PyBytes_FromStringAndSize(NULL, colon + length + 4)
    into = PyBytes_AS_STRING(out)
    memcpy(into, name, colon)
    into[colon] = b":"
    into[colon + 1] = 32
    memcpy(into + colon + 2, data + at, length)
    into[colon + length + 2] = 13
    into[colon + length + 3] = 10
    while at < size:
        if not _VALUE[<unsigned char>data[at]]:
            return None
        at += 1
    said = <str>known
    value = _text(data + size - length, length)
    return (said, (value,)), (said, value), (said, out), _marks[said]


def read_request(bytes data not None, lines not None, frozenset hosts not None):
    """As gateway.proxy.canonical.read_request."""
    cdef const char *start = PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = max(PyBytes_GET_SIZE(data) - 4, 0)
    cdef Py_ssize_t end = _line_end(start, 0, size)
    cdef Py_ssize_t blank, at
    cdef const char *found
    cdef PyObject *known_line
    cdef dict known = lines.known
    cdef dict named = {}
    cdef list fields = []
    cdef tuple field, item, target
    if end < 9 or memcmp(start + end - 9, b" HTTP/1.1", 9) != 0:
        return None
    found = <const char *>memchr(start, 32, end - 9)
    if found == NULL:
        return None
    blank = found - start
    method = _methods.get(start[:blank])
    if method is None:
        return None
    try:
        target = _target(start + blank + 1, end - 10 - blank)
        if target is None:
            target = split_target(start[blank + 1 : end - 9].decode())
        while end < size:
            at = end + 2
            end = _line_end(start, at, size)
            line = PyBytes_FromStringAndSize(start + at, end - at)
            known_line = PyDict_GetItem(known, line)
            if known_line != NULL:
                field = <tuple>known_line
            else:
                field = _said_once(start + at, end - at)
                if field is None:
                    field = lines.read(line)
            fields.append(field)
            item = <tuple>field[0]
            named[item[0]] = item[1]
        if len(fields) > _most:
            return None
        return _agreed(method, target, fields, named, hosts)
    except (GatewayError, UnicodeDecodeError):
        return None


cdef object _agreed(object method, tuple target, list fields, dict named, frozenset hosts):
    """As `proved`, and what is asked beyond it."""
    cdef PyObject *host = PyDict_GetItem(named, "host")
    cdef PyObject *connection
    cdef tuple field
    if host == NULL:
        return None
    said = (<tuple>host)[0]
    if (
        len(named) < len(fields)
        or said.lower() not in hosts
        or "content-length" in named
        or "transfer-encoding" in named
        or "expect" in named
    ):
        head = proved(method, target[0], target[1], fields, hosts)
        # of a name that came twice the index here has the last line only
        return head if said in hosts and head.connection <= _KEEPING else None
    headers = tuple([(<tuple>field)[1] for field in fields])
    outs = tuple([(<tuple>field)[2] for field in fields])
    marks = tuple([(<tuple>field)[3] for field in fields])
    head = _Head(method, target[0], target[1], headers, None, False, False, named, outs, marks)
    if said not in hosts:
        return None
    connection = PyDict_GetItem(named, "connection")
    if connection == NULL or <object>connection in _ordinary or head.connection <= _KEEPING:
        return head
    return None


_KEEPING = frozenset({"close", "keep-alive", "upgrade"})


def read_answer(bytes data not None):
    """As gateway.proxy.answer_head.read_answer."""
    cdef const char *start = PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = max(PyBytes_GET_SIZE(data) - 4, 0)
    cdef Py_ssize_t end = _line_end(start, 0, size)
    cdef Py_ssize_t at
    cdef long long number
    cdef PyObject *known
    cdef list lines = []
    cdef list others = []
    cdef tuple found
    cdef int kind
    cdef object length = None
    status, minor = _status(start[: min(end, 512)])
    while end < size:
        at = end + 2
        end = _line_end(start, at, size)
        number = _length(start + at, end - at)
        if number >= 0:
            if length is not None:
                raise BackendBrokenError(f"Content-Length {number}")
            length = number
            continue
        line = PyBytes_FromStringAndSize(start + at, end - at)
        known = PyDict_GetItem(_answer_lines, line)
        found = <tuple>known if known != NULL else _answer_line(line)
        kind = found[1]
        if kind <= _last_kept:
            if kind:
                lines.append(found[0])
        elif kind == _length_kind:  # of digits it would be read by now
            raise BackendBrokenError(f"Content-Length {found[0].value!r}")
        else:
            others.append(found[0])
    if others:
        return _with_others(status, minor, lines, length, others)
    return _AnswerHead(status, tuple(lines), length, False, bool(minor), _no_options, True, 0)


cdef tuple _status(bytes line):
    cdef PyObject *known = PyDict_GetItem(_statuses, line)
    if known != NULL:
        return <tuple>known
    found = _answers.status_of(line)
    if len(_statuses) >= 1024:
        _statuses.clear()
    _statuses[line] = found
    return found


cdef tuple _answer_line(bytes line):
    """The line and its kind."""
    read = _read_line(line)
    found = read, read.kind
    if _answers.is_worth(line):
        if len(_answer_lines) >= 4096:
            _answer_lines.clear()
        _answer_lines[line] = found
    return found


cdef long long _length(const char *data, Py_ssize_t size) noexcept:
    """What a Content-Length of digits says; -1: it is another line, or to be told otherwise."""
    cdef const char *name = b"content-length:"
    cdef Py_ssize_t at = 0
    cdef Py_ssize_t digits = 0
    cdef long long number = 0
    if size < 16:
        return -1
    while at < 15:
        if (data[at] | 32 if at < 14 and at != 7 else data[at]) != name[at]:
            return -1
        at += 1
    while at < size and (data[at] == 32 or data[at] == 9):
        at += 1
    while size > at and (data[size - 1] == 32 or data[size - 1] == 9):
        size -= 1
    while at < size:
        if not 48 <= data[at] <= 57:
            return -1
        number = number * 10 + (data[at] - 48)
        digits += 1
        if digits > 18:
            return -1
        at += 1
    return number if digits else -1
