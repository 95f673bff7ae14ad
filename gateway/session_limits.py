"""How long sessions live: values, in seconds."""

from dataclasses import dataclass

DAY = 86400
CODE_MARK = 600  # for so long a code's second use ends what the first one made


@dataclass(frozen=True, slots=True)
class Life:
    """A session ends when it was idle this long, and `absolute` seconds after it began at the latest."""

    idle: int
    absolute: int


@dataclass(frozen=True, slots=True)
class SessionLimits:
    sign_in: Life = Life(30 * DAY, 180 * DAY)
    book: Life = Life(30 * DAY, 180 * DAY)  # never longer than the parent
    shared_device: Life = Life(3600, 12 * 3600)  # "this is my own device" not ticked
    access: int = 600  # an access token's life in token mode
    guest: Life = Life(30 * DAY, 365 * DAY)  # a guest's book session, which has no parent
