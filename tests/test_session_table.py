import io
import json

from gateway.commands.session_table import Summary, as_json, console, print_table
from gateway.records import BookSummary, Mode, SignInSummary

NOW = 1_800_000_000  # 2027-01-15 08:00:00 UTC
HOUR, DAY = 3600, 86400
SLOT = "s" * 16


def sign_in(name: str, device: str | None, *, provider: str = "campus", own_device: bool = True) -> Summary:
    return SignInSummary(
        key=f"{SLOT}.{name * 22}",
        device=device,
        provider=provider,
        own_device=own_device,
        began=NOW - 3 * DAY,
        seen=NOW - 2 * HOUR,
        ends=NOW + 177 * DAY,
    )


def book(name: str, parent: str | None, origin: str) -> Summary:
    return BookSummary(
        key=f"{SLOT}.{name * 22}",
        parent=None if parent is None else f"{SLOT}.{parent * 22}",
        origin=origin,
        mode=Mode.COOKIE,
        device=None,
        provider="campus" if parent else "guest",
        own_device=True,
        began=NOW - DAY,
        seen=NOW,
        ends=NOW + 30 * DAY,
    )


FOUND = [
    sign_in("a", "Firefox on Linux"),
    book("b", "a", "https://books.example.edu"),
    sign_in("c", None, provider="gone", own_device=False),
    book("d", None, "https://ada.example.org"),
    book("e", "a", "https://ada.example.org"),
]

WIDE = """\
Where, and the session's name                 Way in               Signed in    Last used
───────────────────────────────────────────────────────────────────────────────────────────
Firefox on Linux                              Example University   3 days ago   2 hours ago
ssssssssssssssss.aaaaaaaaaaaaaaaaaaaaaa
  https://books.example.edu                                        1 day ago    just now
  ssssssssssssssss.bbbbbbbbbbbbbbbbbbbbbb
  https://ada.example.org                                          1 day ago    just now
  ssssssssssssssss.eeeeeeeeeeeeeeeeeeeeee
A browser that does not say which one it is   gone                 3 days ago   2 hours ago
ssssssssssssssss.cccccccccccccccccccccc
https://ada.example.org                       guest                1 day ago    just now
ssssssssssssssss.dddddddddddddddddddddd
"""

JSON = {
    "sessions": [
        {
            "session": f"{SLOT}.{'a' * 22}",
            "device": "Firefox on Linux",
            "provider": "campus",
            "own_device": True,
            "began": 1_799_740_800,
            "seen": 1_799_992_800,
            "ends": 1_815_292_800,
            "books": [
                {
                    "session": f"{SLOT}.{name * 22}",
                    "origin": origin,
                    "mode": "cookie",
                    "began": 1_799_913_600,
                    "seen": 1_800_000_000,
                    "ends": 1_802_592_000,
                }
                for name, origin in (("b", "https://books.example.edu"), ("e", "https://ada.example.org"))
            ],
        },
        {
            "session": f"{SLOT}.{'c' * 22}",
            "device": None,
            "provider": "gone",
            "own_device": False,
            "began": 1_799_740_800,
            "seen": 1_799_992_800,
            "ends": 1_815_292_800,
            "books": [],
        },
    ],
    "guests": [
        {
            "session": f"{SLOT}.{'d' * 22}",
            "origin": "https://ada.example.org",
            "mode": "cookie",
            "began": 1_799_913_600,
            "seen": 1_800_000_000,
            "ends": 1_802_592_000,
        }
    ],
}


def printed(width: int | None = None) -> list[str]:
    stream = io.StringIO()
    to = console(stream)
    if width is not None:
        to.width = width
    print_table(to, FOUND, {"campus": "Example University"}, NOW)
    return [line.rstrip() for line in stream.getvalue().splitlines() if line.strip()]


def test_the_table() -> None:
    assert printed() == WIDE.splitlines()


def test_a_narrow_terminal_cuts_no_name() -> None:
    lines = printed(80)
    assert all(len(line) <= 80 for line in lines)
    for one in FOUND:
        assert any(line.strip().startswith(one.key) for line in lines)


def test_for_programs() -> None:
    assert json.loads(as_json(FOUND)) == JSON
