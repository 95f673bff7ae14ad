"""`host` of a backend: an application with pages, on a host of its own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from gateway.config.faults import Faults
from gateway.config.nodes import Block, matching
from gateway.grant_rules import is_loopback
from gateway.origins import parse_origin
from gateway.routes import Backend, Route, RouteTable

_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[1-9][0-9]{0,4})?", re.ASCII)
_own_host = matching(_HOST, "bad-host", "Write HOST or HOST:PORT in lower case, as browsers write it.")


class Hosts:
    """The hosts that were claimed so far. public_url: the gateway's, whose host is no application's."""

    def __init__(self, public_url: str, faults: Faults) -> None:
        self._scheme, _, self._public = public_url.partition("://")
        self._faults = faults
        self._lines: dict[str, int] = {}

    def placed(self, backend: Backend, keys: Block) -> Backend:
        """The backend with its host, and whether its pages may be pages."""
        host = None
        if "host" in keys:  # one that is refused is told once, and its routes are nobody else's
            named = keys.find("host", _own_host)
            host = (named and self._claimed(named, keys)) or f"line {keys.line_of('host')}"
        if backend.html and "host" not in keys:
            message = "At the public URL a page of a backend could act as the gateway's own."
            remedy = "Give the backend a `host` of its own, or remove `html: allow`."
            self._faults.add(keys.line_of("response"), "html-without-host", message, remedy)
        if host is not None and backend.guests:
            message = "A guest is of a book: at an application's host there is none."
            self._faults.add(keys.line_of("guests"), "guests-without-book", message, "Remove `guests`.")
        return replace(backend, own_host=host)

    def _claimed(self, host: str, keys: Block) -> str | None:
        line, faults = keys.line_of("host"), self._faults
        origin = parse_origin(f"{self._scheme}://{host}")
        if origin is None:
            message = f"`{host}` is not how browsers write that host."
            faults.add(line, "bad-host", message, "Leave the default port away.")
        elif self._scheme == "http" and not is_loopback(origin.host):
            message = f"`{host}` would send cookies in the clear: public_url is http."
            faults.add(line, "insecure-host", message, "Write NAME.localhost, or make public_url https.")
        elif host == self._public:
            message = f"`{host}` is public_url's own, where sign-in pages are."
            faults.add(line, "own-host", message, "Give the application another name.")
        elif host in self._lines:
            message = f"`{host}` stands here and on line {self._lines[host]}."
            faults.add(line, "duplicate-host", message, "A host is one backend's: change one.")
        else:
            self._lines[host] = line
            return host
        return None


def tables(routes: Sequence[tuple[str | None, Route]], backends: Mapping[str, Backend]) -> RouteTable:
    """The routes of the public URL, and of each host its own.

    routes: each with its host; None: the public URL.
    """
    known = MappingProxyType(dict(backends))

    def of(host: str | None) -> tuple[Route, ...]:
        return tuple(sorted((route for at, route in routes if at == host), key=lambda one: -len(one.path)))

    hosts = sorted({host for host, _ in routes if host is not None})
    return RouteTable(
        of(None), known, MappingProxyType({host: RouteTable(of(host), known) for host in hosts})
    )
