"""A platform registers this site by itself: by an invitation, once; then its courses open books."""

import asyncio
import html
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from aiohttp import web
from typer.testing import CliRunner

from gateway.__main__ import app
from tests.lti_platform import LtiPlatform, lti_platform
from tests.lying_provider import SECRET
from tests.system.house import TRUSTED, House, open_house
from tests.system.reader import Got, Reader
from tests.system.test_lti import Course
from tests.system.tool_keys import write_tool_key

TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"


@dataclass
class Registrar:
    """What a platform says of itself and answers. heard: the registrations that came, and their token."""

    said: dict[str, object] = field(default_factory=dict)
    status: int = 201
    answer: dict[str, object] = field(
        default_factory=lambda: {"client_id": "c-77", TOOL: {"deployment_id": "1:abc"}}
    )
    heard: list[tuple[str | None, dict[str, object]]] = field(default_factory=list)


@dataclass
class Site:
    house: House
    folder: Path
    redis: str
    platform: LtiPlatform
    registrar: Registrar

    async def cli(self, *words: str) -> tuple[int, str]:
        """Of the same site, in a process's own loop."""
        command = ["lti", *words, "--config", str(self.folder / "gateway.yaml")]
        environment = {"REDIS": self.redis, "SECRET": SECRET}
        ran = await asyncio.to_thread(CliRunner().invoke, app, command, env=environment)
        return ran.exit_code, ran.output

    async def invitation(self, *words: str) -> str:
        status, output = await self.cli("invite", "campus-lms", self.platform.issuer, *words)
        assert status == 0, output
        return next(line for line in output.splitlines() if "/auth/lti/register?" in line)

    def opened_there(self, invitation: str, configuration: str | None = None) -> str:
        """As the platform opens it, in a frame."""
        given = {
            "openid_configuration": configuration or f"{self.platform.issuer}/config",
            "registration_token": "r-t",
        }
        return f"{invitation}&{urlencode(given)}"


async def opens(reader: Reader, address: str) -> Got:
    return await reader.navigate(address, headers={"Sec-Fetch-Dest": "iframe"})


async def connects(reader: Reader, page: Got) -> Got:
    """A yes on the page."""
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text)
    form = {name: html.unescape(value) for name, value in hidden}
    assert form, page.text
    return await reader.navigate("/auth/lti/register", form=form, headers={"Sec-Fetch-Dest": "iframe"})


@asynccontextmanager
async def registering(platform: LtiPlatform) -> AsyncGenerator[tuple[Registrar, str]]:
    registrar, keys = Registrar(), f"{platform.issuer}/mod/lti/certs.php"

    async def configuration(request: web.Request) -> web.Response:
        own = f"http://{request.host}"
        said = {
            "issuer": own,
            "registration_endpoint": f"{own}/register",
            "authorization_endpoint": f"{own}/auth",
            "token_endpoint": f"{own}/token",
            "jwks_uri": keys,
            **registrar.said,
        }
        return web.json_response(said)

    async def register(request: web.Request) -> web.Response:
        registrar.heard.append((request.headers.get("Authorization"), await request.json()))
        return web.json_response(registrar.answer, status=registrar.status)

    served = web.Application()
    served.router.add_get("/config", configuration)
    served.router.add_post("/register", register)
    runner = web.AppRunner(served)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield registrar, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture(name="site")
async def _site(tmp_path: Path, redis_url: str) -> AsyncIterator[Site]:
    write_tool_key(tmp_path)
    async with (
        lti_platform() as platform,
        registering(platform) as (registrar, issuer),
        open_house(tmp_path, redis_url) as house,
    ):
        platform.issuer = issuer
        platform.client_id = "c-77"
        yield Site(house, tmp_path, redis_url, platform, registrar)


async def test_an_administrator_says_yes_and_courses_open_books(site: Site) -> None:
    async with site.house.reader() as admin, site.house.reader() as ada:
        course = Course(site.house, site.platform)
        target = f"{TRUSTED}/cs1/"
        assert "does not know the platform" in (await course.sent(ada, target)).text
        page = await opens(admin, site.opened_there(await site.invitation("--scores")))
        assert page.status == 200
        assert f"frame-ancestors {site.platform.issuer}" in (page.one("Content-Security-Policy") or "")
        assert site.registrar.heard == [], "nothing is asked before the yes"
        done = await connects(admin, page)
        assert "Connected" in done.text
        assert "org.imsglobal.lti.close" in done.text
        ((token, said),) = site.registrar.heard
        assert token == "Bearer r-t"
        assert said["initiate_login_uri"] == f"{site.house.url}/auth/lti/login"
        assert said["jwks_uri"] == f"{site.house.url}/auth/lti/jwks"
        assert await course.arrives(ada, target=target) == f"{target}#bookgate=launched"
        status, listed = await site.cli("list", "--json")
        (row,) = json.loads(listed)
        assert (status, row["client_id"], row["deployments"], row["scores"]) == (0, "c-77", ["1:abc"], True)
        assert (await site.cli("remove", "campus-lms"))[0] == 0
        assert "does not know the platform" in (await course.sent(ada, target)).text
        assert (await site.cli("remove", "campus-lms"))[0] == 1


