import json
from base64 import urlsafe_b64decode
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import dpop
from gateway.errors import InvalidProofError, UseNonceError
from tests.proofs import ProofKey, base64url

NOW = 1_800_000_000
URL = "https://gate.example/storage/items/1"
TOKEN = "the.token"
NONCE_KEY = b"n" * 32
KEY = ProofKey()
OTHER = ProofKey()


def verify(*lines: str, token: str | None = TOKEN, now: int = NOW) -> dpop.Proof:
    return dpop.verify(lines, "POST", URL, now, access_token=token, nonce_keys=[NONCE_KEY])


def proof(token: str | None = TOKEN, header: dict[str, object] | None = None, **claims: object) -> str:
    return KEY.proof("POST", URL, NOW, token, header, **claims)


def test_a_right_proof() -> None:
    assert verify(proof(jti="12345678")) == dpop.Proof(KEY.jkt, "12345678", NOW)


def test_at_the_token_endpoint_there_is_no_token_to_fit() -> None:
    assert verify(proof(token=None), token=None).jkt == KEY.jkt
    assert verify(proof(token="any"), token=None).jkt == KEY.jkt


def test_what_is_unknown_in_header_and_claims_does_no_harm() -> None:
    assert verify(proof(header={"kid": "k"}, extra={"deep": [1]})).jkt == KEY.jkt
    assert verify(proof(header={"jwk": {**KEY.jwk, "use": "sig"}})).jkt == KEY.jkt


def test_thumbprint_of_rfc_7638_form() -> None:
    # RFC 9449 section 4.1's key and its thumbprint, jkt in section 6.1
    jwk = dpop.Jwk(
        kty="EC",
        crv="P-256",
        x="l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        y="9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    )
    assert dpop.thumbprint(jwk) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def test_the_rfcs_own_proof() -> None:
    # RFC 9449 section 4.1
    example = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZ"
        "OXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIs"
        "ImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVy"
        "LmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtF"
        "LbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
    )
    found = dpop.verify(
        [example],
        "POST",
        "https://server.example.com/token",
        1562262616,
        access_token=None,
        nonce_keys=[NONCE_KEY],
    )
    assert found == dpop.Proof("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "-BwC3ESc6acc2lTc", 1562262616)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: proof(htm="GET"), id="another method"),
        pytest.param(lambda: proof(htm="post"), id="method in lower case"),
        pytest.param(lambda: proof(htu=URL + "/2"), id="another address"),
        pytest.param(lambda: proof(htu=URL + "?a=1"), id="an address with a query"),
        pytest.param(lambda: proof(htu="https://gate.example.evil.test/storage/items/1"), id="another host"),
        pytest.param(lambda: proof(htm=None), id="no method"),
        pytest.param(lambda: proof(htu=None), id="no address"),
        pytest.param(lambda: proof(jti=None), id="no jti"),
        pytest.param(lambda: proof(jti="short"), id="short jti"),
        pytest.param(lambda: proof(jti="x" * 129), id="long jti"),
        pytest.param(lambda: proof(jti="12345678\n"), id="line break in jti"),
        pytest.param(lambda: proof(jti=12345678), id="number as jti"),
        pytest.param(lambda: proof(iat=None), id="no iat"),
        pytest.param(lambda: proof(iat=str(NOW)), id="iat a string"),
        pytest.param(lambda: proof(iat=True), id="iat a boolean"),
        pytest.param(lambda: proof(token="another"), id="another token"),
        pytest.param(lambda: proof(token=None), id="no ath"),
        pytest.param(lambda: proof(header={"typ": "JWT"}), id="typ"),
        pytest.param(lambda: proof(header={"alg": "none"}), id="alg none"),
        pytest.param(lambda: proof(header={"alg": "HS256"}), id="alg HS256"),
        pytest.param(lambda: proof(header={"alg": "ES384"}), id="alg ES384"),
        pytest.param(lambda: proof(header={"crit": ["exp"]}), id="crit"),
        pytest.param(lambda: proof(header={"crit": None}), id="crit null"),
        pytest.param(lambda: proof(header={"jwk": OTHER.jwk}), id="another's key"),
        pytest.param(lambda: proof(header={"jwk": {**KEY.jwk, "d": KEY.private_part}}), id="private key"),
        pytest.param(lambda: proof(header={"jwk": {**KEY.jwk, "d": None}}), id="private key null"),
        pytest.param(lambda: proof(header={"jwk": {**KEY.jwk, "kty": "OKP"}}), id="key type"),
        pytest.param(lambda: proof(header={"jwk": {**KEY.jwk, "crv": "P-384"}}), id="curve"),
        pytest.param(lambda: proof(header={"jwk": {**KEY.jwk, "y": KEY.jwk["x"]}}), id="off the curve"),
        pytest.param(lambda: proof(header={"jwk": {**KEY.jwk, "x": "AA"}}), id="short coordinate"),
        pytest.param(lambda: proof(header={"jwk": {**KEY.jwk, "x": "_" * 43}}), id="two spellings"),
        pytest.param(lambda: proof(header={"jwk": None}), id="no key"),
        pytest.param(lambda: proof(extra="x" * 2048), id="larger than 2 KB"),
        pytest.param(lambda: proof() + "A", id="long signature"),
        pytest.param(lambda: proof().rpartition(".")[0] + ".", id="no signature"),
        pytest.param(lambda: proof().rpartition(".")[0] + "." + "A" * 86, id="signature of zeros"),
        pytest.param(lambda: proof().rpartition(".")[0] + ".!!!", id="signature not base64url"),
        pytest.param(lambda: proof().rpartition(".")[0], id="two parts"),
        pytest.param(lambda: proof() + ".x", id="four parts"),
        pytest.param(lambda: "", id="empty"),
        pytest.param(lambda: "ä.ä.ä", id="not ASCII"),
        pytest.param(lambda: proof().replace(".", "=.", 1), id="padding"),
        pytest.param(lambda: KEY.signed(b"[" * 700, b"{}"), id="deep nesting"),
        pytest.param(lambda: KEY.signed(b'{"typ":"dpop+jwt","x":' + b"[" * 700, b"{}"), id="deep inside"),
        pytest.param(lambda: KEY.signed(b"\xff", b"{}"), id="not JSON"),
        pytest.param(lambda: KEY.signed(b'{"typ":"\xff"}', b"{}"), id="not UTF-8"),
        pytest.param(lambda: KEY.signed(b"[]", b"[]"), id="not objects"),
        pytest.param(lambda: ProofKey(ec.SECP384R1()).proof("POST", URL, NOW, TOKEN), id="P-384"),
    ],
)
def test_wrong_proofs(make: Callable[[], str]) -> None:
    with pytest.raises(InvalidProofError):
        verify(make())


