"""What is found out of every request before anything of it may be refused: its id, its sender, its Origin."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Final, Protocol

from gateway.client_address import Clients, Network
from gateway.cors import Verdict
from gateway.origins import PolicyTable
from gateway.verdicts import Verdicts

_DAY: Final = 86400  # seconds
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
_IDS: Final = 64  # request ids that are made at once
_ID: Final = 12  # bytes


class Policies(Protocol):
    """Where the current generation of origins.yaml is."""

    @property
    def current(self) -> PolicyTable: ...


class Reception:
    """own_origin: the gateway's. clock: Unix seconds; token: random bytes."""

    def __init__(
        self,
        policies: Policies,
        own_origin: str,
        trusted_proxies: Sequence[Network],
        clock: Callable[[], float],
        token: Callable[[int], bytes],
    ) -> None:
        self.policies = policies
        self.client = Clients(trusted_proxies).of
        self._verdicts = Verdicts(own_origin)
        self._clock = clock
        self._token = token
        self._ids: list[str] = []
        self._midnight = 0.0
        self._today = date.min

    def verdict(self, lines: Sequence[str], table: PolicyTable) -> Verdict:
        """The one decision about a request's Origin. lines: of `Origin`."""
        now = self._clock()
        if not self._midnight <= now < self._midnight + _DAY:
            self._midnight = now // _DAY * _DAY
            self._today = datetime.fromtimestamp(now, UTC).date()
        return self._verdicts.of(lines, table, self._today)

    def request_id(self, said: str | None) -> str:
        """The client's own if it is one, else a new one. said: the first line of `X-Request-Id`."""
        if said and _REQUEST_ID.fullmatch(said):
            return said
        if not self._ids:
            text = self._token(_ID * _IDS).hex()
            self._ids = [text[at : at + 2 * _ID] for at in range(0, len(text), 2 * _ID)]
        return self._ids.pop()
