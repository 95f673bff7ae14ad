"""What a provider's token endpoint answered (RFC 6749 section 5): tokens that may be kept, or a refusal."""

import re
from typing import Final

from gateway.errors import ProviderRefusedError, ProviderUnavailableError
from gateway.providers.contract import TokenSet
from gateway.providers.transport import Answer

LONGEST: Final = 16 * 1024  # characters of an access or refresh token
UNSAID_LIFE: Final = 3600  # seconds; `expires_in` is only recommended (RFC 6749 section 5.1)
_LONGEST_LIFE: Final = 10 * 365 * 86400

# Without blanks (RFC 6750 section 2.1): it travels in a header.
_BEARER: Final = re.compile(rf"[!-~]{{1,{LONGEST}}}", re.ASCII)
_REFRESH: Final = re.compile(rf"[ -~]{{1,{LONGEST}}}", re.ASCII)  # RFC 6749 appendix A.17

# RFC 6749 sections 4.1.2.1 and 5.2: the provider's trouble or our registration, not the person's fault.
_TROUBLE: Final = frozenset({
    "server_error", "temporarily_unavailable", "invalid_client", "unauthorized_client",
    "unsupported_grant_type",
    # docs.github.com, "Troubleshooting OAuth app access token request errors"
    "incorrect_client_credentials", "redirect_uri_mismatch",
})  # fmt: skip
_OVER: Final = frozenset({"invalid_grant", "bad_refresh_token"})


def signed_in(answer: Answer, asked: int) -> tuple[str, TokenSet]:
    """The ID token of a code's exchange, and all tokens.

    asked: when the question went out, Unix seconds; a token's life is counted from there.
    """
    if answer.status != 200:
        raise refusal(f"token endpoint: {answer.status}", answer.body.get("error"))
    tokens = _tokens(answer, asked)
    if tokens.id_token is None:
        raise ProviderUnavailableError("token endpoint: no ID token")
    return tokens.id_token, tokens


def handed_out(answer: Answer, asked: int) -> tuple[TokenSet, str]:
    """All tokens of a code's exchange without an ID token, and the access token.

    An error may come with status 200. asked: as above.
    """
    if answer.status != 200 or "error" in answer.body:
        raise refusal(f"token endpoint: {answer.status}", answer.body.get("error"))
    tokens = _tokens(answer, asked)
    if tokens.access_token is None:
        raise ProviderUnavailableError("token endpoint: no access token")
    return tokens, tokens.access_token


def refreshed(answer: Answer, asked: int) -> TokenSet:
    """The tokens of a refresh (RFC 6749 section 6).

    Raises ProviderRefusedError only where the provider says that the grant is over (`invalid_grant`): every
    other error is its trouble or our registration, and no reason to end anybody's session.
    """
    error = answer.body.get("error")
    if answer.status != 200 or error is not None:
        said = f"refresh: {answer.status} {error!r:.100}"
        # RFC 6749 section 5.2: 400; some say 200. Behind a 5xx a word of the body proves nothing.
        told = answer.status == 200 or 400 <= answer.status < 500
        if told and isinstance(error, str) and error in _OVER:
            raise ProviderRefusedError(said)
        raise ProviderUnavailableError(said)
    tokens = _tokens(answer, asked)
    if not isinstance(answer.body.get("access_token"), str):
        raise ProviderUnavailableError("refresh: no access token")
    return tokens


def refusal(place: str, error: object) -> ProviderRefusedError | ProviderUnavailableError:
    """An error of the provider's in a sign-in: the person's, or nobody's here."""
    said = f"{place}: {error!r:.100}"
    if not isinstance(error, str) or error in _TROUBLE:
        return ProviderUnavailableError(said)
    return ProviderRefusedError(said)


def _tokens(answer: Answer, asked: int) -> TokenSet:
    body = answer.body
    bearer = str(body.get("token_type")).lower() == "bearer"  # RFC 6749 section 7.1: no other is understood
    id_token = body.get("id_token")
    return TokenSet(
        access_token=_fitting(_BEARER, body.get("access_token")) if bearer else None,
        refresh_token=_fitting(_REFRESH, body.get("refresh_token")),
        id_token=id_token if isinstance(id_token, str) else None,
        issued=asked,
        expires=asked + _life(body.get("expires_in")),
    )


def _fitting(form: re.Pattern[str], token: object) -> str | None:
    return token if isinstance(token, str) and form.fullmatch(token) else None


def _life(said: object) -> int:
    """Seconds. Some providers write the number as text."""
    if isinstance(said, str) and said.isascii() and said.isdigit() and len(said) < 20:
        said = int(said)
    if isinstance(said, bool) or not isinstance(said, int | float) or not 1 <= said <= _LONGEST_LIFE:
        return UNSAID_LIFE
    return int(said)
