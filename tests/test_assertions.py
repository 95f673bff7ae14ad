import importlib.util
import json
import sys
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from gateway import assertions
from gateway.assertions import Assertions
from gateway.identity import Caller, Identity, Internal
from gateway.known import Known, caller_of
from gateway.records import Book, LiveBook, Mode
from gateway.routes import AssertionRule, Backend, Purpose, Subject
from gateway.signing_keys import LINGER, SigningKey
from gateway.studies_rules import Basis, Study
from tests.assertion_parts import backend

ADA = Identity(
    Caller("slot.ada", "person-1", "Ada", "campus", "https://books.example.edu", 100), "person-1", "ada-cs1"
)
BEN = Identity(
    Caller("slot.ben", "person-2", "Ben", "campus", "https://books.example.edu", 100), "person-2", "ada-cs1"
)


@dataclass
class Clock:
    now: float = 1000.9

    def __call__(self) -> float:
        return self.now


@dataclass
class Counter:
    """Randomness that never repeats."""

    made: int = 0

    def __call__(self, length: int) -> bytes:
        self.made += 1
        return self.made.to_bytes(length)


def subject(person: str, kind: Subject, origin: str, book: str) -> str:
    return f"{kind} {person} {origin} {book}"


def signer(clock: Clock, *keys: SigningKey) -> Assertions:
    ring = keys or (SigningKey.generate(1),)
    return Assertions(ring, "https://gw.example.edu", clock, Counter(), 1, subject)


def test_an_independent_library_accepts_the_token() -> None:
    made = signer(Clock())
    name, token = made.header_for(ADA, backend(), "g1")
    read = jwt.decode(token, KeySet.import_key_set(json.loads(json.dumps(made.jwks()))), algorithms=["ES256"])
    assert name == "X-Bookgate-Assertion"
    assert read.header["typ"] == "bookgate-assertion+jwt"
    assert read.claims["sub"] == "person-1"
    assert read.claims["aud"] == "storage"
    assert (read.claims["iat"], read.claims["exp"]) == (1000, 1060)


def test_kid_is_the_thumbprint_and_no_private_part_is_published() -> None:
    made = signer(Clock())
    (published,) = made.jwks()["keys"]
    assert published["kid"] == ECKey.import_key(dict(published)).thumbprint()
    assert set(published) == {"kty", "crv", "use", "alg", "kid", "x", "y"}


def test_an_assertion_is_kept_for_half_of_its_life() -> None:
    clock = Clock()
    made = signer(clock)
    first = made.header_for(ADA, backend(), "g1")
    clock.now += 24.9
    assert made.header_for(ADA, backend(), "g1") == first
    clock.now += 0.2
    assert made.header_for(ADA, backend(), "g1") != first


def test_a_clock_that_jumped_back_makes_a_new_one() -> None:
    clock = Clock()
    made = signer(clock)
    first = made.header_for(ADA, backend(), "g1")
    clock.now -= 1
    assert made.header_for(ADA, backend(), "g1") != first


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((BEN, backend(), "g1"), id="person"),
        pytest.param((replace(ADA, book="logic"), backend(), "g1"), id="book"),
        pytest.param(
            (replace(ADA, caller=replace(ADA.caller, session="x.y")), backend(), "g1"), id="session"
        ),
        pytest.param(
            (replace(ADA, caller=replace(ADA.caller, origin="https://x")), backend(), "g1"), id="origin"
        ),
        pytest.param((ADA, backend("grades"), "g1"), id="backend"),
        pytest.param((ADA, backend(), "g2"), id="generation"),
    ],
)
def test_whatever_tells_requests_apart_makes_another(other: tuple[Identity, Backend, str]) -> None:
    made = signer(Clock())
    assert made.header_for(ADA, backend(), "g1") != made.header_for(*other)


def test_audience_and_header_of_an_existing_service() -> None:
    rule = AssertionRule(header="Authorization", scheme="Bearer", audience="urn:grades")
    made = signer(Clock())
    name, value = made.header_for(ADA, backend("grades", rule), "g1")
    scheme, _, token = value.partition(" ")
    read = jwt.decode(token, KeySet.import_key_set(json.loads(json.dumps(made.jwks()))), algorithms=["ES256"])
    assert (name, scheme, read.claims["aud"]) == ("Authorization", "Bearer", "urn:grades")


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assertions, "KEPT", 2)
    made = signer(Clock())
    first = made.header_for(ADA, backend(), "g1")
    made.header_for(BEN, backend(), "g1")
    assert made.header_for(ADA, backend(), "g1") == first
    made.header_for(BEN, backend(), "g2")
    assert made.header_for(ADA, backend(), "g1") != first


def test_the_youngest_that_has_begun_signs_and_those_around_it_are_published() -> None:
    clock, old, new, next_ = Clock(), *(SigningKey.generate(begins) for begins in (10, 990, 5000))
    made = signer(clock, next_, new, old)

    def kid() -> object:
        _, token = made.header_for(ADA, backend(), str(clock.now))
        keys = KeySet.import_key_set(json.loads(json.dumps(made.jwks())))
        return jwt.decode(token, keys, algorithms=["ES256"]).header["kid"]

    def kids() -> list[str]:
        return [key["kid"] for key in made.jwks()["keys"]]

    assert (kid(), kids()) == (new.kid, [old.kid, new.kid, next_.kid])
    clock.now = 990.0 + LINGER
    assert (kid(), kids()) == (new.kid, [new.kid, next_.kid])
    clock.now = 5000.0
    assert (kid(), kids()) == (next_.kid, [new.kid, next_.kid])


