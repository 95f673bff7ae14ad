"""The pages of personal tokens: none, a new one, shown once, the list."""

from typing import Final

from tests.pictures.states import State
from tests.pictures.visitor import Visitor

LIST: Final = "/auth/tokens"
NEW: Final = "/auth/tokens/new"


def _none(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.open(LIST)
    while visitor.all("button[value^=revoke]"):
        visitor.click("button[value^=revoke]")
    visitor.open(LIST)


def _new(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.open(NEW)


def _nameless(visitor: Visitor) -> None:
    _new(visitor)
    visitor.seen("input[name=name]").send_keys(" ")
    visitor.click("form[method=post] button.main")


def _made(visitor: Visitor) -> None:
    _new(visitor)
    visitor.seen("input[name=name]").send_keys("Backup at home")
    visitor.click("form[method=post] button.main")


def _listed(visitor: Visitor) -> None:
    _none(visitor)
    _made(visitor)
    visitor.open(LIST)


def _revoked(visitor: Visitor) -> None:
    _listed(visitor)
    visitor.click("button[value^=revoke]")


TOKENS: Final = (
    State("tokens-none", "Tokens for scripts: none yet.", "You have none", _none),
    State("token-new", "What a new token is to be.", "Services that it may reach", _new),
    State("token-nameless", "A token needs a name.", "Give the token a name", _nameless),
    State("token-made", "A new token, shown this once.", "Copy it now", _made),
    State("tokens", "One's tokens.", "Not used yet", _listed),
    State("token-revoked", "One that is none any more.", "reaches nothing any more", _revoked),
)
