"""Guests: work before a sign-in, the question at the sign-in, and what becomes of the work."""

import asyncio
import json
from base64 import urlsafe_b64decode
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.cookies import book_name, guest_name
from tests.proofs import ProofKey
from tests.system.house import CONSENT, DENIED, MIRROR, ORIGINS, TRUSTED, House, open_house, subject
from tests.system.reader import Flow, Got, Reader, refused
from tests.system.recording_backend import OK, Connection, Received, saying
from tests.system.test_protocol import user_of, with_token

ITEM = "/storage/v1/items/a"
GRANT = "urn:bookgate:guest"
MERGE = "/v1/internal/merge"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


async def begin(reader: Reader, flow: Flow, *, cookies: bool = True, **more: str) -> Got:
    """A guest begins; the answer of the confirm. cookies=False: this browser keeps none."""
    got = await token(reader, flow, delivery="cookie", **more)
    assert got.status == 200, got.text
    if not cookies:
        reader.partitions.clear()
    return await reader.post(flow, "/auth/confirm", {"ticket": str(got.json["ticket"])})


async def token(reader: Reader, flow: Flow, **more: str) -> Got:
    return await reader.post(flow, "/auth/token", {"grant_type": GRANT, "client_id": flow.origin, **more})


async def question(reader: Reader, flow: Flow, **more: str) -> Got:
    """Authorize as a guest's book does, up to the page with the question."""
    got = await reader.ask(flow, guest="1", **more)
    return await reader.through_provider(got) if got.status == 303 else got


async def code(reader: Reader, flow: Flow, decision: str) -> str:
    return (await reader.answer(await question(reader, flow), decision)).message["code"]


async def exchange(reader: Reader, flow: Flow, decision: str, **more: str) -> str:
    """Up to the ticket."""
    fields = flow.exchange(await code(reader, flow, decision), delivery="cookie", **more)
    got = await reader.post(flow, "/auth/token", fields)
    assert got.status == 200, got.text
    return str(got.json["ticket"])


async def confirm(reader: Reader, flow: Flow, ticket: str) -> Got:
    return await reader.post(flow, "/auth/confirm", {"ticket": ticket})


async def sign_in(reader: Reader, flow: Flow, decision: str, **more: str) -> Got:
    return await confirm(reader, flow, await exchange(reader, flow, decision, **more))


async def save(house: House, reader: Reader, origin: str = TRUSTED) -> str:
    """Whose the work is, in storage's terms."""
    got = await reader.fetch(origin, "PUT", ITEM, b"{}", Content_Type="application/json")
    assert got.status == 200, got.text
    return subject(house.storage.last)


def claims(received: Received) -> dict[str, object]:
    (line,) = received.values("X-Bookgate-Assertion")
    head, payload = (json.loads(urlsafe_b64decode(part + "==")) for part in line.split(".")[:2])
    return {"typ": head["typ"], **payload}


def merges(house: House) -> list[dict[str, object]]:
    return [claims(received) for received in house.storage.received if received.target == MERGE]


async def told(house: House) -> dict[str, object]:
    """The first merge that storage is told of from now on."""
    heard = asyncio.Event()

    async def listen(connection: Connection) -> None:
        await saying(OK)(connection)
        if connection.received.target == MERGE:
            heard.set()

    house.storage.script = listen
    async with asyncio.timeout(20):
        await heard.wait()
    return merges(house)[0]


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


