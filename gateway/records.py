"""What Redis holds, as values: sign-in sessions, book sessions and what is exchanged once.

Times are whole seconds since the epoch (Unix time). `parent` and `key` are the *hashed* keys
under which a record lies, never the id that a browser holds.
"""

from dataclasses import dataclass
from enum import StrEnum

import msgspec


class Mode(StrEnum):
    """How a book session proves itself: decided by what came back at confirm."""

    PENDING = "pending"
    COOKIE = "cookie"
    DPOP = "dpop"


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A person signed in to the gateway in one browser (first party).

    An array when it is sealed: without the names of its fields it is half as long.
    """

    person: str
    name: str | None
    provider: str  # id of the block in gateway.yaml
    auth_time: int
    epoch: int  # the person's epoch when it began; "everywhere" raises it
    own_device: bool
    began: int
    ends: int  # absolute limit
    claims: dict[str, str] = {}  # what the provider said, by our names: for backends with plain headers
    device: str | None = None  # "Firefox on Linux": by what a person knows it again in a list
    provider_session: str | None = None  # hash of the issuer and its `sid`
    roles: tuple[str, ...] = ()
    classes: dict[str, tuple[str, str]] = {}  # by class: student | teacher, and the class's book
    acr: str | None = None  # what the provider said of how (OpenID Connect Core section 2)
    studies: dict[str, str] = {}  # by study: the version of the text that was agreed to, or `no`
    proved: bool = (
        True  # at auth_time; else they came back then from a provider that may have known them still
    )

    @property
    def proved_at(self) -> int | None:
        """When they are known to have proved who they are, in Unix seconds."""
        return self.auth_time if self.proved else None


class Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A person in one book, bound to one origin: a child of a sign-in session, or a guest without one."""

    person: str
    name: str | None
    provider: str  # of a guest: `guest`
    auth_time: int  # of a guest: when the session began
    epoch: int
    origin: str  # serialised, compared byte for byte
    parent: str | None  # store key of the sign-in session; None: a guest's
    mode: Mode
    jkt: str | None  # RFC 9449: thumbprint of the book's key
    approved: bool  # the person consented; False: the origin was trusted
    own_device: bool
    began: int
    ends: int
    device: str | None = None

    @property
    def is_guest(self) -> bool:
        return self.parent is None


@dataclass(frozen=True, slots=True)
class LiveSignIn:
    """A sign-in session that was just found alive."""

    id: str | None  # what the browser holds; None where it was reached by its key
    key: str
    record: SignIn


@dataclass(frozen=True, slots=True)
class LiveBook:
    """A book session that was just found alive, with its parent, by one look at both and the epoch.

    parent: None of a guest's.
    """

    id: str | None
    key: str
    record: Book
    parent: SignIn | None

    @property
    def name(self) -> str | None:
        """What the person is called now: it may have changed since the book's session began."""
        return self.record.name if self.parent is None else self.parent.name

    @property
    def ended_by(self) -> tuple[str, ...]:
        """Whatever of these is told as ended ends this session: itself, its parent, the person's slot."""
        parent = () if self.record.parent is None else (self.record.parent,)
        return self.key, *parent, self.key.partition(".")[0]


@dataclass(frozen=True, slots=True)
class SignInSummary:
    """A living sign-in session in a list of a person's. Times are Unix seconds."""

    key: str
    device: str | None
    provider: str
    own_device: bool
    began: int
    seen: int
    ends: int


@dataclass(frozen=True, slots=True)
class BookSummary:
    """A living book session in such a list."""

    key: str
    parent: str | None  # key of the sign-in session; None: a guest's
    origin: str
    mode: Mode
    device: str | None
    provider: str
    own_device: bool
    began: int
    seen: int
    ends: int


class Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An authorization code's meaning (60 s, once)."""

    slot: str
    parent: str
    origin: str
    redirect_uri: str
    challenge: str
    jkt: str | None
    approved: bool
    clicked: bool  # made by a click on a page of ours
    keep: bool | None = None  # the answer about a guest's work; None: not asked


class Ticket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Step 5's ticket (30 s, once)."""

    book: str  # store key of the pending book session
    parent: str | None
    origin: str
    jkt: str | None
    clicked: bool
    guest: str | None = None  # store key of the guest's session that came with the exchange
    keep: bool | None = None  # as in the code


