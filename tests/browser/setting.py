"""The seven settings that every book must work in: a browser and what it does with foreign cookies."""

from enum import Enum, StrEnum


class Engine(StrEnum):
    CHROMIUM = "chromium"
    FIREFOX = "firefox"
    WEBKIT = "webkit"


class Mode(StrEnum):
    """How a book's requests prove their session (docs/protocol.md, step 5)."""

    COOKIE = "cookie"
    DPOP = "dpop"


class Setting(Enum):
    """The id that pytest shows, the engine, the modes that it may end in, and whether it keeps a profile."""

    CHROMIUM = ("chromium", Engine.CHROMIUM, {Mode.COOKIE}, True)  # third-party cookies blocked
    CHROMIUM_ALLOWED = ("chromium-allowed", Engine.CHROMIUM, {Mode.COOKIE}, True)
    FIREFOX = ("firefox", Engine.FIREFOX, {Mode.COOKIE}, True)
    FIREFOX_STRICT = ("firefox-strict", Engine.FIREFOX, {Mode.COOKIE}, True)
    FIREFOX_PRIVATE = ("firefox-private", Engine.FIREFOX, {Mode.COOKIE}, False)
    WEBKIT = ("webkit", Engine.WEBKIT, {Mode.DPOP}, False)
    WEBKIT_ITP = ("webkit-itp", Engine.WEBKIT, {Mode.COOKIE, Mode.DPOP}, False)  # a heuristic decides

    def __init__(self, label: str, engine: Engine, modes: set[Mode], keeps: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]  # a row of the table
        self.label = label
        self.engine = engine
        self.modes = frozenset(modes)
        self.keeps = keeps
