"""Guests: how they begin, where, and how they come back at another device."""

from pathlib import Path

import pytest

from gateway.cookies import book_name
from tests.system.guests import GRANT, ITEM, begin, claims, save, token
from tests.system.house import CONSENT, DENIED, MIRROR, ORIGINS, TRUSTED, House, open_house, subject
from tests.system.reader import Flow, refused
from tests.system.test_protocol import user_of, with_token


class TestBegin:
    @pytest.mark.parametrize("origin", [TRUSTED, CONSENT])
    async def test_by_cookie(self, house: House, origin: str) -> None:
        async with house.reader() as pupil:
            before = (await pupil.fetch(origin, "GET", "/auth/session")).json
            assert (before["user"], before["guests"]) == (None, True)
            confirmed = await begin(pupil, Flow(origin))
            assert confirmed.status == 200, confirmed.text
            assert (confirmed.json["mode"], confirmed.json["keep"]) == ("cookie", True)
            assert (confirmed.json["merged"], confirmed.json["merge"]) == (False, "none")
            assert "token" not in confirmed.text
            user = await user_of(pupil, origin)
            assert user is not None
            assert (user["name"], user["guest"]) == (None, True)
            person = await save(house, pupil, origin)
            assert claims(house.storage.last)["auth_level"] == "guest"
            assert user["sub"] != person
            assert await save(house, pupil, origin) == person

    async def test_the_cookie_outlives_the_browser(self, house: House) -> None:
        async with house.reader() as pupil:
            got = await token(pupil, Flow(TRUSTED), delivery="cookie")
            (line,) = got.every("Set-Cookie")
            assert line.startswith(book_name(TRUSTED))
            assert "Max-Age=31536000" in line
            assert "Partitioned" in line

    async def test_by_token(self, house: House) -> None:
        async with house.reader() as pupil:
            flow = Flow(TRUSTED)
            confirmed = await begin(pupil, flow, cookies=False)
            assert (confirmed.json["mode"], confirmed.json["keep"]) == ("dpop", True)
            got = await with_token(pupil, flow, str(confirmed.json["access_token"]), "GET", ITEM)
            assert got.status == 200, got.text
            fields = {"grant_type": "refresh_token", "client_id": TRUSTED}
            fields["refresh_token"] = str(confirmed.json["refresh_token"])
            refreshed = await pupil.post(flow, "/auth/token", fields)
            again = await with_token(pupil, flow, str(refreshed.json["access_token"]), "POST", ITEM)
            assert again.status == 200, again.text
            house.storage.assert_identity(subject(house.storage.last))

    async def test_a_plain_client(self, house: House) -> None:
        async with house.reader() as pupil:
            flow = Flow(TRUSTED)
            got = await token(pupil, flow)
            assert (got.status, got.json["token_type"]) == (200, "DPoP")
            assert not got.every("Set-Cookie")
            used = await with_token(pupil, flow, str(got.json["access_token"]), "GET", ITEM)
            assert used.status == 200, used.text

    async def test_two_guests_are_two_people(self, house: House) -> None:
        async with house.reader() as one, house.reader() as other:
            for pupil in (one, other):
                await begin(pupil, Flow(TRUSTED))
            assert await save(house, one) != await save(house, other)

    async def test_pending_serves_nothing(self, house: House) -> None:
        async with house.reader() as pupil:
            await token(pupil, Flow(TRUSTED), delivery="cookie")
            refused(await pupil.fetch(TRUSTED, "GET", ITEM), 401, "login_required")

    async def test_without_a_key(self, house: House) -> None:
        async with house.reader() as pupil:
            refused(await token(pupil, Flow(TRUSTED, key=None)), 400, "invalid_dpop_proof")

    async def test_over_a_session_that_is_alive(self, house: House) -> None:
        async with house.reader() as pupil, house.reader() as ada:
            await begin(pupil, Flow(TRUSTED))
            refused(await token(pupil, Flow(TRUSTED), delivery="cookie"), 409, "session_exists")
            await ada.sign_in(Flow(TRUSTED))
            refused(await token(ada, Flow(TRUSTED), delivery="cookie"), 409, "session_exists")

    async def test_sign_out(self, house: House) -> None:
        async with house.reader() as pupil:
            await begin(pupil, Flow(TRUSTED))
            got = await pupil.fetch(TRUSTED, "POST", "/auth/logout")
            assert (got.json["signed_out"], got.json["next"]) == ("guest", None)
            assert await user_of(pupil, TRUSTED) is None


