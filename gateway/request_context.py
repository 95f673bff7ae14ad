"""What is known of a request, for whoever serves it and for its log line."""

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


class Asked(msgspec.Struct, eq=False):
    """verdict: on its Origin, by `policies`. surface: what kind of address it is for.

    client: its address, as trusted proxies tell it. embed: the route says so: any page may load the answer.
    """

    id: str
    policies: PolicyTable
    verdict: Verdict
    surface: Surface
    client: str | None
    embed: bool = False
    is_preflight: bool = False
    # for the log line alone
    route: str | None = None  # the backend that answered; None: the gateway
    person: str | None = None  # a keyed hash
    reason: str | None = None  # the refusal's code and what lies behind it
    relayed: Relayed | None = None


ASKED = web.RequestKey("asked", Asked)