class TestKeep:
    async def test_yes(self, house: House) -> None:
        async with house.reader("ada") as ada:
            await begin(ada, Flow(TRUSTED))
            guest = await save(house, ada)
            confirmed = await sign_in(ada, Flow(TRUSTED), "keep")
            assert (confirmed.json["merged"], confirmed.json["merge"]) == (True, "done")
            (said,) = merges(house)
            person = await save(house, ada)
            assert person != guest
            assert (said["typ"], said["purpose"], said["book"]) == (
                "bookgate-internal+jwt",
                "merge",
                "books.example.edu",
            )
            assert (said["sub"], said["from"], said["aud"]) == (person, guest, "storage")
            assert not house.analytics.received, "a service that is not told of merges"
            user = await user_of(ada, TRUSTED)
            assert user is not None
            assert user["guest"] is False
            assert guest_name(TRUSTED) not in ada.partitions["example.edu"]

    async def test_the_guest_is_gone_on_every_device(self, house: House) -> None:
        async with house.reader("ada") as ada, house.reader() as other:
            await begin(ada, Flow(TRUSTED))
            got = await ada.fetch(TRUSTED, "POST", "/auth/guest-code")
            await begin(other, Flow(TRUSTED), return_code=str(got.json["code"]))
            assert await save(house, ada) == await save(house, other)
            await sign_in(ada, Flow(TRUSTED), "keep")
            assert await user_of(other, TRUSTED) is None
            refused(
                await token(other, Flow(TRUSTED), delivery="cookie", return_code=str(got.json["code"])),
                400,
                "invalid_grant",
            )

    async def test_no(self, house: House) -> None:
        async with house.reader("ada") as ada:
            await begin(ada, Flow(TRUSTED))
            confirmed = await sign_in(ada, Flow(TRUSTED), "leave")
            assert (confirmed.json["merged"], confirmed.json["merge"]) == (False, "none")
            assert not merges(house)
            await ada.fetch(TRUSTED, "POST", "/auth/logout")
            assert await user_of(ada, TRUSTED) is None, "this browser has forgotten the guest"

    async def test_one_page_for_both_questions(self, house: House) -> None:
        async with house.reader("una") as una:
            await begin(una, Flow(CONSENT))
            page = await question(una, Flow(CONSENT))
            assert 'value="allow-keep"' in page.text
            assert 'value="allow-leave"' in page.text
            assert "Keep the work done here before you signed in?" in page.text
            flow = Flow(CONSENT)
            confirmed = await sign_in(una, flow, "allow-keep")
            assert confirmed.json["merge"] == "done"
            again = await question(una, Flow(CONSENT))
            assert 'value="keep"' in again.text, "consent was given: only the other question is left"

    async def test_the_answer_of_another_page_is_none(self, house: House) -> None:
        async with house.reader("ada") as ada:
            for decision in ("go", "allow", "yes"):
                page = await question(ada, Flow(TRUSTED))
                assert (await ada.answer(page, decision)).status == 400

    async def test_silently_it_is_not_asked(self, house: House) -> None:
        async with house.reader("ada") as ada:
            await ada.sign_in_here(own_device="1")
            got = await ada.ask(Flow(TRUSTED), guest="1", prompt="none")
            assert got.message["error"] == "interaction_required"

    async def test_by_token(self, house: House) -> None:
        async with house.reader("ada") as ada:
            key = ProofKey()
            confirmed = await begin(ada, Flow(TRUSTED, key=key), cookies=False)
            guest = str(confirmed.json["refresh_token"])
            flow = Flow(TRUSTED, key=key)
            ticket = await exchange(ada, flow, "keep", guest_token=guest)
            ada.partitions.clear()
            assert (await confirm(ada, flow, ticket)).json["merge"] == "done"
            fields = {"grant_type": "refresh_token", "client_id": TRUSTED, "refresh_token": guest}
            refused(await ada.post(flow, "/auth/token", fields), 400, "invalid_grant")

    async def test_a_plain_client(self, house: House) -> None:
        async with house.reader("ada") as ada:
            key = ProofKey()
            got = await token(ada, Flow(TRUSTED, key=key))
            flow = Flow(TRUSTED, key=key)
            fields = flow.exchange(await code(ada, flow, "keep"), guest_token=str(got.json["access_token"]))
            assert (await ada.post(flow, "/auth/token", fields)).json["merge"] == "done"
            assert len(merges(house)) == 1

    async def test_a_guest_joins_a_guest(self, house: House) -> None:
        async with house.reader() as first, house.reader() as second:
            await begin(first, Flow(TRUSTED))
            await begin(second, Flow(TRUSTED))
            survivor, loser = await save(house, first), await save(house, second)
            returned = str((await first.fetch(TRUSTED, "POST", "/auth/guest-code")).json["code"])
            got = await token(second, Flow(TRUSTED), delivery="cookie", return_code=returned)
            refused(got, 409, "session_exists")
            confirmed = await begin(second, Flow(TRUSTED), return_code=returned, keep="yes")
            assert confirmed.json["merge"] == "done"
            (said,) = merges(house)
            assert (said["sub"], said["from"]) == (survivor, loser)
            assert await save(house, second) == survivor


class TestNothingIsLost:
    async def test_a_sign_in_that_is_never_confirmed(self, house: House) -> None:
        async with house.reader("ada") as ada:
            await begin(ada, Flow(TRUSTED))
            guest = await save(house, ada)
            await exchange(ada, Flow(TRUSTED), "keep")
            user = await user_of(ada, TRUSTED)
            assert user is not None
            assert user["guest"] is True, "until a sign-in is confirmed the browser is the guest"
            assert await save(house, ada) == guest
            assert (await sign_in(ada, Flow(TRUSTED), "keep")).json["merge"] == "done"
            assert merges(house)[0]["from"] == guest

    async def test_a_sign_in_that_did_not_ask(self, house: House) -> None:
        async with house.reader("ada") as ada:
            await begin(ada, Flow(TRUSTED))
            guest = await save(house, ada)
            await ada.sign_in(Flow(TRUSTED))
            assert await save(house, ada) != guest
            assert not merges(house)
            await ada.fetch(TRUSTED, "POST", "/auth/logout")
            assert await save(house, ada) == guest

    async def test_a_service_that_is_away_is_told_later(self, house: House) -> None:
        async with house.reader("ada") as ada:
            await begin(ada, Flow(TRUSTED))
            guest = await save(house, ada)
            house.storage.script = saying(BUSY)
            confirmed = await sign_in(ada, Flow(TRUSTED), "keep")
            assert (confirmed.json["merged"], confirmed.json["merge"]) == (False, "later")
            house.storage.clear()
            said = await told(house)
            assert said["from"] == guest
            person = await save(house, ada)
            assert said["sub"] == person

    async def test_a_service_that_hangs_keeps_nobody_waiting(self, house: House) -> None:
        async def hang(connection: Connection) -> None:
            await connection.read_body()
            await asyncio.Event().wait()

        async with house.reader("ada") as ada:
            await begin(ada, Flow(TRUSTED))
            guest = await save(house, ada)
            flow = Flow(TRUSTED)
            ticket = await exchange(ada, flow, "keep")
            house.storage.script = hang
            async with asyncio.timeout(6):
                confirmed = await confirm(ada, flow, ticket)
            assert confirmed.json["merge"] == "later"
            house.storage.clear()
            assert (await told(house))["from"] == guest


