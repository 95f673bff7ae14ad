import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from joserfc import jws
from joserfc.jwk import import_key

from gateway.client_keys import ClientKeyError, ClientKeys, parse_client_keys

Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def pem(
    key: Private,
    encryption: KeySerializationEncryption | None = None,
    form: PrivateFormat = PrivateFormat.PKCS8,
) -> str:
    locked = encryption or NoEncryption()
    return key.private_bytes(Encoding.PEM, form, locked).decode()


P256, P384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)


def opened(token: str, keys: ClientKeys) -> tuple[object, object]:
    """Header and claims, as whoever has the published keys reads them."""
    published = orjson.loads(orjson.dumps(keys.jwks()))["keys"][0]
    signed = jws.deserialize_compact(token, import_key(published), algorithms=[published["alg"]])
    return signed.headers(), orjson.loads(signed.payload or b"")


@pytest.mark.parametrize(
    ("key", "form", "alg"),
    [
        pytest.param(P256, PrivateFormat.PKCS8, "ES256", id="P-256"),
        pytest.param(P256, PrivateFormat.TraditionalOpenSSL, "ES256", id="as openssl ecparam writes it"),
        pytest.param(P384, PrivateFormat.PKCS8, "ES384", id="P-384"),
        pytest.param(ec.generate_private_key(ec.SECP521R1()), PrivateFormat.PKCS8, "ES512", id="P-521"),
        pytest.param(RSA, PrivateFormat.PKCS8, "RS256", id="RSA"),
        pytest.param(RSA, PrivateFormat.TraditionalOpenSSL, "RS256", id="as openssl genrsa wrote it"),
    ],
)
def test_what_is_signed_is_believed_by_what_is_published(key: Private, form: PrivateFormat, alg: str) -> None:
    keys = parse_client_keys(f"a comment\n{pem(key, form=form)}")
    header, claims = opened(keys.assertion("bookgate", "https://idp.example", 1000, "once"), keys)
    assert header == {"alg": alg, "kid": keys.keys[0].kid, "typ": "JWT"}
    assert claims == {
        "iss": "bookgate",
        "sub": "bookgate",
        "aud": "https://idp.example",
        "jti": "once",
        "iat": 1000,
        "exp": 1060,
    }


def test_a_signed_secret() -> None:
    keys = parse_client_keys(pem(P256)).named("KEY1234567")
    header, claims = opened(keys.secret("TEAM123456", "edu.example.books", "https://apple.example", 7), keys)
    assert header == {"alg": "ES256", "kid": "KEY1234567", "typ": "JWT"}
    assert claims == {
        "iss": "TEAM123456",
        "sub": "edu.example.books",
        "aud": "https://apple.example",
        "iat": 7,
        "exp": 67,
    }


def test_the_next_key_is_published_before_it_signs() -> None:
    keys = parse_client_keys(pem(RSA) + pem(P256))
    published = keys.jwks()["keys"]
    assert isinstance(published, list)
    assert [each["alg"] for each in published] == ["RS256", "ES256"]
    assert keys.keys[0].alg == "RS256"
    private = {"d", "p", "q", "dp", "dq", "qi"}
    assert all(each["use"] == "sig" and not private & each.keys() for each in published)


def test_a_key_tells_nothing_of_itself_in_a_log() -> None:
    keys = parse_client_keys(pem(P256))
    assert "PRIVATE" not in repr(keys)
    assert "Key(" not in repr(keys).replace("ClientKey(", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "no PEM block", id="empty"),
        pytest.param("s3cret", "no PEM block", id="a word"),
        pytest.param(pem(P256).replace("PRIVATE", "PUBLIC"), "no PEM block", id="a public key"),
        pytest.param(pem(P256) * 2, "twice", id="twice"),
        pytest.param(pem(P256, BestAvailableEncryption(b"x")), "password", id="locked"),
        pytest.param(pem(P256)[:60] + "\n" + pem(P256)[120:], "broken", id="broken"),
        pytest.param(pem(ed25519.Ed25519PrivateKey.generate()), "it takes EC", id="Ed25519"),
        pytest.param(pem(ec.generate_private_key(ec.SECP256K1())), "it takes EC", id="another curve"),
        pytest.param(pem(rsa.generate_private_key(65537, 1024)), "RSA of 2048", id="short RSA"),  # ruff: ignore[weak-cryptographic-key]
    ],
)
def test_a_text_that_is_no_key(text: str, message: str) -> None:
    with pytest.raises(ClientKeyError, match=message):
        parse_client_keys(text)
