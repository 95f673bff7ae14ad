"""The ways in that a site has, as the sign-in page offers them and the account page names them."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode

from gateway.access import CLASS_CARD, LTI, PASSKEY
from gateway.errors import NotFoundError
from gateway.pages.language import mark
from gateway.providers import Provider


class Kind(StrEnum):
    """What a way in is: the sign-in page has its own words for each."""

    PROVIDER = "provider"
    LTI = "lti"
    CARD = "card"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class Way:
    """A way in. id: as origins name it under `sign_in`, and as sessions remember it.

    label: what people call it ("Signed in with LABEL"), `mark`ed where it is ours to translate.
    title: the same where it stands alone: languages with cases have other words there.
    href: our address where it begins; None: it begins elsewhere, as a launch from a course does.
    """

    id: str
    label: str
    title: str
    href: str | None
    kind: Kind
    provider: Provider | None = None

    def address(self, transaction: str | None, back: str | None = None) -> str:
        """Where a link of ours leads to.

        transaction: of the book's request. back: without one, the page of ours to go on to.

        Raises NotFoundError: it does not begin here.
        """
        if self.href is None:
            raise NotFoundError("this way in does not begin here")
        asked = {"provider": self.id, "transaction": transaction or "", "back": back or ""}
        return f"{self.href}?{urlencode({name: value for name, value in asked.items() if value})}"

    def its_provider(self) -> Provider:
        """Raises NotFoundError: it has none."""
        if self.provider is None:
            raise NotFoundError("this way in has no provider")
        return self.provider


def provider_way(name: str, label: str, provider: Provider) -> Way:
    """name: of the block in gateway.yaml."""
    return Way(name, label, label, "/auth/login", Kind.PROVIDER, provider)


def card_way() -> Way:
    return Way(CLASS_CARD, mark("a class card"), mark("Class card"), "/auth/classes/card", Kind.CARD)


def passkey_way() -> Way:
    return Way(PASSKEY, mark("a passkey"), mark("Passkey"), "/auth/passkey", Kind.PASSKEY)


def lti_way(label: str | None) -> Way:
    """It begins in a course. label: of the only platform; None: there are several."""
    return Way(LTI, label or mark("your course"), label or mark("A course"), None, Kind.LTI)
