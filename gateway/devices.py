"""What a person is told about the device of a session: the browser and the system, by its User-Agent.

A hint for people and never a fact: a User-Agent says what it likes (RFC 9110 section 10.1.5). The words are
ours, so nothing that a client sends is ever shown.
"""

import re
from typing import Final

_READ: Final = 512  # of a longer one the beginning says it, if anything does

# The first that is found counts: most browsers also claim to be others.
_BROWSERS: Final = (
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/")),
    ("Opera", re.compile(r"\b(?:OPR|OPT|Opera)/")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/")),
    ("Chrome", re.compile(r"\b(?:Chrome|Chromium|CriOS|HeadlessChrome)/")),
    ("Safari", re.compile(r"\bSafari/")),
)
_SYSTEMS: Final = (
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("macOS", re.compile(r"\bMac(?:intosh| OS X)\b")),
    ("Linux", re.compile(r"\b(?:Linux|X11)\b")),
)


def name_of(user_agent: str | None) -> str | None:
    """The browser and the system ("Firefox on Linux"), or as much of it as can be told; None: nothing can."""
    told = (user_agent or "")[:_READ]
    browser = next((name for name, sign in _BROWSERS if sign.search(told)), None)
    system = next((name for name, sign in _SYSTEMS if sign.search(told)), None)
    if browser is not None and system is not None:
        return f"{browser} on {system}"
    return browser or system
