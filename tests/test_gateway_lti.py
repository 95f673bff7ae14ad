"""The `lti:` of gateway.yaml."""

from pathlib import Path

import pytest
from joserfc.jwk import RSAKey

from gateway.lti_platforms import Platform, ServiceAccess
from tests.gateway_texts import MINIMAL, faults, make_site, parse, with_state


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    return make_site(tmp_path)


CANVAS_TOKEN = "https://sso.canvaslms.com/login/oauth2/token"


def lti(text: str) -> str:
    """On line 7."""
    return with_state(f"{MINIMAL}lti: {text}\n")


def test_canvas_takes_three_lines(site: Path) -> None:
    text = lti('{school: {preset: canvas, client_id: "1000", deployments: ["1:abc"]}}')
    assert parse(text, site).platforms == (
        Platform(
            "school",
            "school",
            "https://canvas.instructure.com",
            "1000",
            frozenset({"1:abc"}),
            "https://sso.canvaslms.com/api/lti/authorize_redirect",
            "https://sso.canvaslms.com/api/lti/security/jwks",
            ("https://*.instructure.com",),
            services=ServiceAccess(CANVAS_TOKEN, CANVAS_TOKEN),
        ),
    )


def test_moodle_says_which_site(site: Path) -> None:
    (found,) = parse(
        lti("{m: {preset: moodle, issuer: https://moodle.example.edu, client_id: x, deployments: ['1']}}"),
        site,
    ).platforms
    assert found.authorization_endpoint == "https://moodle.example.edu/mod/lti/auth.php"
    assert found.jwks_uri == "https://moodle.example.edu/mod/lti/certs.php"
    assert found.frames == ("https://moodle.example.edu",)


def test_any_other_says_all(site: Path) -> None:
    whole = (
        "{o: {preset: lti, issuer: https://o.example, client_id: x, deployments: ['1'], label: Our courses,"
        " authorization: https://o.example/a, jwks: https://k.example/k, frames: ['https://f.example:8443']}}"
    )
    (found,) = parse(lti(whole), site).platforms
    assert (found.authorization_endpoint, found.jwks_uri) == ("https://o.example/a", "https://k.example/k")
    assert (found.label, found.frames) == ("Our courses", ("https://f.example:8443",))


def test_it_says_which_books_it_opens(site: Path) -> None:
    block = "{c: {preset: canvas, client_id: x, deployments: ['1'], books: [cs1, cs2]}}"
    (found,) = parse(lti(block), site).platforms
    assert [found.opens(book) for book in ("cs1", "cs2", "cs3")] == [True, True, False]


def test_scores_need_a_key_and_say_the_courses_language(site: Path) -> None:
    whole = (
        "{o: {preset: lti, issuer: https://o.example, client_id: x, deployments: ['1'],"
        " grades: self_reported, authorization: https://o.example/a, jwks: https://o.example/k, token: https://t.example/t,"
        " audience: https://api.example/t, language: de}}"
    )
    assert (7, "no-lti-key") in faults(lti(whole), site)
    folder = site / "state" / "keys"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lti").write_bytes(RSAKey.generate_key(2048).as_pem(private=True))
    (found,) = parse(lti(whole), site).platforms
    expected = ServiceAccess("https://t.example/t", "https://api.example/t", scores=True, language="de")
    assert found.services == expected
    (found,) = parse(lti(whole.replace(" audience: https://api.example/t,", "")), site).platforms
    assert found.services is not None
    assert found.services.audience == "https://t.example/t"


def test_a_platform_whose_token_address_nobody_knows_is_asked_for_nothing(site: Path) -> None:
    whole = (
        "{o: {preset: lti, issuer: https://o.example, client_id: x, deployments: ['1'],"
        " authorization: https://o.example/a, jwks: https://o.example/k}}"
    )
    assert parse(lti(whole), site).platforms[0].services is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(
            "{o: {preset: lti, issuer: https://o.example, client_id: x, deployments: ['1'],"
            " grades: self_reported, authorization: https://o.example/a, jwks: https://o.example/k}}",
            "missing-key",
            id="scores without an address of tokens",
        ),
        pytest.param(
            "{c: {preset: canvas, client_id: x, deployments: ['1'], grades: graded}}",
            "unknown-value",
            id="grades of another kind",
        ),
        pytest.param(
            "{c: {preset: canvas, client_id: x, deployments: ['1'], language: xx}}",
            "unknown-value",
            id="a language that is not spoken",
        ),
        pytest.param(
            "{c: {preset: canvas, client_id: x, deployments: ['1'], token: http://c.example/t}}",
            "insecure-url",
            id="tokens in the clear",
        ),
        pytest.param("{c: {preset: canvas, client_id: x}}", "missing-key", id="no deployments"),
        pytest.param("{c: {preset: canvas, client_id: x, deployments: []}}", "no-deployments", id="none"),
        pytest.param(
            "{m: {preset: moodle, client_id: x, deployments: ['1']}}", "missing-key", id="which site"
        ),
        pytest.param(
            "{o: {preset: lti, issuer: https://o.example, client_id: x, deployments: ['1']}}",
            "missing-key",
            id="no addresses",
        ),
        pytest.param(
            "{b: {preset: blackbord, client_id: x, deployments: ['1']}}", "unknown-value", id="preset"
        ),
        pytest.param(
            "{m: {preset: moodle, issuer: http://m.example, client_id: x, deployments: ['1']}}",
            "insecure-url",
            id="http",
        ),
        pytest.param(
            "{c: {preset: canvas, client_id: x, deployments: ['1'], books: []}}", "no-books", id="no book"
        ),
        pytest.param(
            "{c: {preset: canvas, client_id: x, deployments: ['1'], frames: ['*']}}",
            "bad-frame",
            id="any frame",
        ),
        pytest.param(
            "{c: {preset: canvas, client_id: x, deployments: ['1']},"
            " d: {preset: canvas, client_id: x, deployments: ['2']}}",
            "duplicate-platform",
            id="twice",
        ),
    ],
)
def test_blocks_that_are_refused(text: str, code: str, site: Path) -> None:
    assert (7, code) in faults(lti(text), site)