class TestAttacks:
    """Whatever is wrong, the sign-in goes on and nobody's work becomes anybody's."""

    async def nothing(self, house: House, confirmed: Got) -> None:
        assert confirmed.status == 200, confirmed.text
        assert (confirmed.json["merged"], confirmed.json["merge"]) == (False, "none")
        assert not merges(house)

    async def test_a_guests_cookie_of_another_origin(self, house: House) -> None:
        async with house.reader() as victim, house.reader("eve") as eve:
            await begin(victim, Flow(MIRROR))
            stolen = victim.partitions["example.edu"][book_name(MIRROR)]
            for name in (book_name(TRUSTED), guest_name(TRUSTED)):
                eve.partitions["example.edu"] = {name: stolen}
                await self.nothing(house, await sign_in(eve, Flow(TRUSTED), "keep"))
            assert (await user_of(victim, MIRROR) or {})["guest"] is True

    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    async def test_a_guests_token_without_its_key(self, house: House, kind: str) -> None:
        async with house.reader() as victim, house.reader("eve") as eve:
            confirmed = await begin(victim, Flow(TRUSTED), cookies=False)
            stolen = str(confirmed.json[kind])
            await self.nothing(house, await sign_in(eve, Flow(TRUSTED), "keep", guest_token=stolen))

    async def test_a_guests_token_of_another_origin(self, house: House) -> None:
        async with house.reader("eve") as eve:
            key = ProofKey()
            confirmed = await begin(eve, Flow(MIRROR, key=key), cookies=False)
            token_there = str(confirmed.json["refresh_token"])
            got = await sign_in(eve, Flow(TRUSTED, key=key), "keep", guest_token=token_there)
            await self.nothing(house, got)

    @pytest.mark.parametrize("forged", ["", "x", "a.b.c", "A" * 43 + "." + "B" * 16 + "." + "C" * 22])
    async def test_a_forged_token(self, house: House, forged: str) -> None:
        async with house.reader("eve") as eve:
            await self.nothing(house, await sign_in(eve, Flow(TRUSTED), "keep", guest_token=forged))

    async def test_a_persons_token_is_no_guests(self, house: House) -> None:
        async with house.reader("ada") as ada, house.reader("eve") as eve:
            key = ProofKey()
            confirmed = await ada.sign_in(Flow(TRUSTED, key=key), cookies=False)
            stolen = str(confirmed.json["refresh_token"])
            got = await sign_in(eve, Flow(TRUSTED, key=key), "keep", guest_token=stolen)
            await self.nothing(house, got)

    async def test_a_code_that_nobody_was_asked_for(self, house: House) -> None:
        async with house.reader("ada") as ada:
            await begin(ada, Flow(TRUSTED))
            await self.nothing(house, await ada.sign_in(Flow(TRUSTED)))

    async def test_only_yes_is_yes(self, house: House) -> None:
        """What the book says at the exchange does not count: the answer lies with the code."""
        async with house.reader("ada") as ada:
            await begin(ada, Flow(TRUSTED))
            await self.nothing(house, await sign_in(ada, Flow(TRUSTED), "leave", keep="yes", guest="1"))

    async def test_a_guest_of_one_origin_is_nobody_at_another(self, house: House) -> None:
        async with house.reader() as pupil:
            await begin(pupil, Flow(MIRROR))
            pupil.partitions["example.edu"][book_name(TRUSTED)] = pupil.partitions["example.edu"][
                book_name(MIRROR)
            ]
            refused(await pupil.fetch(TRUSTED, "GET", ITEM), 401, "login_required")

    async def test_the_page_is_for_whom_it_was_made(self, house: House) -> None:
        async with house.reader("ada") as ada, house.reader("eve") as eve:
            page = await question(ada, Flow(TRUSTED))
            await eve.sign_in_here()
            got = await eve.answer(page, "keep")
            assert got.status in {400, 403}


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


async def test_only_what_is_asked_for_is_in_the_address(house: House) -> None:
    """`guest` is 1 or not there; the book is told, as of any other fault."""
    async with house.reader("ada") as ada:
        got = await ada.ask(Flow(TRUSTED, mode="fragment"), guest="yes")
        assert got.message["error"] == "invalid_request"
        assert urlsplit(got.one("Location") or "").netloc == "books.example.edu"