class TestWhere:
    @pytest.mark.parametrize(
        ("origin", "status", "error"),
        [
            pytest.param(MIRROR, 403, "guests_refused", id="a book that names other ways in"),
            pytest.param("https://anybody.example.net", 403, "guests_refused", id="listed nowhere"),
            pytest.param(DENIED, 403, "origin_refused", id="denied"),
        ],
    )
    async def test_refused(self, house: House, origin: str, status: int, error: str) -> None:
        ways = ORIGINS.replace("book: mirror}", "book: mirror, sign_in: [campus]}")
        try:
            house.set_origins(ways)
            async with house.reader() as pupil:
                refused(await token(pupil, Flow(origin), delivery="cookie"), status, error)
                if status == 403 and error == "guests_refused":
                    got = await pupil.fetch(origin, "GET", "/auth/session")
                    assert got.json["guests"] is False
        finally:
            house.set_origins(ORIGINS)

    async def test_named_at_an_origin_that_no_entry_lists(self, house: House) -> None:
        named = ORIGINS.replace(
            "guest-book: {backends: [storage]}", "guest-book: {backends: [storage], sign_in: [campus, guest]}"
        )
        try:
            house.set_origins(named)
            async with house.reader() as pupil:
                assert (await begin(pupil, Flow("https://anybody.example.net"))).status == 200
        finally:
            house.set_origins(ORIGINS)

    async def test_a_book_that_takes_guests_no_more(self, house: House) -> None:
        async with house.reader() as pupil:
            await begin(pupil, Flow(MIRROR))
            try:
                house.set_origins(ORIGINS.replace("book: mirror}", "book: mirror, sign_in: [campus]}"))
                refused(await pupil.fetch(MIRROR, "GET", ITEM), 401, "login_required")
            finally:
                house.set_origins(ORIGINS)
            assert (await pupil.fetch(MIRROR, "GET", ITEM)).status == 200

    async def test_off_unless_gateway_yaml_says_so(self, tmp_path: Path, redis_url: str) -> None:
        async with open_house(tmp_path, redis_url, guests="false") as house, house.reader() as pupil:
            refused(await token(pupil, Flow(TRUSTED), delivery="cookie"), 403, "guests_refused")
            assert (await pupil.fetch(TRUSTED, "GET", "/auth/session")).json["guests"] is False
            page = await pupil.fetch(TRUSTED, "GET", "/.well-known/oauth-authorization-server")
            assert GRANT not in page.text

    async def test_a_service_that_takes_no_guests(self, house: House) -> None:
        async with house.reader() as pupil:
            await begin(pupil, Flow(TRUSTED))
            house.storage.clear()
            refused(await pupil.fetch(TRUSTED, "GET", "/grades/a"), 403, "sign_in_required")
            assert not house.storage.received
            assert (await pupil.fetch(TRUSTED, "GET", "/analytics/a")).status == 200
            assert claims(house.analytics.last)["auth_level"] == "guest"

    @pytest.mark.parametrize("limit", ["per_address", "per_origin"])
    async def test_there_is_an_end_to_it(self, tmp_path: Path, redis_url: str, limit: str) -> None:
        async with open_house(tmp_path, redis_url, guest_limits=f"{{{limit}: 2/h}}") as house:
            for _ in range(2):
                async with house.reader() as pupil:
                    assert (await begin(pupil, Flow(TRUSTED))).status == 200
            async with house.reader() as pupil:
                got = await token(pupil, Flow(TRUSTED), delivery="cookie")
                refused(got, 429, "too_many_guests")
                assert got.one("Retry-After") == "3600"
                other = await token(pupil, Flow(MIRROR), delivery="cookie")
                assert other.status == (200 if limit == "per_origin" else 429)

    @pytest.mark.parametrize(
        "path", ["/storage/v1/internal/merge", "/storage/v1/%69nternal/merge", "/grades/INTERNAL/x"]
    )
    async def test_nobody_reaches_an_internal_path(self, house: House, path: str) -> None:
        async with house.reader() as pupil, house.reader() as ada:
            await begin(pupil, Flow(TRUSTED))
            await ada.sign_in(Flow(TRUSTED))
            house.storage.clear()
            for reader in (pupil, ada):
                assert (await reader.fetch(TRUSTED, "POST", path)).status in {400, 404}
            assert not house.storage.received


