"""A book gets another name: its readers keep their work, whatever they have under the new name already."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from backends.storage.moving import AT_ONCE, Moved, move
from tests.backends.issuer import Issuer
from tests.backends.processes import command
from tests.backends.services import Reader, Running, storage
from tests.backends.test_storage_merge import Two, body, save, used, versions


async def moved(store: Running, old: str = "book-1", new: str = "book-2") -> Moved:
    return await move(store.file, old, new, int(store.clock() * 1000))


class Somebody:
    def __init__(self, store: Running) -> None:
        self.sub = str(uuid.uuid4())
        self.old: Reader = store.reader(self.sub, "book-1")
        self.new: Reader = store.reader(self.sub, "book-2")
        self.other: Reader = store.reader(self.sub, "book-3")


async def test_all_of_it_moves_as_it_was(own_store: Running) -> None:
    ada = Somebody(own_store)
    await save(ada.old, "x", "one")
    first = await save(ada.old, "x", "two", idempotency_key="k")
    await ada.old.put("/v1/items/x", b"branch", if_none_match="*")
    await save(ada.other, "x", "elsewhere")
    before, had = await used(ada.old), await versions(ada.old, "x")
    cursor = (await ada.old.post("/v1/sync", b"{}")).json["cursor"]
    assert await moved(own_store) == Moved(1, 0)
    assert (await used(ada.new), await versions(ada.new, "x")) == (before, had)
    assert await used(ada.old) == (0, 0, 0)
    assert await body(ada.other, "x") == "elsewhere"
    assert (await save(ada.new, "x", "two", idempotency_key="k")).etag == first.etag
    found: Any = (await ada.new.post("/v1/sync", json.dumps({"cursor": cursor}).encode())).json
    assert (found["anew"], found["changes"]) == (False, [])
    assert await moved(own_store) == Moved(0, 0)


async def test_who_has_both_loses_neither(own_store: Running) -> None:
    ada = Somebody(own_store)
    await save(ada.old, "p", "old")
    await save(ada.old, "q", "1", "answer")
    await save(ada.old, "only", "here")
    await save(ada.new, "p", "new")
    await save(ada.new, "q", "2", "answer")
    assert await moved(own_store) == Moved(1, 1)
    assert sorted(await versions(ada.new, "p")) == [("branch", "old"), ("main", "new")]
    assert sorted(await versions(ada.new, "q")) == [("attempt", "1"), ("attempt", "2")]
    assert [await body(ada.new, item) for item in ("p", "q", "only")] == ["new", "2", "here"]
    assert await used(ada.old) == (0, 0, 0)
    assert await moved(own_store) == Moved(0, 0)


async def test_a_merge_is_known_under_the_new_name_and_can_be_taken_back(own_store: Running) -> None:
    two = Two.of(own_store)
    await save(two.guest, "x", "theirs")
    await save(two.ada, "y", "mine")
    await two.merged()
    await moved(own_store)
    ada, guest = own_store.reader(two.survivor, "book-2"), own_store.reader(two.loser, "book-2")
    await save(guest, "late", "under way")
    assert await body(ada, "late") == "under way"
    unmerging = own_store.internal(two.loser, two.survivor, "book-2", purpose="unmerge")
    assert (await unmerging.post("/v1/internal/unmerge", b"")).json == {"items": 1}
    assert (await ada.get("/v1/items/x")).status == 404
    assert await body(guest, "x") == "theirs"


async def test_many_people(own_store: Running) -> None:
    people = [Somebody(own_store) for _ in range(AT_ONCE + 5)]
    for one in people:
        await one.old.put("/v1/items/x?mode=lww", b"1")
    assert await moved(own_store) == Moved(len(people), 0)
    for one in people:
        assert (await one.new.get("/v1/items/x")).body == b"1"


class TestCommand:
    async def test_it_says_what_it_did(self, issuer: Issuer, tmp_path: Path) -> None:
        file = tmp_path / "storage.db"
        async with storage(file, issuer) as store:
            ada = Somebody(store)
            await save(ada.old, "x", "1")
            await save(ada.new, "x", "2")
        done = command("storage", "books", "move", "book-1", "book-2", "--database", str(file))
        assert done.returncode == 0, done.stderr
        assert "book-1 -> book-2: the work of 1 people was moved." in done.stdout
        assert "1 of them had work in book-2 already" in done.stdout
        again = command("storage", "books", "move", "book-1", "book-2", "--database", str(file))
        assert "the work of 0 people was moved" in again.stdout

    @pytest.mark.parametrize(("old", "new"), [("a", "a"), ("", "b"), ("a", "b" * 201)])
    def test_two_books(self, tmp_path: Path, old: str, new: str) -> None:
        done = command("storage", "books", "move", "--database", str(tmp_path / "none.db"), "--", old, new)
        assert (done.returncode, "two books" in done.stderr) == (2, True)

    def test_no_file_is_made(self, tmp_path: Path) -> None:
        done = command("storage", "books", "move", "a", "b", "--database", str(tmp_path / "none.db"))
        assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
