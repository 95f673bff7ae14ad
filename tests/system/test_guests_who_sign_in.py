"""A guest who signs in: the question, what becomes of the work, and who else would like to have it."""

import asyncio
from urllib.parse import urlsplit

import pytest

from gateway.cookies import book_name, guest_name
from tests.proofs import ProofKey
from tests.system.guests import (
    BUSY,
    ITEM,
    begin,
    code,
    confirm,
    exchange,
    merges,
    question,
    save,
    sign_in,
    token,
    told,
)
from tests.system.house import CONSENT, MIRROR, TRUSTED, House
from tests.system.reader import Flow, Got, refused
from tests.system.recording_backend import Connection, saying
from tests.system.test_protocol import user_of


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


async def test_only_what_is_asked_for_is_in_the_address(house: House) -> None:
    """`guest` is 1 or not there; the book is told, as of any other fault."""
    async with house.reader("ada") as ada:
        got = await ada.ask(Flow(TRUSTED, mode="fragment"), guest="yes")
        assert got.message["error"] == "invalid_request"
        assert urlsplit(got.one("Location") or "").netloc == "books.example.edu"
