from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config.faults import ConfigError
from gateway.routes import AssertionRule, BackendTls, HealthRule, InFlight, SignInNeed, Timeouts
from tests.gateway_texts import MINIMAL, WHOLE, faults, make_site, parse, with_state


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    return make_site(tmp_path)


def test_a_backend_arrives_whole(site: Path) -> None:
    routes = parse(WHOLE, site).routes
    grades = routes.backends["grades"]
    assert [address.url for address in grades.addresses] == [
        "https://grades.internal:8443/api/",
        "https://10.0.0.9/api/",
    ]
    assert grades.assertion == AssertionRule("Authorization", "Bearer", "marks", ("name",))
    assert grades.headers == {"X-Forwarded-User": "campus.username"}
    assert (grades.origin, grades.host) == ("send", "public")
    assert (grades.request_cookies, grades.response_cookies) == (frozenset({"lang"}), frozenset({"lang"}))
    assert not grades.rewrite_location
    assert grades.timeouts == Timeouts(1, 5, 10)
    assert grades.in_flight == InFlight(10, 0, 0.1)
    assert grades.health == HealthRule("/healthz", 10, 4, 1)
    assert (grades.max_body, grades.websocket) == (1_000_000, True)
    assert grades.tls == BackendTls(site / "campus.pem", site / "tls.crt", site / "tls.key")
    assert routes.backends["socket"].addresses[0].unix == f"{site}/app.sock"
    assert [route.path for route in routes.routes] == ["/grades/terms/", "/grades/", "/s/"]
    terms = routes.find("/grades/terms/x")
    assert terms is not None
    assert terms == replace(terms, sign_in=SignInNeed.NONE, embed=True, methods=None)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        pytest.param("/auth/", "own-path", id="ours"),
        pytest.param("/auth/x/", "own-path", id="below ours"),
        pytest.param("/.well-known/x/", "own-path", id="well-known"),
        pytest.param("/client/", "own-path", id="client"),
        pytest.param("/bookgate.js/", "own-path", id="script"),
        pytest.param("/a/internal/", "internal-path", id="internal"),
        pytest.param("storage", "bad-path", id="no slashes"),
        pytest.param("/storage", "bad-path", id="no last slash"),
        pytest.param("/a//b/", "bad-path", id="empty segment"),
        pytest.param("/a/../b/", "bad-path", id="dots"),
        pytest.param("/a/./b/", "bad-path", id="one dot"),
        pytest.param("/a%2fb/", "bad-path", id="escape"),
        pytest.param("/a;b/", "bad-path", id="semicolon"),
        pytest.param("/ä/", "bad-path", id="not ASCII"),
    ],
)
def test_a_route_that_is_refused(path: str, code: str, site: Path) -> None:
    assert faults(with_state(MINIMAL.replace("/storage/", path)), site) == [(6, code)]


def test_one_path_for_two_backends_names_both_lines(site: Path) -> None:
    text = MINIMAL + '  other: {urls: ["http://a:1"], routes: [{path: /storage/}]}\n'
    with pytest.raises(ConfigError, match="stands here and on line 6"):
        parse(with_state(text), site)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        pytest.param('urls: ["http://a:1", "http://a:1"]', "twice", id="twice"),
        pytest.param('urls: ["http://a:1", "http://a:1/"]', "twice", id="a slash more"),
        pytest.param('urls: ["http://a:1/x/", "http://b:1/y/"]', "different-paths", id="paths"),
        pytest.param('urls: ["http://a:1"], health: {}', "missing-key", id="health without a path"),
        pytest.param('urls: ["http://a:1"], health: {path: healthz}', "bad-path", id="path"),
        pytest.param('urls: ["http://a:1"], health: {path: "/a b"}', "bad-path", id="path with a blank"),
        pytest.param(
            'urls: ["http://a:1"], health: {path: /, every: 100ms}', "duration-out-of-range", id="every"
        ),
        pytest.param('urls: ["http://a:1"], health: {path: /, fall: 0}', "bad-number", id="fall"),
        pytest.param('urls: ["http://a:1"], health: {path: /, rise: x}', "bad-number", id="rise"),
        pytest.param('urls: ["http://a:1"], health: {path: /, often: x}', "unknown-key", id="key"),
    ],
)
def test_faults_of_several_urls_and_of_health(more: str, code: str, site: Path) -> None:
    text = MINIMAL.replace('urls: ["http://10.0.0.5:8001"]', more)
    assert [found for _, found in faults(with_state(text), site)] == [code]
