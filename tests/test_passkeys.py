"""What devices say of passkeys, and what of it is believed."""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from secrets import token_bytes

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.errors import PasskeyRefusedError
from gateway.passkeys import Registered, RelyingParty, handle_of, read_signed
from tests.authenticator import PRESENT, Authenticator, decoded, encoded

ORIGIN = "https://gw.example.edu"
PARTY = RelyingParty.of(ORIGIN, "University Books", token_bytes)
CHALLENGE = PARTY.challenge()

Lie = Callable[[Authenticator], Authenticator]


def device() -> Authenticator:
    return Authenticator(ORIGIN, "gw.example.edu")


def register(made_by: Authenticator) -> Registered:
    return PARTY.registered(made_by.create(PARTY.creation("ada", "Ada", CHALLENGE, [])), CHALLENGE)


def sign(made_by: Authenticator, known: Registered, counter: int = 0, challenge: str = CHALLENGE) -> int:
    signed = read_signed(made_by.get(PARTY.request(challenge)))
    return PARTY.signed(signed, CHALLENGE, known.public_key, counter)


def test_we_are_our_host_and_our_url() -> None:
    assert (PARTY.id, PARTY.origin) == ("gw.example.edu", ORIGIN)
    assert RelyingParty.of("http://localhost:8080", "x", token_bytes).id == "localhost"


def test_what_a_device_is_asked_to_make() -> None:
    asked = PARTY.creation("ada", "Ada", CHALLENGE, ["AAAA"])
    assert asked["challenge"] == CHALLENGE
    assert asked["user"] == {"id": handle_of("ada"), "name": "Ada", "displayName": "Ada"}
    assert asked["excludeCredentials"] == [{"id": "AAAA", "type": "public-key"}]
    assert asked["attestation"] == "none"  # nobody's device is told from another's
    assert asked["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }


def test_what_a_device_is_asked_to_sign() -> None:
    asked = PARTY.request(CHALLENGE)
    assert (asked["challenge"], asked["rpId"], asked["userVerification"]) == (
        CHALLENGE,
        "gw.example.edu",
        "required",
    )
    assert asked["allowCredentials"] == []  # so it tells nobody who has which


def test_no_two_challenges_are_one() -> None:
    assert len({PARTY.challenge() for _ in range(100)}) == 100
    assert len(decoded(CHALLENGE)) == 32


def test_a_key_is_made_and_signs() -> None:
    phone = device()
    known = register(phone)
    assert (known.id, known.counter, known.transports) == (encoded(phone.credential), 0, ("internal",))
    assert sign(phone, known) == 0
    phone.counter = 7
    assert sign(phone, known, 6) == 7
    signed = read_signed(phone.get(PARTY.request(CHALLENGE)))
    assert (signed.id, signed.handle, signed.here) == (known.id, handle_of("ada"), True)
    assert not read_signed(replace(phone, attachment="cross-platform").get(PARTY.request(CHALLENGE))).here


LIES: list[object] = [
    pytest.param(lambda one: replace(one, origin="https://gw.example.edu.evil.net"), id="another site"),
    pytest.param(lambda one: replace(one, origin="http://gw.example.edu"), id="without TLS"),
    pytest.param(lambda one: replace(one, rp_id="evil.net"), id="another party's key"),
    pytest.param(lambda one: replace(one, flags=PRESENT), id="nobody unlocked it"),
    pytest.param(lambda one: replace(one, flags=0), id="nobody was there"),
    pytest.param(lambda one: replace(one, challenge=encoded(b"x" * 32)), id="another challenge"),
    pytest.param(lambda one: replace(one, cross_origin=True), id="out of a frame"),
]


@pytest.mark.parametrize("lie", LIES)
def test_a_key_that_is_not_kept(lie: Lie) -> None:
    with pytest.raises(PasskeyRefusedError):
        register(lie(device()))


@pytest.mark.parametrize(
    "lie",
    [
        *LIES,
        pytest.param(lambda one: replace(one, key=ec.generate_private_key(ec.SECP256R1())), id="another key"),
        pytest.param(lambda one: replace(one, kind="webauthn.create"), id="a key that was made"),
    ],
)
def test_a_signature_that_signs_nobody_in(lie: Lie) -> None:
    phone = device()
    known = register(phone)
    with pytest.raises(PasskeyRefusedError):
        sign(lie(phone), known)


def test_a_signature_is_no_new_key() -> None:
    with pytest.raises(PasskeyRefusedError):
        register(replace(device(), kind="webauthn.get"))


@pytest.mark.parametrize("counter", [0, 4, 5])
def test_a_counter_that_does_not_go_on_is_a_copy_s(counter: int) -> None:
    phone = device()
    known = register(phone)
    phone.counter = counter
    with pytest.raises(PasskeyRefusedError):
        sign(phone, known, 5)


def test_a_long_id_is_none() -> None:
    with pytest.raises(PasskeyRefusedError):
        register(replace(device(), credential=bytes(1024)))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "[" * 60_000, '{"id": 1}', '"\\ud800"'])
def test_what_no_device_says(text: str) -> None:
    with pytest.raises(PasskeyRefusedError):
        read_signed(text)
    with pytest.raises(PasskeyRefusedError):
        PARTY.registered(text, CHALLENGE)


def test_bytes_that_were_changed_on_the_way_are_refused_and_nothing_else_happens() -> None:
    random, phone = Random(1), device()  # ruff: ignore[suspicious-non-cryptographic-random-usage]  # no secret
    known = register(phone)
    made = json.loads(phone.create(PARTY.creation("ada", "Ada", CHALLENGE, [])))
    signed = json.loads(phone.get(PARTY.request(CHALLENGE)))
    refused = 0
    for _ in range(400):
        for said, field in (
            (made, "attestationObject"),
            (signed, "authenticatorData"),
            (signed, "signature"),
        ):
            data = bytearray(decoded(said["response"][field]))
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
            if random.random() < 0.3:
                del data[random.randrange(len(data)) :]
            text = json.dumps({**said, "response": {**said["response"], field: encoded(bytes(data))}})
            try:
                if said is made:
                    PARTY.registered(text, CHALLENGE)
                else:
                    PARTY.signed(read_signed(text), CHALLENGE, known.public_key, 0)
            except PasskeyRefusedError:
                refused += 1
            else:
                assert said is made  # an id or a key of its own: nobody else's
    assert refused > 800
