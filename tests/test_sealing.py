import os

import msgspec
import pytest

from gateway.sealing import Sealer, derive, encoded, hashed, key_id

ROOT = b"r" * 32
OLD = b"o" * 32
OTHER = b"t" * 32


class Thing(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class Other(msgspec.Struct, forbid_unknown_fields=True):
    title: int


def sealer(root: bytes = ROOT, *previous: bytes) -> Sealer:
    return Sealer(root, previous, os.urandom)


def test_what_is_sealed_opens_again() -> None:
    one = sealer()
    sealed = one.seal("book", "k", b"plain")
    assert one.open("book", "k", sealed) == sealer().open("book", "k", sealed) == b"plain"


def test_sealed_values_hide_what_they_hold_and_differ() -> None:
    first, second = (sealer().seal("book", "k", b"ada@example.org") for _ in range(2))
    assert first != second
    assert b"ada" not in first


@pytest.mark.parametrize(
    ("purpose", "key"),
    [pytest.param("code", "k", id="another purpose"), pytest.param("book", "l", id="another key")],
)
def test_a_value_moved_elsewhere_does_not_open(purpose: str, key: str) -> None:
    assert sealer().open(purpose, key, sealer().seal("book", "k", b"plain")) is None


def test_purpose_and_key_do_not_run_together() -> None:
    assert sealer().open("boo", "k\x00k", sealer().seal("boo\x00k", "k", b"plain")) is None


def test_every_byte_counts() -> None:
    sealed = sealer().seal("book", "k", b"plain")
    for place in range(len(sealed)):
        wrong = bytearray(sealed)
        wrong[place] ^= 1
        assert sealer().open("book", "k", bytes(wrong)) is None
    for length in range(len(sealed)):
        assert sealer().open("book", "k", sealed[:length]) is None


def test_a_previous_root_still_opens_and_a_gone_one_does_not() -> None:
    sealed = sealer(OLD).seal("book", "k", b"plain")
    assert sealer(ROOT, OLD).open("book", "k", sealed) == b"plain"
    assert sealer(ROOT).open("book", "k", sealed) is None
    assert sealer(OLD).open("book", "k", sealer(ROOT, OLD).seal("book", "k", b"plain")) is None


def test_a_ring_is_swapped_in_place() -> None:
    one, told = sealer(OLD), list[str]()
    one.on_replace.append(lambda: told.append("swapped"))
    before = one.seal("book", "k", b"plain")
    one.replace(ROOT, [OLD])
    assert told == ["swapped"]
    after = one.seal("book", "k", b"plain")
    assert (one.open("book", "k", before), one.open("book", "k", after)) == (b"plain", b"plain")
    assert (one.is_current(before), one.is_current(after)) == (False, True)
    assert list(one.key_ids) == [key_id(ROOT), key_id(OLD)]
    one.replace(ROOT, [ROOT])
    assert list(one.key_ids) == [key_id(ROOT)]
    assert one.open("book", "k", before) is None
    with pytest.raises(ValueError, match="32 bytes"):
        one.replace(b"short", [])
    assert one.open("book", "k", after) == b"plain"


def test_a_missing_key_is_asked_for_and_what_it_sealed_opens_when_it_came() -> None:
    sealed, one, asked = sealer(OLD).seal("book", "k", b"plain"), sealer(), list[str]()

    def bring(kid: str) -> bool:
        asked.append(kid)
        if len(asked) > 1:
            one.replace(ROOT, [OLD])
        return len(asked) != 3

    one.on_missing = bring
    assert one.open("book", "k", sealed[:-1]) is None
    assert one.open("book", "k", sealed) == b"plain"
    assert one.open("book", "k", sealed) == b"plain"
    one.open("book", "k", sealer(OTHER).seal("book", "k", b"plain"))
    one.on_missing = lambda _: True
    assert one.open("book", "k", sealer(OTHER).seal("book", "k", b"plain")) is None
    assert asked == [key_id(OLD), key_id(OLD), key_id(OTHER)]


def test_keys_for_a_purpose_are_one_for_each_root_todays_first() -> None:
    both = sealer(ROOT, OLD)
    assert both.derived("nonce") == both.derived("nonce") == (derive(ROOT, "nonce"), derive(OLD, "nonce"))
    one = sealer(OLD)
    one.derived("nonce")
    one.replace(ROOT, [])
    assert one.derived("nonce") == (derive(ROOT, "nonce"),)


def test_records_keep_their_form_or_are_none() -> None:
    sealed = sealer().seal_record("thing", "k", Thing("x"))
    assert sealer().open_record("thing", "k", sealed, Thing) == Thing("x")
    assert sealer().open_record("thing", "k", sealed, Other) is None
    assert sealer().open_record("thing", "l", sealed, Thing) is None


def test_a_short_root_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        sealer(ROOT, b"short")


def test_slots_are_one_for_each_root_todays_first() -> None:
    slots = sealer(ROOT, OLD).slots("ada")
    assert slots == (*sealer(ROOT).slots("ada"), *sealer(OLD).slots("ada"))
    assert len({*slots, *sealer().slots("ben")}) == 3
    assert all(len(slot) == 16 for slot in slots)


def test_derived_keys_differ_by_purpose_and_root() -> None:
    assert len({derive(ROOT, "a"), derive(ROOT, "b"), derive(OLD, "a")}) == 3
    assert len(derive(ROOT, "a", 5)) == 5


def test_hashed_is_sha256_in_base64url() -> None:
    assert hashed("abc") == "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"
    assert encoded(b"\xfb\xff") == "-_8"


def test_a_name_for_logs_is_the_roots_and_no_slot() -> None:
    named = sealer(ROOT, OLD).name_for_logs("ada")
    assert named == sealer(ROOT).name_for_logs("ada")
    assert len({named, sealer(OLD).name_for_logs("ada"), sealer(ROOT).name_for_logs("ben")}) == 3
    assert len(named) == 16
    assert named not in sealer(ROOT).slots("ada")


def test_a_slot_is_a_persons_while_its_root_is_in_the_ring() -> None:
    (old,), new = sealer(OLD).slots("ada"), sealer(ROOT)
    assert sealer(ROOT, OLD).has_slot("ada", old)
    assert new.has_slot("ada", new.slots("ada")[0])
    assert not new.has_slot("ada", old)
    assert not new.has_slot("ben", new.slots("ada")[0])