def test_exactly_one_header() -> None:
    with pytest.raises(InvalidProofError, match="0 DPoP"):
        verify()
    with pytest.raises(InvalidProofError, match="2 DPoP"):
        verify(proof(), proof())
    with pytest.raises(InvalidProofError):
        verify(f"{proof()}, {proof()}")


@pytest.mark.parametrize("off", [-60, 0, 60, 59.5])
def test_a_clock_that_is_near_enough(off: float) -> None:
    assert verify(proof(iat=NOW + off)).iat == int(NOW + off)


@pytest.mark.parametrize("off", [-61, 61, 60.5, 86400, -NOW, 1e300])
def test_a_wrong_clock_gets_a_nonce_and_comes_in_with_it(off: float) -> None:
    with pytest.raises(UseNonceError) as refused:
        verify(proof(iat=NOW + off))
    assert verify(proof(iat=NOW + off, nonce=refused.value.nonce), now=NOW + 5).jkt == KEY.jkt


def other_mac(nonce: str) -> str:
    data = urlsafe_b64decode(nonce)
    return base64url(data[:-1] + bytes([data[-1] ^ 1]))


GOOD = dpop.mint_nonce(NONCE_KEY, NOW)


@pytest.mark.parametrize(
    ("nonce", "now"),
    [
        pytest.param(GOOD, NOW + dpop.NONCE_LIFE + 1, id="too old"),
        pytest.param(GOOD, NOW - 1, id="from the future"),
        pytest.param(dpop.mint_nonce(b"m" * 32, NOW), NOW, id="another key"),
        pytest.param(other_mac(GOOD), NOW, id="tampered"),
        pytest.param(GOOD[:-4], NOW, id="short"),
        pytest.param("!", NOW, id="not base64url"),
        pytest.param("", NOW, id="empty"),
    ],
)
def test_a_wrong_nonce_helps_nobody(nonce: str, now: int) -> None:
    with pytest.raises(UseNonceError) as refused:
        verify(proof(iat=NOW - 1000, nonce=nonce), now=now)
    assert refused.value.nonce == dpop.mint_nonce(NONCE_KEY, now)


def test_a_nonce_by_a_key_before_todays_is_taken_and_todays_makes_the_next() -> None:
    today = b"t" * 32
    sent = proof(iat=NOW - 1000, nonce=GOOD)
    keys = [today, NONCE_KEY]
    assert dpop.verify([sent], "POST", URL, NOW, access_token=None, nonce_keys=keys).jkt == KEY.jkt
    with pytest.raises(UseNonceError) as refused:
        dpop.verify([proof(iat=0)], "POST", URL, NOW, access_token=None, nonce_keys=keys)
    assert refused.value.nonce == dpop.mint_nonce(today, NOW)


def test_an_old_nonce_beside_a_good_clock_does_no_harm() -> None:
    assert verify(proof(nonce="old")).jkt == KEY.jkt


def test_a_wrong_proof_gets_no_nonce() -> None:
    with pytest.raises(InvalidProofError):
        verify(proof(iat=0, htm="GET"))


def test_the_proofs_of_the_tests_say_what_they_should() -> None:
    header = json.loads(urlsafe_b64decode(proof().split(".")[0] + "=="))
    assert header == {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.jwk}
