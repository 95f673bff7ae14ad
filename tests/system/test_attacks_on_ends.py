"""What is left after an end: a sign-out that fails halfway, a grant taken back, cookies that pile up."""

from pathlib import Path

from redis.asyncio import Redis

from gateway.cookies import SIGN_IN
from tests.redis_server import RedisServer
from tests.system.house import CONSENT, ORIGINS, TRUSTED, House, open_house
from tests.system.reader import Flow, refused

ITEM = "/storage/v1/items/a"


async def test_a_sign_out_that_fails_halfway_can_be_asked_again(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    """The book's own session must not end first: nobody could ask for the browser's any more."""
    async with open_house(tmp_path, redis_server.url) as house, house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        redis = Redis.from_url(redis_server.url)
        try:
            only_books = ("resetkeys", "%R~*", "%RW~*:b:*")
            await redis.execute_command("ACL", "SETUSER", "default", *only_books)  # type: ignore[no-untyped-call]
            refused(await ada.fetch(TRUSTED, "POST", "/auth/logout"), 503, "sessions_unavailable")
            await redis.execute_command("ACL", "SETUSER", "default", "allkeys")  # type: ignore[no-untyped-call]
        finally:
            await redis.aclose()
        got = await ada.fetch(TRUSTED, "POST", "/auth/logout")
        assert got.json["signed_out"] == "browser"
        assert "Sign in" in (await ada.navigate("/auth/account", site="none")).text


async def test_a_grant_taken_back_before_the_session_is_confirmed(house: House) -> None:
    """Between exchange and confirm: neither a token nor the person's name goes to such an origin."""
    for cookies in (True, False):
        async with house.reader() as ada:
            flow = Flow(TRUSTED)
            code = await ada.code(flow)
            got = await ada.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
            if not cookies:
                ada.partitions.clear()
            try:
                house.set_origins(ORIGINS.replace(f"- {TRUSTED}\n", "- https://other.example.edu\n"))
                confirmed = await ada.post(flow, "/auth/confirm", {"ticket": str(got.json["ticket"])})
                refused(confirmed, 400, "invalid_grant")
            finally:
                house.set_origins(ORIGINS)
            refused(await ada.fetch(TRUSTED, "GET", ITEM), 401, "login_required")


async def test_what_was_issued_before_a_sign_out_is_worth_nothing_after_it(house: House) -> None:
    async with house.reader() as ada:
        mine, token = Flow(TRUSTED), Flow(CONSENT)
        tokens = (await ada.sign_in(token, cookies=False)).json
        code = await ada.code(mine)
        ticket = await ada.post(mine, "/auth/token", mine.exchange(await ada.code(mine), delivery="cookie"))
        page = await ada.navigate("/auth/logout", site="none")
        await ada.navigate("/auth/account", form={"transaction": page.transaction, "act": "sign-out"})
        got = await ada.post(mine, "/auth/token", mine.exchange(code, delivery="cookie"))
        refused(got, 400, "invalid_grant")
        got = await ada.post(mine, "/auth/confirm", {"ticket": str(ticket.json["ticket"])})
        refused(got, 400, "invalid_grant")
        fields = {"grant_type": "refresh_token", "refresh_token": str(tokens["refresh_token"])}
        got = await ada.post(token, "/auth/token", {**fields, "client_id": CONSENT})
        refused(got, 400, "invalid_grant")


async def test_pages_that_are_opened_again_and_again_drown_no_cookie(house: House) -> None:
    """Browsers keep some 150 cookies of a site and forget the oldest first: that would be the sign-in."""
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        for _ in range(40):
            last = await ada.ask(Flow(CONSENT))
        assert SIGN_IN in ada.first_party
        assert len(ada.first_party) < 30
        assert "code" in (await ada.answer(last, "allow")).message, "the newest page still works"
