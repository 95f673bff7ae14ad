"""One origin, several books: the session answer says which page is whose."""

from pathlib import Path

from tests.system.house import ORIGINS, TRUSTED, open_house
from tests.system.reader import Flow

SHELF = "https://shelf.example.edu"
LISTED = f"- {{origin: {SHELF}, books: {{/cs1/: ada-cs1, /logic/: ada-logic}}}}"
BOOKS = {"/cs1/": "ada-cs1", "/logic/": "ada-logic"}


async def test_the_session_answer_says_which_page_is_whose(tmp_path: Path, redis_url: str) -> None:
    origins = ORIGINS.replace(f"- {TRUSTED}", f"- {TRUSTED}\n      {LISTED}")
    async with open_house(tmp_path, redis_url, origins=origins) as house, house.reader() as ada:
        assert (await ada.fetch(SHELF, "GET", "/auth/session")).json["books"] == BOOKS
        await ada.sign_in(Flow(SHELF))
        signed_in = (await ada.fetch(SHELF, "GET", "/auth/session")).json
        assert (signed_in["books"], signed_in["user"] is None) == (BOOKS, False)
        assert "books" not in (await ada.fetch(TRUSTED, "GET", "/auth/session")).json
