"""How two states of progress become one: as far as either came."""

import msgspec


def union(earlier: bytes, later: bytes) -> bytes:
    """Every field of either JSON object; where one is no JSON the later one stands as it is."""
    try:
        return msgspec.json.encode(_united(msgspec.json.decode(earlier), msgspec.json.decode(later)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return later


def _united(earlier: object, later: object) -> object:
    """The larger number, a yes over a no, all members of both lists; of anything else the later."""
    match earlier, later:
        case dict(), dict():
            return earlier | {
                name: _united(earlier[name], value) if name in earlier else value
                for name, value in later.items()
            }
        case list(), list():
            return earlier + [member for member in later if member not in earlier]
        case bool(), bool():
            return earlier or later
        case ((int() | float()), (int() | float())) if not isinstance(earlier, bool | str):
            return later if isinstance(later, bool) else max(earlier, later)
        case _:
            return later
