import pytest

from gateway.routes import Address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h:1/", Address("http://h:1/", 0, False, "h", 1, None, "h:1", "/")),
        ("http://h", Address("http://h", 0, False, "h", 80, None, "h", "/")),
        ("https://h:443/a/b/", Address("https://h:443/a/b/", 0, True, "h", 443, None, "h", "/a/b/")),
        ("https://[::1]:444/", Address("https://[::1]:444/", 0, True, "::1", 444, None, "[::1]:444", "/")),
        ("unix:/run/x/y", Address("unix:/run/x/y", 0, False, "localhost", 80, "/run/x/y", "localhost", "/")),
    ],
)
def test_an_address_is_its_url_s_parts(url: str, address: Address) -> None:
    assert Address.of(url) == address
