"""Who the client is, as far as the proxies that we trust say it."""

from collections.abc import Sequence
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

_LONGEST: Final = 100  # characters of a chain that is remembered: who sends longer ones fills no memory


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """The rightmost address that no trusted proxy has; the peer's own where nobody is trusted.

    peer: the address of the connection; None: a Unix socket, whose other end is ours.
    forwarded_for: the lines of X-Forwarded-For. What stands left of the first address that is not ours was
    written by the client, and is never read.
    """
    hops = [hop.strip(" \t") for line in forwarded_for for hop in line.split(",")]
    client = None if peer is None else _parsed(peer)
    if peer is not None and (client is None or not _within(client, trusted)):
        return None if client is None else str(client)
    for hop in reversed(hops):
        found = _parsed(hop)
        if found is None:
            break
        client = found
        if not _within(found, trusted):
            break
    return None if client is None else str(client)


class Clients:
    """The same for a listener's proxies, remembered. most: addresses."""

    def __init__(self, trusted: Sequence[Network], most: int = 4096) -> None:
        self._trusted = trusted
        self._most = most
        self._found: dict[tuple[str | None, str], str | None] = {}
        self._peers: dict[str | None, str | None] = {}  # of whom nobody says more

    def of(self, peer: str | None, forwarded_for: Sequence[str]) -> str | None:
        """As `client_address` says."""
        if not forwarded_for:
            if peer not in self._peers:
                if len(self._peers) >= self._most:
                    self._peers.clear()
                self._peers[peer] = client_address(peer, (), self._trusted)
            return self._peers[peer]
        told = ",".join(forwarded_for)
        if len(told) > _LONGEST:
            return client_address(peer, forwarded_for, self._trusted)
        key = peer, told
        if key not in self._found:
            if len(self._found) >= self._most:
                self._found.clear()
            self._found[key] = client_address(peer, forwarded_for, self._trusted)
        return self._found[key]


def network(client: str) -> str:
    """Whom a limit by address counts: an IPv4 address, or the /64 that a subscriber has of IPv6."""
    address = ip_address(client)
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else client


def counted(peer: str | None, trusted: Sequence[Network]) -> str | None:
    """Whom a connection counts for, as `network` says; None: nobody, for a trusted proxy brings many clients.

    peer: as in `client_address`.
    """
    address = None if peer is None else _parsed(peer)
    return None if address is None or _within(address, trusted) else network(str(address))


class Addresses(StrEnum):
    """How much of an address a log keeps."""

    FULL = "full"
    TRUNCATED = "truncated"
    NONE = "none"


def kept(client: str, how: Addresses) -> str | None:
    """The address as the log may keep it."""
    return {Addresses.FULL: client, Addresses.TRUNCATED: truncated(client), Addresses.NONE: None}[how]


def truncated(client: str) -> str:
    """The address as a log may keep it: the /24 of an IPv4 address, the /48 of IPv6, and no single house."""
    address = ip_address(client)
    return str(ip_network((address, 48 if address.version == 6 else 24), strict=False))


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _within(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
