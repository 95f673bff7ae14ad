# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The parsers of heads, compiled: what they take, and what they make of it, is what the pure ones do.

gateway.proxy.canonical and gateway.proxy.answer_head say what is right; whatever is not plain is left to them.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem, PyDict_SetItem
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp, memcpy

from gateway.errors import BackendBrokenError, GatewayError
from gateway.proxy import answer_head as _answers
from gateway.proxy.canonical import MAX_LINES, METHOD_WORDS
from gateway.proxy.fields import ONCE, UNLIKE, field as _field
from gateway.proxy.head import ORDINARY, Head, proved
from gateway.proxy.path import split_target

EDITION = 3  # of the pure parsers that these are equal to

cdef dict _methods = METHOD_WORDS
cdef dict _ordinary = ORDINARY
cdef Py_ssize_t _most = MAX_LINES
cdef object _Head = Head
cdef object _AnswerHead = _answers.AnswerHead
cdef object _read_line = _answers.read_line
cdef object _with_others = _answers.with_others
cdef int _last_kept = _answers.DATE
cdef int _length_kind = _answers.LENGTH
cdef object _no_options = frozenset()
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


cdef extern from *:
    dict __Pyx_PyDict_NewPresized(Py_ssize_t items)  # one that need not grow


cdef struct Once:  # a name of ONCE, and what is made of it
    Py_ssize_t size
    char name[32]
    PyObject *said
    PyObject *mark

cdef Once _once[32]
cdef int _onces = 0


cdef void _fill_once():
    global _onces
    for said in sorted(ONCE):
        name = said.encode()
        mark = _field(said, "")[3]  # none of them is marked by its value
        Py_INCREF(said)
        Py_INCREF(mark)
        _once[_onces].size = len(name)
        memcpy(_once[_onces].name, PyBytes_AS_STRING(name), len(name))
        _once[_onces].said = <PyObject *>said
        _once[_onces].mark = <PyObject *>mark
        _onces += 1


_fill_once()


cdef struct Slot:  # a line that is remembered anyway, found by its bytes without an object made of them
    PyObject *line
    PyObject *read

cdef enum:
    SLOTS = 2048

cdef Slot _requests[SLOTS]
cdef Slot _answered[SLOTS]


cdef inline Slot *_slot(Slot *slots, const char *data, Py_ssize_t size) noexcept:
    """Where a line would be. Who makes lines that meet there gains nothing but the longer way for them."""
    cdef uint64_t hashed = <uint64_t>size * 0x9E3779B97F4A7C15ULL
    cdef uint64_t part
    while size >= 8:
        memcpy(&part, data, 8)
        hashed = (hashed ^ part) * 0x9E3779B97F4A7C15ULL
        hashed ^= hashed >> 32
        data += 8
        size -= 8
    part = 0
    memcpy(&part, data, size)
    hashed = (hashed ^ part) * 0x9E3779B97F4A7C15ULL
    return slots + ((hashed ^ (hashed >> 32)) & (SLOTS - 1))


cdef inline PyObject *_remembered(Slot *slot, const char *data, Py_ssize_t size) noexcept:
    if (
        slot.line == NULL
        or PyBytes_GET_SIZE(<object>slot.line) != size
        or memcmp(PyBytes_AS_STRING(<object>slot.line), data, size) != 0
    ):
        return NULL
    return slot.read


cdef inline void _remember(Slot *slot, object line, object read) noexcept:
    Py_INCREF(line)
    Py_INCREF(read)
    Py_XDECREF(slot.line)
    Py_XDECREF(slot.read)
    slot.line = <PyObject *>line
    slot.read = <PyObject *>read


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
    cdef int number
    cdef Once *known
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
    for number in range(_onces):
        known = &_once[number]
        if known.size == colon and memcmp(known.name, name, colon) == 0:
            break
    else:
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
    said = <str>known.said
    value = _text(data + size - length, length)
    return (said, (value,)), (said, value), (said, out), <object>known.mark


def head_end(bytes data not None, Py_ssize_t begin):
    """As gateway.proxy.canonical.head_end."""
    cdef const char *start = PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef Py_ssize_t at = begin + 3
    cdef const char *found
    while at < size:  # a line feed is rarer than what stands before it
        found = <const char *>memchr(start + at, 10, size - at)
        if found == NULL:
            return -1
        at = found - start
        if start[at - 1] == 13 and start[at - 2] == 10 and start[at - 3] == 13:
            return at + 1
        at += 1
    return -1


