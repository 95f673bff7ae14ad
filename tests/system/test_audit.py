"""Who may do what changes: one line for each act, and nothing in it that is not its business."""

import json
import re
from pathlib import Path

from gateway.directory.ids import person_id, pseudonym
from tests.lying_provider import CLIENT_ID
from tests.system.guests import begin
from tests.system.guests import sign_in as sign_in_with_guest
from tests.system.house import CONSENT, TRUSTED, House, open_house
from tests.system.reader import Flow, Reader

ADDRESS = re.compile(r"127\.0\.0\.1(?!/)")


def audit(house: House) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in house.log.getvalue().splitlines()]
    return [line for line in lines if line["event"] == "audit" and not str(line["act"]).startswith("keys.")]


def acts(house: House) -> list[object]:
    return [line["act"] for line in audit(house)]


async def on_account_page(reader: Reader, act: str) -> None:
    page = await reader.navigate("/auth/account", site="none")
    form = {"transaction": page.transaction, "act": act}
    assert (await reader.navigate("/auth/account", form=form)).status == 200


async def test_each_act_is_one_line_with_its_request(tmp_path: Path, redis_url: str) -> None:
    async with (
        open_house(tmp_path, redis_url) as house,
        house.reader("ada") as ada,
        house.reader("ada") as other,
    ):
        confirmed = await ada.sign_in(Flow(CONSENT))
        assert confirmed.status == 200
        assert acts(house) == ["sign_in", "consent.given", "sign_in.book"]
        ids = [line["id"] for line in audit(house)]
        assert await house.requests(*ids)
        assert len(set(ids)) == 3
        await other.sign_in_here()
        house.log.truncate(house.log.seek(0))
        await on_account_page(ada, "others")
        await on_account_page(ada, f"withdraw:{CONSENT}")
        await on_account_page(ada, "sign-out")
        assert acts(house) == ["sessions.ended", "consent.withdrawn", "sign_out.browser"]
        await ada.sign_in_here()
        await on_account_page(ada, "everywhere")
        assert acts(house)[3:] == ["sign_in", "sign_out.everywhere"]
        who = person_id(house.settings.keys.people, house.liar.issuer, "ada")
        assert {line["who"] for line in audit(house)} == {who}
        assert {line["from"] for line in audit(house)} == {"127.0.0.0/24"}


async def test_books_sign_out(tmp_path: Path, redis_url: str) -> None:
    async with open_house(tmp_path, redis_url) as house, house.reader("ada") as ada:
        for scope, act in (("book", "sign_out.book"), ("browser", "sign_out.browser")):
            flow = Flow(TRUSTED)
            await ada.sign_in(flow)
            assert (await ada.post(flow, "/auth/logout", {"scope": scope})).status == 200
            last = audit(house)[-1]
            assert (last["act"], last["origin"]) == (act, TRUSTED)


async def test_a_guest_and_what_became_of_it(tmp_path: Path, redis_url: str) -> None:
    async with open_house(tmp_path, redis_url) as house, house.reader("ada") as ada:
        await begin(ada, Flow(TRUSTED))
        await sign_in_with_guest(ada, Flow(TRUSTED), "keep")
        assert acts(house) == ["guest.begun", "sign_in", "sign_in.book", "guest.merged"]
        begun, _, signed_in, merged = audit(house)
        assert (merged["who"], merged["guest"]) == (signed_in["who"], begun["who"])


async def test_no_line_holds_a_secret_a_name_a_pseudonym_or_a_whole_address(
    tmp_path: Path, redis_url: str
) -> None:
    async with (
        open_house(tmp_path, redis_url) as house,
        house.reader("ada") as ada,
        house.reader("phone") as phone,
    ):
        confirmed = await ada.sign_in(Flow(CONSENT))
        assert confirmed.status == 200
        by_token = await phone.sign_in(Flow(TRUSTED), cookies=False)
        await ada.fetch(CONSENT, "GET", "/storage/v1/items/a")
        held = [*ada.first_party.values()]
        held += [value for jar in ada.partitions.values() for value in jar.values()]
        held += [str(by_token.json[name]) for name in ("access_token", "refresh_token")]
        who = person_id(house.settings.keys.people, house.liar.issuer, "ada")
        secrets = [value.split(".")[0] for value in held if len(value) > 20]
        secrets += [pseudonym(house.settings.keys.research, who, book) for book in ("ada", "ada.example.org")]
        secrets += [CLIENT_ID, house.settings.keys.root.decode(), '"ada"', '"Ada"']
        lines = [json.dumps(line) for line in audit(house)]
        assert len(lines) >= 5
        assert [secret for secret in secrets for line in lines if secret in line] == []
        assert [line for line in lines if ADDRESS.search(line.replace(house.url, ""))] == []
