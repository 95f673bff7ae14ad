"""What a request on an application's host may be: whose Origin, and whether the cookie counts."""

from gateway.cors import Standing, Verdict
from gateway.errors import InvalidGrantError, OriginRefusedError
from gateway.first_party import Said, counts
from gateway.grant_rules import verify_challenge
from gateway.origins import Policy
from gateway.records import Code


def judge(method: str, said: Said, own: str, policy: Policy) -> Verdict:
    """The verdict by which the request is decided: the application's own, or nobody's.

    Raises OriginRefusedError: no other origin has anything to ask here, whatever it may do at the public
    URL; a sibling host is one.
    """
    if said.origin and list(said.origin) != [own]:
        raise OriginRefusedError("another origin at an application's host")
    if counts(method, said, own):
        return Verdict(Standing.GRANTED, own, policy)
    return Verdict(Standing.NONE)


def check_code(code: Code, origin: str, redirect_uri: str, verifier: str) -> None:
    """Raises InvalidGrantError where a code is not this application's, or was not asked for by this browser.

    verifier: RFC 7636 section 4.1, which lies with the transaction and nowhere else.
    """
    if code.origin != origin or code.redirect_uri != redirect_uri:
        raise InvalidGrantError("the code belongs to another origin or return page")
    if not verify_challenge(verifier, code.challenge):
        raise InvalidGrantError("the verifier does not fit")
