"""What Bookgate signs for learning platforms (1EdTech Security Framework section 4.1, LTI Deep Linking)."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.client_keys import LIFE, ClientKeys


@dataclass(frozen=True, slots=True)
class ToolKey:
    """The keys of this site as a tool, RSA all of them: RS256 is what every platform takes.

    The first signs; all are published, so that platforms know the next one before it is used.
    """

    keys: ClientKeys

    def sign(self, claims: Mapping[str, object], now: float) -> str:
        """A JWT of the claims, good for a minute. now: Unix seconds."""
        began = int(now)
        return self.keys.signed({**claims, "iat": began, "exp": began + LIFE})

    def jwks(self) -> Mapping[str, object]:
        """The public halves (RFC 7517 section 5)."""
        return self.keys.jwks()
