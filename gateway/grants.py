"""What is exchanged once or for a short time: codes, tickets, transactions, tokens, proof ids, counts."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from gateway.errors import InvalidGrantError, TooManyRequestsError
from gateway.origins import Rate
from gateway.records import Code, LiveBook, Ticket, WebSocketTicket
from gateway.sealing import Sealer, Token, encoded, hashed
from gateway.session_ids import Bearer, Issued, slot_of, store_key
from gateway.session_limits import CODE_MARK
from gateway.store import VALUE, Spent, Store

Clock = Callable[[], float]
PutNew = Callable[[str, int], Awaitable[bool]]
T = TypeVar("T", bound=msgspec.Struct)
Once = TypeVar("Once", Ticket, WebSocketTicket)

CODE_LIFE: Final = 60
TICKET_LIFE: Final = 30
TRANSACTION_LIFE: Final = 600
LOGOUT_TOKEN_LIFE: Final = 660  # a logout token is taken for 630 s at most (providers/logout_token.py)
PROOF_LIFE: Final = 130  # a proof is taken for 120 s at most (60 s to each side), a nonce as long


@dataclass(frozen=True, slots=True)
class FreshCode:
    code: Code


@dataclass(frozen=True, slots=True)
class ReusedCode:
    """RFC 6749 section 4.1.2: whatever the first use made should end."""

    book_key: str


@dataclass(frozen=True, slots=True)
class Tokens:
    access: str
    refresh: str
    expires_in: int


class Grants:
    """put_new: as the store's; asked for each request that a proof of a key comes with."""

    def __init__(
        self, store: Store, sealer: Sealer, clock: Clock, token: Token, access_life: int, put_new: PutNew
    ) -> None:
        self._store = store
        self._put_new = put_new
        self._sealer = sealer
        self._clock = clock
        self._token = token
        self._access_life = access_life

    # -- codes

    async def issue_code(self, code: Code) -> str:
        issued = Issued.mint(code.slot, self._token)
        sealed = self._sealer.seal_record("code", issued.key, code)
        await self._store.create(store_key("c", issued.key), {VALUE: sealed}, CODE_LIFE)
        return issued.id

    async def redeem_code(self, code: str, book_key: str) -> FreshCode | ReusedCode | None:
        """Takes a code once. book_key: the session about to be made of it, for whoever comes second."""
        issued = Issued.parse(code)
        if issued is None:
            return None
        spent = await self._store.spend(store_key("c", issued.key), book_key, CODE_MARK)
        if spent is None:
            return None
        if isinstance(spent, Spent):
            return ReusedCode(spent.mark)
        record = self._sealer.open_record("code", issued.key, spent.value, Code)
        return None if record is None else FreshCode(record)

    # -- tickets

    async def issue_ticket(self, ticket: Ticket) -> str:
        return await self._issue_once(slot_of(ticket.book), ticket)

    async def redeem_ticket(self, ticket: str) -> Ticket | None:
        return await self._redeem_once(ticket, Ticket)

    async def issue_websocket_ticket(self, ticket: WebSocketTicket) -> str:
        return await self._issue_once(ticket.slot, ticket)

    async def redeem_websocket_ticket(self, ticket: str) -> WebSocketTicket | None:
        return await self._redeem_once(ticket, WebSocketTicket)

    async def _issue_once(self, slot: str, record: Ticket | WebSocketTicket) -> str:
        issued = Issued.mint(slot, self._token)
        kind = _kind(type(record))
        sealed = self._sealer.seal_record(kind, issued.key, record)
        await self._store.put(store_key(kind, issued.key), sealed, TICKET_LIFE)
        return issued.id

    async def _redeem_once(self, text: str, kind: type[Once]) -> Once | None:
        issued = Issued.parse(text)
        if issued is None:
            return None
        sealed = await self._store.take(store_key(_kind(kind), issued.key))
        return None if sealed is None else self._sealer.open_record(_kind(kind), issued.key, sealed, kind)

    # -- transactions: what waits for a person or a provider, by an id that only one browser has

    async def begin(self, record: msgspec.Struct, life: int = TRANSACTION_LIFE) -> str:
        transaction = encoded(self._token(32))
        kind, key = _kind(type(record)), hashed(transaction)
        await self._store.put(f"{kind}:{key}", self._sealer.seal_record(kind, key, record), life)
        return transaction

    async def peek(self, kind: type[T], transaction: str) -> T | None:
        key = hashed(transaction)
        return self._opened(kind, key, await self._store.get(f"{_kind(kind)}:{key}"))

    async def take(self, kind: type[T], transaction: str) -> T | None:
        """Once: the second taker gets nothing."""
        key = hashed(transaction)
        return self._opened(kind, key, await self._store.take(f"{_kind(kind)}:{key}"))

    def _opened(self, kind: type[T], key: str, sealed: bytes | None) -> T | None:
        return None if sealed is None else self._sealer.open_record(_kind(kind), key, sealed, kind)

    # -- tokens

    async def issue_tokens(self, live: LiveBook, refresh: str | None = None) -> Tokens:
        """An access token, and a refresh token as long-lived as the session unless one is there already."""
        now = int(self._clock())
        access = Bearer.mint(live.key, live.record.parent, self._token)
        fields = {f"a:{access.field}": now + self._access_life}
        lasting = None if refresh is None else Bearer.parse(refresh)
        if lasting is None:
            lasting = Bearer.mint(live.key, live.record.parent, self._token)
        fields[f"r:{lasting.field}"] = live.record.ends  # which a tick may have moved since it was issued
        if not await self._store.add_tokens(store_key("b", live.key), fields, now):
            raise InvalidGrantError("the book session ended meanwhile")
        return Tokens(access.id, lasting.id, self._access_life)

    @staticmethod
    def access_book(token: str) -> tuple[str, str | None, str] | None:
        """Where an access token's session is: key, parent key, and the field that must be there.

        `Sessions.load_book_key` takes all three: one round trip.
        """
        bearer = Bearer.parse(token)
        return None if bearer is None else (bearer.key, bearer.parent_key, f"a:{bearer.field}")

    @staticmethod
    def refresh_book(token: str) -> tuple[str, str | None, str] | None:
        """The same of a refresh token. Whose key it is bound to (`Book.jkt`) is for the caller to compare."""
        bearer = Bearer.parse(token)
        return None if bearer is None else (bearer.key, bearer.parent_key, f"r:{bearer.field}")

    # -- what providers say that they ended

    async def remember_logout_token(self, issuer: str, token: str) -> None:
        await self._store.put_new(f"y:{hashed(f'{issuer} {token}')}", LOGOUT_TOKEN_LIFE)

    async def knows_logout_token(self, issuer: str, token: str) -> bool:
        """Whether a logout token with this `jti` was done before."""
        return await self._store.get(f"y:{hashed(f'{issuer} {token}')}") is not None

    # -- once and so often

    async def proof_is_new(self, jkt: str, jti: str) -> bool:
        return await self._put_new(f"j:{hashed(f'{jkt} {jti}')}", PROOF_LIFE)

    async def count(self, purpose: str, subject: str, limit: int, window: int) -> bool:
        """One more; False: more than `limit` since the first within `window` seconds."""
        return await self._store.count(f"n:{purpose}:{hashed(subject)}", window) <= limit

    async def limit(self, purpose: str, subject: str, rate: Rate) -> None:
        """One more of these for this subject. TooManyRequestsError: more than the rate allows."""
        if not await self.count(purpose, subject, rate.amount, rate.window):
            raise TooManyRequestsError(purpose, retry_after=rate.window)


def _kind(record: type[msgspec.Struct]) -> str:
    """The purpose a record is sealed for, and the beginning of its key."""
    return record.__name__.lower()
