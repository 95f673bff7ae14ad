"""What was decided of a request, remembered for those that say the same of all that is decided by.

`decide` is the one rule, and a plan is what it said of the first of its kind. Refusals are not remembered,
nor is anything of a session, a path or a length: those are asked of each request.
"""

from dataclasses import dataclass
from sys import intern
from typing import Final

from gateway.access import cookie_values
from gateway.cookies import book_name
from gateway.cors import Verdict
from gateway.known import Known
from gateway.origins import Policy, PolicyTable
from gateway.proxy.decide import INTERNAL, Forward, Matched, NeedSession, Site, host_for
from gateway.proxy.fields import UNLIKE
from gateway.proxy.head import Head, passing
from gateway.proxy.request_bytes import framing_line
from gateway.routes import Backend, Route
from gateway.surfaces import OURS

MOST: Final = 1024  # kinds of requests; one more, and all are forgotten
_DAY: Final = 86400  # seconds

Key = tuple[str, str, tuple[str | None, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A kind of requests that an origin may make of a route.

    cookie: how the line begins that names a session. identity: what the line that tells who asks is for.
    names: of the lines that pass. told: our lines that are the same for all of them. base, cut: what the
    backend's path begins with, in place of so many characters.
    """

    verdict: Verdict
    route: Route
    backend: Backend
    policy: Policy
    origin: str
    book: str | None
    needs_session: bool
    cookie: str
    identity: tuple[str, str | None, str]
    names: frozenset[str]
    host: str | None  # None: of the URL that is asked
    told: str
    said_origin: str
    base: str
    cut: int

    def matched(self, head: Head) -> Matched:
        return Matched(head, self.route, self.backend, self.policy, self.origin, self.book)

    def cookie_value(self, head: Head) -> str | None:
        """The one value that may name the session; None: there is none, or another one beside it."""
        lines, begins = head.lines("cookie"), self.cookie
        if len(lines) == 1 and lines[0].startswith(begins) and ";" not in lines[0]:
            return lines[0][len(begins) :]  # nearly always
        values = cookie_values(self.origin, lines)
        return values[0] if len(values) == 1 else None

    def fits(self, known: Known, now: float) -> bool:
        """Whether the session serves what this is for and nothing more is to be asked. now: Unix seconds."""
        return (
            known.admitted is self.policy
            and not known.is_guest
            and known.origin == self.origin
            and now < known.ends
        )

    def request_head(
        self, head: Head, authority: str, client: str | None, request_id: str, trace: str, identity: str
    ) -> bytes:
        """What `decide.request_head` says of such a request. authority: of the URL that is asked.

        identity: whole lines. Nothing in them, and nothing of ours, can break a line.
        """
        query, names = head.query, self.names
        mark, asked = ("", "") if query is None else ("?", query)
        begins = (
            f"{head.method} {self.base}{head.path[self.cut :]}{mark}{asked} HTTP/1.1\r\n"
            f"Host: {self.host or authority}\r\n"
        )
        for_whom = "" if client is None else f"X-Forwarded-For: {client}\r\n"
        length = head.length or None  # a body of no bytes is none
        end = "\r\n"
        if length is not None or head.method != "GET":
            framing = framing_line(head.method, length, chunked=False)
            end = f"{framing}\r\n\r\n" if framing else end
        ours = (
            f"{for_whom}{self.told}X-Request-Id: {request_id}\r\ntraceparent: {trace}\r\n"
            f"{self.said_origin}{identity}{end}"
        )
        kept = [out for name, out in head.outs or () if name in names]
        return b"".join((begins.encode(), *kept, ours.encode()))


class Plans:
    """Of one worker, for the policy and the day of now."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._found: dict[Key, Plan] = {}
        self._identities: dict[tuple[str, str | None, str], tuple[str, str | None, str]] = {}
        self._table: PolicyTable | None = None
        self._from = self._until = 0.0

    def find(self, head: Head, table: PolicyTable, now: float) -> Plan | None:
        """What was decided of such a request; None: it is to be decided. now: Unix seconds."""
        if table is not self._table or not self._from <= now < self._until:
            self._forget()
            self._table, self._from = table, now // _DAY * _DAY
            self._until = self._from + _DAY
        path = head.path
        if "%" in path or INTERNAL in path.lower() or path.startswith(OURS):
            return None
        route = self._site.routes.find(path)
        return None if route is None else self._found.get((head.method, route.path, head.marks))

    def keep(self, step: Forward | NeedSession, verdict: Verdict, table: PolicyTable) -> None:
        """Remembers what was just decided, where it can be told of others by what they say."""
        matched = step.matched
        head, origin, policy, backend = matched.head, matched.origin, matched.policy, matched.backend
        if policy is None or origin is None or UNLIKE in head.marks or not head.marks:
            return
        if backend.request_cookies or backend.provider_token is not None or matched.route.asks_more:
            return  # what is asked of a person, too, is asked each time
        if len(self._found) >= MOST:
            self._forget()
        also = policy.request_headers
        self._found[head.method, matched.route.path, head.marks] = Plan(
            verdict=verdict,
            route=matched.route,
            backend=backend,
            policy=policy,
            origin=intern(origin),
            book=matched.book,
            needs_session=isinstance(step, NeedSession),
            cookie=f"{book_name(origin)}=",
            identity=self._same((backend.name, matched.book, table.generation)),
            names=passing(head, also, self._site.reserved),
            host=host_for(matched, self._site, None),
            told="".join([f"{name}: {value}\r\n" for name, value in self._site.forwarded]),
            said_origin=f"Origin: {origin}\r\n" if backend.origin == "send" else "",
            base=backend.base,
            cut=len(matched.route.path) if matched.route.strip else 1,
        )

    def _same(self, key: tuple[str, str | None, str]) -> tuple[str, str | None, str]:
        """One object for all plans: told apart from others without a look into it."""
        return self._identities.setdefault(key, key)

    def _forget(self) -> None:
        self._found.clear()
        self._identities.clear()
