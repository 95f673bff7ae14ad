"""A code becomes a session's beginning, once: a second use ends what the first one made."""

from gateway.errors import InvalidGrantError
from gateway.grants import FreshCode, Grants, ReusedCode
from gateway.limits import CODE_REUSES
from gateway.records import Code
from gateway.session_ids import Issued
from gateway.sessions import Sessions


async def redeem(sessions: Sessions, grants: Grants, code: str) -> tuple[Issued, Code]:
    """The code's meaning, once, and the id of the session it is for.

    Raises InvalidGrantError: it is none, or was used before; then the session that it made has ended too
    (RFC 6749 section 4.1.2).
    """
    slot = sessions.slot_of_code(code)
    if slot is None:
        raise InvalidGrantError("not a code of ours")
    minted = sessions.mint_book(slot)
    match await grants.redeem_code(code, minted.key):
        case FreshCode(record):
            return minted, record
        case ReusedCode(book_key):
            await grants.limit("code", code, CODE_REUSES)
            await sessions.end_book(book_key)
            raise InvalidGrantError("code used twice")
        case None:
            raise InvalidGrantError("unknown code")
