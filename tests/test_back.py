"""Which addresses a sign-in may lead to afterwards."""

import pytest

from gateway.errors import InvalidRequestError
from gateway.pages.back import parse_back


@pytest.mark.parametrize("text", ["/auth/classes", "/auth/classes/join/K7MP-4XWT", "/auth/account"])
def test_a_page_of_ours(text: str) -> None:
    assert parse_back(text) == text


@pytest.mark.parametrize("text", [None, ""])
def test_none_was_named(text: str | None) -> None:
    assert parse_back(text) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("https://evil.example/auth/classes", id="another host"),
        pytest.param("//evil.example/auth", id="another host, our scheme"),
        pytest.param("/auth//evil.example", id="an empty segment"),
        pytest.param("/auth/../storage/v1/me", id="a way up"),
        pytest.param("/auth/classes?act=1", id="a query"),
        pytest.param("/auth/classes\n", id="a line end"),
        pytest.param("/auth\\evil", id="a backslash"),
        pytest.param("/storage/v1/me", id="a backend's"),
    ],
)
def test_anything_else(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        parse_back(text)
