"""What was overheard or stolen is used again: from right and wrong pages, in this browser and another."""

from urllib.parse import quote, urlsplit

import pytest

from tests.browser.conftest import NewReader
from tests.browser.house import House
from tests.browser.names import ALSO_TRUSTED, TRUSTED
from tests.browser.reader import Reader
from tests.browser.setting import Mode, Setting

PAGE = "hostile-book.html"
TOKENS = f"{PAGE}?tokens"  # whose browser loses the cookie
SETTINGS = pytest.mark.parametrize(
    "setting", [Setting.CHROMIUM, Setting.WEBKIT], ids=lambda setting: setting.label
)
TAKEN = "taken.filter((one) => one.url.endsWith(arg)).at(-1)"


def taken(reader: Reader, end: str) -> dict[str, object]:
    """The last request of the library to an address that ends so."""
    found: dict[str, object] = reader.book(TAKEN, end)
    return found


def again(reader: Reader, request: dict[str, object]) -> str:
    return str(reader.book("again(arg)", request))


def with_a_new_proof(reader: Reader, request: dict[str, object]) -> str:
    """The same form, by the key that the book keeps."""
    send = "kept().then(({key}) => signed(key, 'POST', arg.path, {body: new URLSearchParams(arg.body)}))"
    path = urlsplit(str(request["url"])).path
    return str(reader.book(send, {"path": path, "body": request["body"]}))


def test_a_code_and_a_ticket_are_good_once(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED, PAGE))
    reader.sign_in("Ola")
    ticket, code = taken(reader, "/auth/confirm"), taken(reader, "/auth/token")
    assert "invalid_dpop_proof" in again(reader, ticket)
    assert "invalid_grant" in with_a_new_proof(reader, ticket)
    reader.reload()
    assert reader.name() == "Ola", "a ticket that comes again ends nothing"
    assert "invalid_dpop_proof" in again(reader, code)
    reader.reload()
    assert reader.name() == "Ola", "neither does a proof that comes again"
    assert "invalid_grant" in with_a_new_proof(reader, code)
    reader.reload()
    assert reader.name() is None, "a code that comes again, with a new proof, ends what it began"


def sign_in_held(reader: Reader, page: str, name: str, end: str) -> dict[str, object]:
    """The sign-in gets as far as the request that ends so, which somebody else has now."""
    reader.open(f"{page}?hold={end}")
    reader.sign_in(name)
    assert reader.name() is None
    return taken(reader, end)


@SETTINGS
def test_a_code_and_a_ticket_of_another_origin(house: House, reader: Reader, setting: Setting) -> None:
    """Each is stolen before it was used, with all that belongs to it."""
    ours, theirs = house.books.origin(TRUSTED), house.books.origin(ALSO_TRUSTED)
    client = f"client_id={quote(ours, safe='')}", f"client_id={quote(theirs, safe='')}"
    table = [
        ("/auth/token", ("", ""), "origin_refused"),
        ("/auth/token", client, "invalid_grant"),
        ("/auth/confirm", ("", ""), "invalid_grant"),
    ]
    for end, change, code in table:
        stolen = sign_in_held(reader, house.book(TRUSTED, PAGE), "Pat", end)
        reader.open(house.book(ALSO_TRUSTED, PAGE))
        body = str(stolen["body"]).replace(*change)
        assert code in again(reader, {**stolen, "body": body}), end
        reader.reload()
        assert reader.name() is None


@SETTINGS
def test_tokens_without_their_key(house: House, reader: Reader, new_reader: NewReader) -> None:
    reader.open(house.book(TRUSTED, TOKENS))
    reader.sign_in("Qi", own_device=True)
    assert reader.mode() == Mode.DPOP
    stolen = reader.book(
        "kept().then(({token, refresh, key}) => ({token, refresh, extractable: key.privateKey.extractable}))"
    )
    assert stolen["token"]
    assert stolen["refresh"]
    assert stolen["extractable"] is False
    thief = new_reader("thief", setting=Setting.CHROMIUM)
    thief.open(house.book(TRUSTED, PAGE))
    answers = thief.book(
        """modules().then(({generateKey}) => generateKey()).then(async (key) => [
          await signed(key, "GET", "/storage/v1/items", {}, arg.token),
          await signed(key, "POST", "/auth/token", {body: new URLSearchParams(
            {grant_type: "refresh_token", refresh_token: arg.refresh, client_id: location.origin})}),
          await again({url: GATEWAY + "/storage/v1/items", headers: {Authorization: `Bearer ${arg.token}`}}),
          await again({url: GATEWAY + "/storage/v1/items", headers: {Authorization: `DPoP ${arg.token}`}}),
        ])""",
        stolen,
    )
    assert [answer[:3] for answer in answers] == ["401", "400", "401", "401"], answers
    reader.reload()
    assert reader.name() == "Qi"


@SETTINGS
def test_tokens_and_their_key_in_a_page_of_another_origin(house: House, reader: Reader) -> None:
    """A key that cannot be copied can still be lent within a browser: the origin does not come with it."""
    reader.open(house.book(TRUSTED, TOKENS))
    reader.sign_in("Ros", own_device=True)
    lent = "kept().then(({key, token, refresh}) => lend(key, token, refresh, arg))"
    answers = reader.book(lent, house.book(ALSO_TRUSTED, PAGE))
    assert [answer[:3] for answer in answers] == ["401", "403", "400"], answers
    answers = reader.book(lent, house.book(TRUSTED, PAGE))
    assert [answer[:3] for answer in answers] == ["200", "200", "200"], answers


@SETTINGS
def test_a_proof_of_a_write_is_good_once(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED, TOKENS))
    reader.sign_in("Sam", own_device=True)
    reader.book("book.save('a', 'first')")
    reader.until_saved()
    write = next(one for one in reader.book("taken") if one["method"] == "PUT")
    assert "login_required" in again(reader, write)
    elsewhere = {**write, "url": str(write["url"]).replace("/items/a", "/items/b")}
    assert "login_required" in again(reader, elsewhere)
    reader.reload()
    assert reader.book("book.load('a')") == "first"
    assert reader.book("book.load('b')") is None


def test_script_in_a_book_gets_no_token_for_the_cookie(house: House, reader: Reader) -> None:
    """It may begin a silent sign-in of its own: that is worth no more than the cookie that there is."""
    reader.open(house.book(TRUSTED, PAGE))
    reader.sign_in("Tess", own_device=True)
    assert reader.mode() == Mode.COOKIE
    plain = reader.book(
        """silentCode().then(({key, fields}) =>
          signed(key, "POST", "/auth/token", {body: new URLSearchParams(fields)}))"""
    )
    assert "interaction_required" in plain
    by_ticket = reader.book(
        """silentCode().then(async ({key, fields}) => {
          const body = new URLSearchParams({...fields, delivery: "cookie"});
          const {ticket} = JSON.parse((await signed(key, "POST", "/auth/token", {body})).slice(4));
          return signed(key, "POST", "/auth/confirm", {body: new URLSearchParams({ticket})});
        })"""
    )
    assert "interaction_required" in by_ticket
    assert "token" not in by_ticket.replace("interaction", "")
    reader.reload()
    assert reader.name() == "Tess"
