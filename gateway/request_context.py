"""What the middlewares know about a request, under typed keys, for whoever serves it."""

import msgspec
from aiohttp import web

from gateway.cors import Surface, Verdict
from gateway.origins import PolicyTable


class Relayed(msgspec.Struct):
    """What the log says of a request that was forwarded. asked, first_byte: by the performance counter."""

    trace: str  # its traceparent
    asked: float
    first_byte: float | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    url: int | None = None  # index among the backend's


REQUEST_ID = web.RequestKey("request_id", str)
SURFACE = web.RequestKey("surface", Surface)  # what kind of address it is
VERDICT = web.RequestKey("verdict", Verdict)
POLICIES = web.RequestKey("policies", PolicyTable)
EMBED = web.RequestKey("embed", bool)  # the route says `embed: true`: any page may load the answer
CLIENT = web.RequestKey("client", str)  # the client's address, as trusted proxies tell it
ROUTE = web.RequestKey("route", str)  # for the log line: the backend or the endpoint that answered
PERSON = web.RequestKey("person", str)  # for the log line: a keyed hash
RELAYED = web.RequestKey("relayed", Relayed)  # for the log line, too
REASON = web.RequestKey("reason", str)  # for the log line: the refusal's code and what lies behind it
