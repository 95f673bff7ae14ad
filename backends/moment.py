"""Times: RFC 3339 in requests and answers, milliseconds since the epoch in tables."""

from datetime import UTC, datetime
from typing import Final

from multidict import CIMultiDictProxy

from backends.problem import InvalidHeader

DEVICE_TIME: Final = "X-Bookgate-Time"


def parse(text: str) -> int | None:
    """A time of RFC 3339 that names its zone, from 1970 on; None: it is not one."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None or moment.year < 1970:
        return None
    return int(moment.timestamp() * 1000)


def spell(milliseconds: int) -> str:
    """In UTC, to the millisecond."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def device_time(headers: CIMultiDictProxy[str]) -> int | None:
    """When the writer's device says that this was made; None: it does not. Raises InvalidHeader."""
    lines = headers.getall(DEVICE_TIME, [])
    if not lines:
        return None
    made = parse(lines[0])
    if len(lines) > 1 or made is None:
        raise InvalidHeader(f"{DEVICE_TIME} is one time of RFC 3339 that names its zone, such as Z.")
    return made
