from ipaddress import ip_network

import pytest

from gateway.client_address import (
    Addresses,
    Clients,
    client_address,
    counted,
    kept,
    network,
    truncated,
)

EDGE = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "lines", "client"),
    [
        pytest.param("203.0.113.9", [], "203.0.113.9", id="direct"),
        pytest.param("203.0.113.9", ["198.51.100.1"], "203.0.113.9", id="a client's own header is not read"),
        pytest.param("10.0.0.1", ["198.51.100.1"], "198.51.100.1", id="through the edge"),
        pytest.param("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1", id="what the client wrote stays"),
        pytest.param("10.0.0.1", ["6.6.6.6", "198.51.100.1, 10.0.0.2"], "198.51.100.1", id="two edges"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="the edge itself"),
        pytest.param("10.0.0.1", ["10.0.0.2"], "10.0.0.2", id="only edges"),
        pytest.param("10.0.0.1", ["198.51.100.1, garbage"], "10.0.0.1", id="garbage ends the chain"),
        pytest.param("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1", id="mapped"),
        pytest.param("fd00::1", ["2001:db8::7"], "2001:db8::7", id="IPv6"),
        pytest.param(None, ["198.51.100.1"], "198.51.100.1", id="Unix socket"),
        pytest.param(None, [], None, id="Unix socket, nobody named"),
        pytest.param("nonsense", ["198.51.100.1"], None, id="a peer that is no address"),
    ],
)
def test_client_address(peer: str | None, lines: list[str], client: str | None) -> None:
    assert client_address(peer, lines, EDGE) == client
    remembered = Clients(EDGE, most=1)
    for _ in range(2):
        assert [remembered.of(peer, lines) for _ in "ab"] == [client, client]
        assert remembered.of(peer, [*lines, " " * 200]) == client_address(peer, [*lines, " " * 200], EDGE)
        assert remembered.of("203.0.113.77", lines) == "203.0.113.77"


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        pytest.param("203.0.113.9", "203.0.113.9", id="IPv4"),
        pytest.param("2001:db8:0:1:2::7", "2001:db8:0:1::/64", id="IPv6"),
    ],
)
def test_whom_a_limit_counts(client: str, counted: str) -> None:
    assert network(client) == counted


@pytest.mark.parametrize(
    ("peer", "whose"),
    [
        pytest.param("203.0.113.9", "203.0.113.9", id="IPv4"),
        pytest.param("::ffff:203.0.113.9", "203.0.113.9", id="mapped"),
        pytest.param("2001:db8:0:1:2::7", "2001:db8:0:1::/64", id="IPv6"),
        pytest.param("fe80::1%eth0", "fe80::/64", id="IPv6 with a zone"),
        pytest.param("10.0.0.1", None, id="the edge"),
        pytest.param("::ffff:10.0.0.1", None, id="the edge, mapped"),
        pytest.param("fd00::1", None, id="the edge by IPv6"),
        pytest.param("", None, id="Unix socket"),
        pytest.param(None, None, id="a connection that is gone already"),
    ],
)
def test_whom_a_connection_counts_for(peer: str | None, whose: str | None) -> None:
    assert counted(peer, EDGE) == whose


@pytest.mark.parametrize(
    ("how", "said"),
    [
        pytest.param(Addresses.FULL, "203.0.113.9", id="full"),
        pytest.param(Addresses.TRUNCATED, "203.0.113.0/24", id="truncated"),
        pytest.param(Addresses.NONE, None, id="none"),
    ],
)
def test_a_log_keeps_as_much_as_the_site_says(how: Addresses, said: str | None) -> None:
    assert kept("203.0.113.9", how) == said


@pytest.mark.parametrize(
    ("client", "whole"),
    [
        pytest.param("203.0.113.9", "203.0.113.0/24", id="IPv4"),
        pytest.param("2001:db8:1:2:3::7", "2001:db8:1::/48", id="IPv6"),
    ],
)
def test_what_a_log_keeps_of_a_truncated_address(client: str, whole: str) -> None:
    assert truncated(client) == whole


def test_nobody_is_trusted_unless_named() -> None:
    assert client_address("10.0.0.1", ["198.51.100.1"], ()) == "10.0.0.1"
