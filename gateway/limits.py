"""How often one may try, by person, session, login cookie, code and address (RFC 6749 section 10.10).

An address may be a whole school, so what is narrow is counted by what a single reader has. Only what exists
is counted: whoever makes ids up leaves nothing in Redis.
"""

from dataclasses import dataclass
from typing import Final

from gateway.origins import Limits, Rate

_A_SCHOOL: Final = Rate(3000, 60)
_A_PERSON: Final = Rate(30, 60)


@dataclass(frozen=True, slots=True)
class SignInLimits:
    """Sign-ins that begin at a provider, of one address (IPv6: a /64), and those that end, of one person."""

    per_address: Rate = _A_SCHOOL
    per_person: Rate = _A_PERSON


REQUESTS: Final = Limits(per_person=Rate(20, 1), per_origin=Rate(2000, 1))  # where an origin has none
CONNECTIONS: Final = 5000  # of one address

TRANSACTIONS: Final = 4  # of our pages, that one sign-in begins at most
TRANSACTION_USES: Final = Rate(60, 600)  # of one page's transaction: looks, tries, answers
CARD_TRIES: Final = Rate(10, 600)  # of the words of one class card, right ones too
CLASS_TRIES: Final = Rate(300, 600)  # of the cards of one class
LOGINS: Final = Rate(20, 600)  # begun at providers for one request of a book
UNKNOWN_TOKENS: Final = Rate(300, 60)  # personal tokens that are none, of one address at one worker
CODES: Final = Rate(30, 60)  # for one sign-in session and origin
SILENT_CODES: Final = Rate(5, 60)  # those of prompt=none: script in a book could ask without an end
CODE_REUSES: Final = Rate(5, 60)  # the first ends what the code was for; more is only work
EXCHANGES: Final = Rate(60, 60)  # of codes, for one sign-in session
REFRESHES: Final = Rate(120, 60)  # of one book session, which has one refresh token
EXPORTS: Final = Rate(10, 3600)  # of one person: each asks every backend for everything
CHANGES: Final = Rate(30, 3600)  # of one person's name, or of their answers to studies: each is kept
SCORES: Final = Rate(30, 60)  # reported of one person: each asks the course's platform
ROSTERS: Final = Rate(20, 600)  # of courses, asked of their platforms by one teacher
TICKETS: Final = Rate(120, 60)  # for WebSockets, of one book session
