from ipaddress import ip_network

from gateway.server import addresses
from gateway.server.addresses import Addresses, Seat

EDGE = (ip_network("10.0.0.0/8"),)
ADA, BOB = "203.0.113.9", "203.0.113.10"


def test_so_many_are_served_a_few_more_are_told_and_no_others() -> None:
    counted = Addresses(3, EDGE)
    seats = [counted.enter(ADA) for _ in range(3 + addresses.TOLD + 5)]
    assert seats[:3] == [Seat(ADA, crowded=False)] * 3
    assert seats[3:-5] == [Seat(ADA, crowded=True)] * addresses.TOLD
    assert seats[-5:] == [None] * 5
    assert counted.enter(BOB) == Seat(BOB, crowded=False)


def test_who_leaves_makes_room() -> None:
    counted = Addresses(1, EDGE)
    first = counted.enter(ADA)
    second = counted.enter(ADA)
    assert (first, second) == (Seat(ADA, crowded=False), Seat(ADA, crowded=True))
    assert first is not None
    counted.leave(first.whose)
    assert counted.enter(ADA) == Seat(ADA, crowded=True), "the one that was told is still there"
    for _ in range(2):
        counted.leave(ADA)
    assert counted.enter(ADA) == Seat(ADA, crowded=False)


def test_a_subscriber_of_ipv6_counts_as_one() -> None:
    counted = Addresses(2, EDGE)
    found = [counted.enter(f"2001:db8:0:{net}::{host}") for net, host in ((1, 1), (1, 2), (1, 3), (2, 1))]
    assert [seat is not None and seat.crowded for seat in found] == [False, False, True, False]


def test_an_edge_and_a_unix_socket_bring_as_many_as_they_like() -> None:
    counted = Addresses(1, EDGE)
    for peer in ("10.0.0.1", "", None) * 50:
        seat = counted.enter(peer)
        assert seat == Seat(None, crowded=False)
        counted.leave(None)