async def test_it_may_open_only_the_books_of_its_invitation(site: Site) -> None:
    async with site.house.reader() as admin, site.house.reader() as ada:
        invitation = await site.invitation("--book", "mirror")
        assert (await connects(admin, await opens(admin, site.opened_there(invitation)))).status == 200
        assert (await Course(site.house, site.platform).sent(ada, f"{TRUSTED}/cs1/")).status == 403


async def test_an_invitation_counts_once(site: Site) -> None:
    async with site.house.reader() as admin:
        first, second = await site.invitation(), await site.invitation()
        got_back = (await opens(admin, site.opened_there(first))).text
        assert "The platform was not connected" in got_back
        assert "Ask for a new one" in got_back, "taken back"
        page = await opens(admin, site.opened_there(second))
        got = await asyncio.gather(connects(admin, page), connects(admin, page))
        assert sorted(one.status for one in got) == [200, 403]
        assert (await opens(admin, site.opened_there(second))).status == 403
        unknown = re.sub(r"invitation=[^&]+", "invitation=x", site.opened_there(second))
        assert (await opens(admin, unknown)).status == 403


async def test_an_invitation_that_is_opened_by_itself_says_where_it_belongs(site: Site) -> None:
    async with site.house.reader() as admin:
        invitation = await site.invitation()
        got = await admin.navigate(invitation.removeprefix(site.house.url), site="none")
        assert (got.status, "The platform was not connected" in got.text) == (400, True)
        assert "paste it there" in got.text
        assert (await opens(admin, site.opened_there(invitation))).status == 200, "it is as good as before"


async def test_no_other_site_is_asked_anything(site: Site) -> None:
    async with site.house.reader() as admin:
        invitation = await site.invitation()
        got = await opens(admin, site.opened_there(invitation, f"{site.house.private}/metrics"))
        assert (got.status, "another site came with it" in got.text) == (403, True)
        assert f"frame-ancestors {site.platform.issuer}" in (got.one("Content-Security-Policy") or "")
        form = dict(parse_qsl(urlsplit(site.opened_there(invitation, "http://127.0.0.1:1/x")).query))
        assert (await admin.navigate("/auth/lti/register", form=form)).status == 403
        headers = {"Origin": site.platform.issuer, "Sec-Fetch-Site": "cross-site"}
        given = dict(parse_qsl(urlsplit(site.opened_there(invitation)).query))
        assert (await admin.navigate("/auth/lti/register", form=given, headers=headers)).status == 403
        assert site.registrar.heard == []


@pytest.mark.parametrize(
    ("said", "status", "answer"),
    [
        pytest.param({"issuer": "https://evil.example"}, 201, {"client_id": "c"}, id="another issuer"),
        pytest.param({"jwks_uri": "http://10.0.0.1/keys"}, 201, {"client_id": "c"}, id="keys in the clear"),
        pytest.param({}, 400, {"error": "no"}, id="refused"),
        pytest.param({}, 201, {}, id="no client id"),
    ],
)
async def test_a_platform_that_lies_or_refuses_changes_nothing(
    site: Site, said: dict[str, object], status: int, answer: dict[str, object]
) -> None:
    site.registrar.said, site.registrar.status, site.registrar.answer = said, status, answer
    async with site.house.reader() as admin:
        page = await opens(admin, site.opened_there(await site.invitation()))
        got = await connects(admin, page)
        assert (got.status, "nothing was changed here" in got.text) == (502, True)
        assert "  invited\n" in (await site.cli("list"))[1]
        site.registrar.said, site.registrar.status = {}, 201
        site.registrar.answer = {"client_id": "c-77"}
        got = await connects(admin, page)
        assert (got.status, "deployment id" in got.text) == (200, True), "and it can be tried again"
        assert "lti.close" not in got.text, "what is to be read stays"
        assert (await site.cli("add-deployment", "campus-lms", "1:abc"))[0] == 0
        assert (await site.cli("add-deployment", "nobody", "1"))[0] == 1
        target = f"{TRUSTED}/cs1/"
        assert await Course(site.house, site.platform).arrives(admin, target=target)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        pytest.param(("A b", "https://lms.example.edu"), 2, "A name has up to", id="a name"),
        pytest.param(("lms", "http://lms.example.edu"), 2, "is written https://HOST", id="in the clear"),
        pytest.param(("lms", "https://lms.example.edu/"), 2, "no slash", id="a slash"),
    ],
)
async def test_an_invitation_that_cannot_be(
    site: Site, words: tuple[str, ...], status: int, said: str
) -> None:
    ended, output = await site.cli("invite", *words)
    assert (ended, said in re.sub(r"[\s│]+", " ", output)) == (status, True), output


async def test_a_name_stays_its_owner_s(site: Site) -> None:
    async with site.house.reader() as admin:
        await connects(admin, await opens(admin, site.opened_there(await site.invitation())))
    status, output = await site.cli("invite", "campus-lms", "https://lms.example.edu")
    assert (status, "another site has registered" in output) == (1, True)
