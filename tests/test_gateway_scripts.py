"""Which services take requests of scripts, as gateway.yaml says it, and whether people may have passkeys."""

from pathlib import Path

import pytest

from tests.gateway_texts import MINIMAL, faults, make_site, parse, with_state

HOST = "https://gw.example.edu"


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    return make_site(tmp_path)


def backend(more: str) -> str:
    """The one service, with this said of it."""
    head, mark, tail = MINIMAL.partition("storage: {")
    assert mark
    return with_state(f"{head}{mark}{more}, {tail}")


def test_no_service_takes_scripts_unasked(site: Path) -> None:
    assert not parse(with_state(MINIMAL), site).routes.backends["storage"].personal_tokens
    told = parse(backend("personal_tokens: true"), site).routes.backends["storage"]
    assert told.personal_tokens


@pytest.mark.parametrize(
    ("more", "code"),
    [
        pytest.param("personal_tokens: maybe", "not-a-boolean", id="neither true nor false"),
        pytest.param(
            "personal_tokens: true, host: notes.example.edu", "token-without-name", id="on its own host"
        ),
        pytest.param(
            "personal_tokens: true, identity: {provider_token: campus}",
            "token-without-name",
            id="a provider's token",
        ),
    ],
)
def test_what_is_refused(more: str, code: str, site: Path) -> None:
    assert code in [found for _, found in faults(backend(more), site)]


def passkeys(url: str) -> str:
    text = MINIMAL.replace("https://gw.example.edu", url)
    return with_state(f"{text}sign_in: {{passkeys: true}}\n")


@pytest.mark.parametrize("url", [HOST, "http://localhost:8080"])
def test_a_host_that_has_passkeys(url: str, site: Path) -> None:
    assert parse(passkeys(url), site).passkeys
    assert not parse(with_state(MINIMAL), site).passkeys


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "https://10.0.0.5", "https://[fd00::1]"])
def test_an_address_has_none(url: str, site: Path) -> None:
    text = passkeys(url)
    line = text.splitlines().index("sign_in: {passkeys: true}") + 1
    assert (line, "passkeys-without-name") in faults(text, site)
