"""Whether a first-party cookie counts, by what the browser says of whoever asks."""

import pytest

from gateway.first_party import Said, counts, is_navigation

OWN = "https://notebooks.example.edu"


def said(origin: str | None = None, site: str | None = None, dest: str | None = None) -> Said:
    return Said(*(() if line is None else (line,) for line in (origin, site, dest)))


@pytest.mark.parametrize(
    ("method", "what", "expected"),
    [
        pytest.param("POST", said(OWN, "same-origin", "empty"), True, id="our own page"),
        pytest.param("GET", said(OWN), True, id="a WebSocket's handshake of our own page"),
        pytest.param("POST", said(site="same-origin"), True, id="an Origin lost on the way"),
        pytest.param("GET", said(site="none", dest="document"), True, id="an address typed in"),
        pytest.param("GET", said(site="cross-site", dest="document"), True, id="a link elsewhere"),
        pytest.param("GET", said(), True, id="a browser without Fetch Metadata"),
        pytest.param("GET", said(site="cross-site", dest="image"), False, id="an image elsewhere"),
        pytest.param("GET", said(site="same-site", dest="iframe"), False, id="a frame of a sibling"),
        pytest.param("GET", said("https://evil.example"), False, id="another origin"),
        pytest.param("GET", said(f"{OWN}.evil.example"), False, id="one that begins alike"),
        pytest.param("GET", said("null"), False, id="a sandboxed frame"),
        pytest.param("POST", said(site="cross-site", dest="document"), False, id="a form elsewhere"),
        pytest.param("POST", said(), False, id="an unsafe request of nobody knows whom"),
        pytest.param("HEAD", said(dest="document"), False, id="no navigation"),
    ],
)
def test_whose_cookie_counts(method: str, what: Said, *, expected: bool) -> None:
    assert counts(method, what, OWN) is expected


def test_lines_that_came_twice_are_no_sign() -> None:
    twice = Said((OWN, OWN), ("same-origin", "same-origin"), ())
    assert not counts("GET", twice, OWN)
    assert not is_navigation("GET", Said((), (), ("document", "document")))


def test_lines_of_a_request() -> None:
    lines = {"Origin": (OWN,), "Sec-Fetch-Dest": ("empty",)}
    assert Said.of(lambda name, default: lines.get(name, tuple(default))) == Said((OWN,), (), ("empty",))
