"""`host` of a backend in gateway.yaml: what it may be, and which routes it takes along."""

from pathlib import Path

import pytest

from tests.gateway_texts import MINIMAL, faults, make_site, parse, with_state


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    return make_site(tmp_path)


def application(more: str, path: str = "/") -> str:
    """A second backend, on line 7."""
    return with_state(f'{MINIMAL}  notebooks: {{urls: ["http://a:1"], routes: [{{path: {path}}}], {more}}}\n')


def test_a_host_has_routes_of_its_own(site: Path) -> None:
    text = application("host: notebooks.example.edu, response: {html: allow}")
    routes = parse(text, site).routes
    assert [route.path for route in routes.routes] == ["/storage/"]
    own = routes.hosts["notebooks.example.edu"]
    assert [(route.backend, route.path) for route in own.routes] == [("notebooks", "/")]
    assert (own.backends["notebooks"].own_host, own.backends["notebooks"].html) == (
        "notebooks.example.edu",
        True,
    )


def test_the_same_path_on_two_hosts_is_two(site: Path) -> None:
    routes = parse(application("host: n.example.edu", path="/storage/"), site).routes
    assert [route.backend for route in routes.routes] == ["storage"]
    assert [route.backend for route in routes.hosts["n.example.edu"].routes] == ["notebooks"]


@pytest.mark.parametrize(
    ("more", "path", "code"),
    [
        pytest.param("websocket: true", "/", "needs-host", id="the root of the public URL"),
        pytest.param("response: {html: allow}", "/n/", "html-without-host", id="pages at the public URL"),
        pytest.param("host: N.example.edu", "/", "bad-host", id="upper case"),
        pytest.param("host: https://n.example.edu", "/", "bad-host", id="a URL"),
        pytest.param("host: n.example.edu/", "/", "bad-host", id="a path"),
        pytest.param("host: n.example.edu:443", "/", "bad-host", id="the default port"),
        pytest.param("host: n.example.edu:99999", "/", "bad-host", id="no port"),
        pytest.param('host: "*.example.edu"', "/", "bad-host", id="a wildcard"),
        pytest.param("host: gw.example.edu", "/", "own-host", id="the gateway's own"),
        pytest.param("host: n.example.edu, guests: true", "/", "guests-without-book", id="guests"),
        pytest.param("host: n.example.edu", "/auth/x/", "own-path", id="a path of ours"),
        pytest.param("host: n.example.edu", "/internal/", "internal-path", id="internal"),
        pytest.param("host: n.example.edu, response: {html: yes}", "/", "unknown-value", id="html: yes"),
    ],
)
def test_a_host_that_is_refused(more: str, path: str, code: str, site: Path) -> None:
    assert (7, code) in faults(application(more, path), site)


def test_one_host_for_two_backends(site: Path) -> None:
    more = '  more: {urls: ["http://b:1"], routes: [{path: /}], host: n.example.edu}\n'
    two = application("host: n.example.edu").replace("state:", f"{more}state:")
    assert faults(two, site) == [(8, "duplicate-host")]


def test_without_https_a_host_is_on_this_machine(site: Path) -> None:
    local = application("host: n.example.edu").replace("https://gw.example.edu", "http://127.0.0.1:8080")
    assert (7, "insecure-host") in faults(local, site)
    fine = local.replace("host: n.example.edu", "host: n.localhost:8080")
    assert list(parse(fine, site).routes.hosts) == ["n.localhost:8080"]
