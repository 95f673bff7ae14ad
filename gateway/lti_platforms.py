"""Learning platforms that launch books (LTI 1.3): what a block of gateway.yaml says of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class ServiceAccess:
    """A platform's services. audience: of what is sent to its token endpoint. scores: books may report them.

    language: of what its gradebook is told (BCP 47).
    """

    token_endpoint: str
    audience: str
    scores: bool = False
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Platform:
    """One `lti:` block. frames: the origins (as CSP writes them) whose pages may show our one framed page.

    page: of a book, for launches that name none. books: which it may open, and say who teaches them; None:
    all that take people from courses. services: what it is asked for.
    """

    id: str
    label: str
    issuer: str
    client_id: str
    deployments: frozenset[str]
    authorization_endpoint: str
    jwks_uri: str
    frames: tuple[str, ...]
    page: str | None = None
    books: frozenset[str] | None = None
    services: ServiceAccess | None = None

    def opens(self, book: str) -> bool:
        return self.books is None or book in self.books

    def target(self, said: str, public_url: str) -> str | None:
        """The page of a launch; None: it names none, and neither does the block.

        said: by the platform. Many say our own address where nobody named another in the link.
        """
        ours = said == public_url or said.startswith(f"{public_url}/")
        return self.page if ours else said


@dataclass(frozen=True, slots=True)
class Preset:
    """What platforms of a make have in common. Paths are below the issuer; whole addresses stand for all.

    issuer: None: ops say it, for each school has its own. services: where tokens for them are had.
    """

    issuer: str | None
    authorization: str
    jwks: str
    frames: tuple[str, ...] = ()
    services: str = ""


# From canvas.instructure.com/doc/api/file.lti_dev_key_config.html and docs.moodle.org, "LTI and Moodle"
PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "canvas": Preset(
            "https://canvas.instructure.com",
            "https://sso.canvaslms.com/api/lti/authorize_redirect",
            "https://sso.canvaslms.com/api/lti/security/jwks",
            ("https://*.instructure.com",),
            "https://sso.canvaslms.com/login/oauth2/token",
        ),
        "moodle": Preset(None, "/mod/lti/auth.php", "/mod/lti/certs.php", services="/mod/lti/token.php"),
    }
)
