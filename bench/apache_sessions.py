"""Sessions of Apache's mod_auth_openidc: real ones, by the authorization code flow against a provider."""

import ssl

import aiohttp

from bench.processes import Server

_COOKIE = "mod_auth_openidc_session"


async def sign_in(server: Server, trust: ssl.SSLContext, sessions: int) -> list[str]:
    """As many Cookie headers. SystemExit: the flow does not end where it should."""
    return [await _signed_in(server, trust) for _ in range(sessions)]


async def _signed_in(server: Server, trust: ssl.SSLContext) -> str:
    url = f"http://127.0.0.1:{server.port}/app/json"
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        aiohttp.ClientSession(cookie_jar=jar) as browser,
        browser.get(url, ssl=trust) as response,  # to the provider, back with a code, and to the page
    ):
        text = await response.text()
    found = {cookie.key: cookie.value for cookie in jar}
    if response.status != 200 or _COOKIE not in found:
        raise SystemExit(f"{server.name} signs nobody in: {response.status} {text[:500]}")
    return f"{_COOKIE}={found[_COOKIE]}"