class WebSocketTicket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A WebSocket's ticket in token mode (30 s, once)."""

    slot: str
    book: str
    parent: str | None
    origin: str
    path: str


class Authorization(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A proved authorize request that waits for sign-in or consent (10 min)."""

    origin: str
    redirect_uri: str
    response_mode: str  # web_message | fragment
    state: str
    challenge: str
    jkt: str | None
    prompt: str | None
    parent: str | None = None  # the sign-in session that a question of ours is bound to
    not_you: bool = False  # the provider is to ask which account
    guest: bool = False  # a guest is at work in the book: what becomes of that is asked
    max_age: int | None = None  # seconds since the person proved who they are, at most
    acr_values: tuple[str, ...] = ()  # and how: one of these
    browser: str = ""  # hash of the secret in the transaction's cookie; so in all of these


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One provider transaction (10 min). Its id is the `state` that the provider returns."""

    provider: str
    nonce: str
    verifier: str
    authorization: str | None  # transaction to go on with afterwards; None: to the account page
    own_device: bool
    browser: str = ""
    back: str | None = None  # without an authorization: a page of ours to go on to
    again: str | None = None  # the person who is to prove once more that it is them
    link: str | None = None  # the person who wants this as another way in
    max_age: int | None = None  # as in the authorization
    acr_values: tuple[str, ...] = ()
    held: str | None = None  # hash of the id that the browser held; None: it is to get a session of its own


class KeptTokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """What a provider handed out at a sign-in: only what the site has a use for. It ends with the session."""

    issuer: str
    subject: str
    nonce: str  # of the first ID token
    access_token: str | None
    refresh_token: str | None
    id_token: str | None
    issued: int  # the access token
    expires: int
    failures: int = 0  # refreshes in a row that had no answer
    retry_at: int = 0  # not before


class LtiLogin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A launch that began (10 min, once). Its id is the `state` that the platform returns."""

    platform: str  # id of the block in gateway.yaml
    nonce: str
    target: str  # the page that was asked for
    browser: str = ""


class LtiPicking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A teacher's picking of a page that began (10 min, once). Its id is the `state`, as a login's."""

    platform: str
    nonce: str


class LtiPick(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A teacher who picks a page (10 min, once): whom the answer is for, as the platform asked for it."""

    platform: str
    deployment: str
    return_url: str
    data: str | None
    in_a_tab: bool


class Launched(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A course that somebody comes from. target: the page of the book. context, title: of the course.

    memberships, line_item: addresses of services that may be used.
    """

    target: str
    teaches: bool
    context: str | None
    title: str | None
    memberships: str | None = None
    line_item: str | None = None


class Continuation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finished provider transaction that waits for GET /auth/continue (10 min, once)."""

    provider: str
    issuer: str
    subject: str
    name: str | None
    claims: dict[str, str]
    auth_time: int
    authorization: str | None
    own_device: bool
    browser: str = ""
    provider_session: str | None = None  # hash of the issuer and its `sid`
    tokens: KeptTokens | None = None
    back: str | None = None  # as in the login
    again: str | None = None  # as in the login
    link: str | None = None  # as in the login
    acr: str | None = None  # how they proved who they are
    roles: tuple[str, ...] = ()  # as in the sign-in session
    proved: bool = True  # as in the sign-in session
    launch: Launched | None = None
    held: str | None = None  # as in the login


class Ceremony(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sign-in that waits for a passkey (10 min, once). Fields as in a login."""

    challenge: str
    authorization: str | None
    own_device: bool
    back: str | None
    browser: str = ""
    again: str | None = None


class Enrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person who makes a passkey, and where they were going (10 min, once)."""

    challenge: str
    parent: str
    authorization: str | None
    back: str | None
    browser: str = ""


class Leaving(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reader who signed out of a book and is on the way to the provider's own sign-out (60 s, once)."""

    provider: str
    id_token_hint: str | None = None


class CardSheet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Class cards that were just made, to be printed (10 min): nowhere else are their words."""

    parent: str
    class_id: str
    cards: tuple[tuple[int, str, tuple[str, ...]], ...]  # number, name, words
    browser: str = ""


class Entering(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reader of an application's page who is on the way to the sign-in page and back (10 min, once)."""

    host: str
    target: str  # path and query of that page
    verifier: str
    browser: str = ""


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A form of the account page (10 min, once)."""

    parent: str
    browser: str = ""