class TestLines:
    """A session that is kept has its lines beside it."""

    def test_for_half_of_its_life_counted_from_when_it_was_signed(self) -> None:
        clock = Clock()
        made, first = signer(clock), known()
        line = made.line_for(first, backend(), "cs1", "g1")
        clock.now += 20
        assert made.line_for(first, backend(), "cs1", "g1") is line
        second = known()
        found = made.line_for(second, backend(), "cs1", "g1")
        assert found.header == line.header, "found anew, it is the same person's"
        assert line.text == "{}: {}\r\n".format(*line.header)
        clock.now += 11
        assert made.line_for(first, backend(), "cs1", "g1").header != line.header
        assert made.line_for(second, backend(), "cs1", "g1").header != line.header
        clock.now -= 60
        found = made.line_for(second, backend(), "cs1", "g1")
        assert found.header != line.header, "a clock that jumped back"

    def test_says_who_it_is_in_the_backends_own_terms(self) -> None:
        made = signer(Clock())
        _, token = made.line_for(known(), backend(), "cs1", "g1").header
        keys = KeySet.import_key_set(json.loads(json.dumps(made.jwks())))
        said = jwt.decode(token, keys, algorithms=["ES256"]).claims
        assert said["sub"] == subject("person-1", backend().subject, ADA.caller.origin, "cs1")
        assert (said["book"], said["origin"]) == ("cs1", ADA.caller.origin)

    @pytest.mark.parametrize(
        "other",
        [
            ("grades", "cs1", "g1"),
            ("storage", "cs2", "g1"),
            ("storage", None, "g1"),
            ("storage", "cs1", "g2"),
        ],
    )
    def test_whatever_tells_requests_apart_makes_another(self, other: tuple[str, str | None, str]) -> None:
        made, kept = signer(Clock()), known()
        line = made.line_for(kept, backend("storage"), "cs1", "g1")
        assert made.line_for(kept, backend(other[0]), *other[1:]).header != line.header

    def test_a_key_that_was_removed_says_nothing_any_more(self) -> None:
        old, new = SigningKey.generate(1), SigningKey.generate(2)
        made, kept = signer(Clock(), old), known()
        line = made.line_for(kept, backend(), "cs1", "g1")
        made.replace([old])
        assert made.line_for(kept, backend(), "cs1", "g1") is line, "the same ring, read again"
        made.replace([new])
        assert made.line_for(kept, backend(), "cs1", "g1").header != line.header

    def test_there_are_not_many_beside_one_session(self) -> None:
        made, kept = signer(Clock()), known()
        for number in range(100):
            made.line_for(kept, backend(), "cs1", f"g{number}")
        assert len(kept.lines) <= 16


def known() -> Known:
    book = Book(
        person="person-1",
        name="Ada",
        provider="campus",
        auth_time=100,
        epoch=0,
        origin="https://books.example.edu",
        parent="slot.parent",
        mode=Mode.COOKIE,
        jkt=None,
        approved=True,
        own_device=True,
        began=100,
        ends=9999,
    )
    live = LiveBook(None, "slot.ada", book, None)
    return Known(live, caller_of(live), "hash")


def test_another_ring_signs_from_then_on_also_what_the_gateway_says_for_itself() -> None:
    old, new = SigningKey.generate(1), SigningKey.generate(2)
    made, merge = signer(Clock(), old), Internal(Purpose.MERGE, "cs1", "ada", "guest")
    keys = KeySet.import_key_set(json.loads(json.dumps({"keys": [old.jwk(), new.jwk()]})))

    def kids() -> list[object]:
        tokens = made.header_for(ADA, backend(), str(made.jwks())), made.internal_header(merge, backend())
        return [jwt.decode(token, keys, algorithms=["ES256"]).header["kid"] for _, token in tokens]

    assert kids() == [old.kid, old.kid]
    made.replace([new])
    assert kids() == [new.kid, new.kid]


def _generator() -> ModuleType:
    path = Path(__file__).parent / "contracts" / "make_assertion_vectors.py"
    spec = importlib.util.spec_from_file_location("make_assertion_vectors", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_published_vectors_are_what_the_generator_writes() -> None:
    module = _generator()
    assert json.loads(module.FILE.read_text(encoding="utf-8")) == module.document()


def test_a_call_of_the_gateways_own_is_no_persons_assertion() -> None:
    signing = Assertions([SigningKey.generate(1)], "https://gw", Clock(), Counter(), 1, subject)
    name, token = signing.internal_header(
        Internal(Purpose.MERGE, "cs1", "ada", "guest"), backend("storage", AssertionRule(audience="s"))
    )
    keys = KeySet.import_key_set(json.loads(json.dumps(signing.jwks())))
    proved = jwt.decode(token, keys, algorithms=["ES256"])
    assert name == "X-Bookgate-Assertion"
    assert proved.header["typ"] == "bookgate-internal+jwt"
    assert (proved.claims["sub"], proved.claims["from"], proved.claims["book"]) == ("ada", "guest", "cs1")
    assert (proved.claims["aud"], proved.claims["purpose"]) == ("s", "merge")


def test_guests_are_in_no_study_also_where_nobody_is_asked() -> None:
    study = Study(
        id="counts",
        title="Counts",
        irb="STUDY1",
        basis=Basis.WAIVER,
        level=4,
        books=frozenset({ADA.book}),
        text="We count.",
        begins=date.min,
        ends=date.max,
    )
    made = Assertions(
        [SigningKey.generate(1)], "https://gw.example.edu", Clock(), Counter(), 1, subject, [study]
    )
    guest = replace(ADA, caller=replace(ADA.caller, is_guest=True))
    keys = KeySet.import_key_set(json.loads(json.dumps(made.jwks())))
    said = [
        jwt.decode(made.header_for(who, backend(), "g1")[1], keys, algorithms=["ES256"])
        for who in (ADA, guest)
    ]
    assert [one.claims["research_cap"] for one in said] == [4, 1]