def read_request(bytes data not None, lines not None, frozenset hosts not None):
    """As gateway.proxy.canonical.read_request."""
    cdef const char *start = PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = max(PyBytes_GET_SIZE(data) - 4, 0)
    cdef Py_ssize_t end = _line_end(start, 0, size)
    cdef Py_ssize_t blank, at
    cdef const char *found
    cdef PyObject *known
    cdef Slot *slot
    cdef list fields = []
    cdef tuple target
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
            slot = _slot(_requests, start + at, end - at)
            known = _remembered(slot, start + at, end - at)
            if known != NULL:
                fields.append(<object>known)
            else:
                fields.append(_read(slot, start + at, end - at, lines))
        if len(fields) > _most:
            return None
        return _agreed(method, target, fields, hosts)
    except (GatewayError, UnicodeDecodeError):
        return None


cdef object _read(Slot *slot, const char *data, Py_ssize_t size, object lines):
    """A line that is at no hand."""
    cdef PyObject *known
    cdef tuple field = _said_once(data, size)
    if field is not None:
        return field
    line = PyBytes_FromStringAndSize(data, size)
    known = PyDict_GetItem(<dict>lines.known, line)
    if known == NULL:
        return lines.read(line)
    _remember(slot, line, <object>known)
    return <object>known


cdef object _agreed(object method, tuple target, list fields, frozenset hosts):
    """As `proved`, and what is asked beyond it."""
    cdef Py_ssize_t count = len(fields)
    cdef Py_ssize_t number
    cdef dict named = __Pyx_PyDict_NewPresized(count)
    cdef tuple headers = PyTuple_New(count)
    cdef tuple outs = PyTuple_New(count)
    cdef tuple marks = PyTuple_New(count)
    cdef tuple field, item
    cdef PyObject *host
    cdef PyObject *connection
    for number in range(count):
        field = <tuple>fields[number]
        item = <tuple>field[0]
        PyDict_SetItem(named, item[0], item[1])
        _put(headers, number, field[1])
        _put(outs, number, field[2])
        _put(marks, number, field[3])
    host = PyDict_GetItem(named, "host")
    if host == NULL:
        return None
    said = (<tuple>host)[0]
    if said not in hosts:
        return None
    if (
        len(named) < count
        or PyDict_GetItem(named, "content-length") != NULL
        or PyDict_GetItem(named, "transfer-encoding") != NULL
        or PyDict_GetItem(named, "expect") != NULL
    ):
        head = proved(method, target[0], target[1], fields, hosts)
        # of a name that came twice the index here has the last line only
        return head if head.connection <= _KEEPING else None
    head = _Head(method, target[0], target[1], headers, None, False, False, named, outs, marks)
    connection = PyDict_GetItem(named, "connection")
    if connection == NULL or <object>connection in _ordinary or head.connection <= _KEEPING:
        return head
    return None


cdef inline void _put(tuple into, Py_ssize_t number, object value) noexcept:
    Py_INCREF(value)
    PyTuple_SET_ITEM(into, number, value)


_KEEPING = frozenset({"close", "keep-alive", "upgrade"})


def read_answer(bytes data not None):
    """As gateway.proxy.answer_head.read_answer."""
    cdef const char *start = PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = max(PyBytes_GET_SIZE(data) - 4, 0)
    cdef Py_ssize_t end = _line_end(start, 0, size)
    cdef Py_ssize_t at
    cdef long long number
    cdef PyObject *known
    cdef Slot *slot
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
        slot = _slot(_answered, start + at, end - at)
        known = _remembered(slot, start + at, end - at)
        found = <tuple>known if known != NULL else _answer_line(slot, start + at, end - at)
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


cdef tuple _answer_line(Slot *slot, const char *data, Py_ssize_t size):
    """The line and its kind."""
    line = PyBytes_FromStringAndSize(data, size)
    read = _read_line(line)
    found = read, read.kind
    if _answers.is_worth(line):
        _remember(slot, line, found)
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