class TestReturnCode:
    async def test_at_another_device(self, house: House) -> None:
        async with house.reader() as here, house.reader() as there:
            await begin(here, Flow(TRUSTED))
            got = await here.fetch(TRUSTED, "POST", "/auth/guest-code")
            spelled = str(got.json["code"])
            assert [len(part) for part in spelled.split("-")] == [4, 4, 4]
            assert not set(spelled) & set("01ILOU")
            assert got.json["expires_in"] == 365 * 86400
            assert (await here.fetch(TRUSTED, "POST", "/auth/guest-code")).json["code"] == spelled
            typed = spelled.lower().replace("-", " ")
            assert (await begin(there, Flow(TRUSTED), return_code=typed)).status == 200
            assert await save(house, there) == await save(house, here)

    @pytest.mark.parametrize("wrong", ["", "7KMN", "7KMN-P4QR-X2ZD", "7KMN-P4QR-X2Z0", "x" * 5000, "Ж" * 12])
    async def test_a_wrong_one(self, house: House, wrong: str) -> None:
        async with house.reader() as pupil:
            got = await token(pupil, Flow(TRUSTED), delivery="cookie", return_code=wrong)
            refused(got, 400, "invalid_grant")
            assert not got.every("Set-Cookie")

    async def test_at_another_origin(self, house: House) -> None:
        async with house.reader() as pupil, house.reader() as thief:
            await begin(pupil, Flow(TRUSTED))
            spelled = str((await pupil.fetch(TRUSTED, "POST", "/auth/guest-code")).json["code"])
            got = await token(thief, Flow(MIRROR), delivery="cookie", return_code=spelled)
            refused(got, 400, "invalid_grant")

    async def test_for_guests_alone(self, house: House) -> None:
        async with house.reader("ada") as ada:
            refused(await ada.fetch(TRUSTED, "POST", "/auth/guest-code"), 401, "login_required")
            await ada.sign_in(Flow(TRUSTED))
            refused(await ada.fetch(TRUSTED, "POST", "/auth/guest-code"), 403, "forbidden")

    async def test_not_for_whom_the_page_took_for_another(self, house: House) -> None:
        async with house.reader() as pupil:
            await begin(pupil, Flow(TRUSTED))
            got = await pupil.fetch(TRUSTED, "POST", "/auth/guest-code", X_Bookgate_Person="somebody")
            refused(got, 409, "person_changed")

    async def test_guessing_has_an_end(self, tmp_path: Path, redis_url: str) -> None:
        async with open_house(tmp_path, redis_url, guest_limits="{per_address: 2/h}") as house:
            async with house.reader() as thief:
                answers = [
                    await token(thief, Flow(TRUSTED), delivery="cookie", return_code="7KMN-P4QR-X2ZD")
                    for _ in range(3)
                ]
            assert [got.error for got in answers] == ["invalid_grant", "invalid_grant", "too_many_guests"]
