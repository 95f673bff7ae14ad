import re

import pytest

from gateway.cors import Surface
from gateway.errors import InvalidRequestError, NotFoundError
from gateway.surfaces import PROXIED_PATHS, check_target, surface_of

PATHS = [
    pytest.param("/auth/token", Surface.PROTOCOL, id="endpoint for books"),
    pytest.param("/auth/callback/campus", Surface.CALLBACK, id="callback"),
    pytest.param("/auth/callback/my_campus-2", Surface.CALLBACK, id="callback, with all that names may have"),
    pytest.param("/auth/backchannel-logout/my_campus", Surface.SERVER, id="a server of such a name"),
    pytest.param("/auth/callback/campus/more", Surface.PAGE, id="below a callback"),
    pytest.param("/auth/backchannel-logout/campus", Surface.SERVER, id="a provider's server"),
    pytest.param("/auth", Surface.PAGE, id="auth itself"),
    pytest.param("/auth/account", Surface.PAGE, id="page"),
    pytest.param("/auth/tokens", Surface.PAGE, id="nearly an endpoint"),
    pytest.param("/bookgate.js", Surface.PUBLIC, id="library"),
    pytest.param("/client/1.0/bookgate.js", Surface.PUBLIC, id="library of a version"),
    pytest.param("/.well-known/bookgate", Surface.PUBLIC, id="document"),
    pytest.param("/authors/", Surface.PROXIED, id="only begins like ours"),
    pytest.param("/clientele", Surface.PROXIED, id="no folder of ours"),
    pytest.param("/storage/auth/token", Surface.PROXIED, id="ours further down"),
    pytest.param("/", Surface.PROXIED, id="root"),
]


@pytest.mark.parametrize(("path", "surface"), PATHS)
def test_each_address_is_of_one_kind_and_the_router_agrees(path: str, surface: Surface) -> None:
    assert surface_of(path) is surface
    pattern = re.compile(PROXIED_PATHS.replace("{path:", "(").replace("}", ")"))
    assert (pattern.fullmatch(path) is not None) is (surface is Surface.PROXIED)


def test_a_target_must_begin_with_a_slash() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_target("http://gw.test/storage/", "/storage/")
    assert caught.value.close


@pytest.mark.parametrize("path", ["/%61uth/token", "/auth%2Ftoken", "/%62ookgate.js"])
def test_our_addresses_have_one_spelling(path: str) -> None:
    decoded = path.replace("%61", "a").replace("%2F", "/").replace("%62", "b")
    with pytest.raises(NotFoundError):
        check_target(path, decoded)


def test_backends_may_have_others() -> None:
    check_target("/storage/%C3%A9", "/storage/é")
