import pytest

from gateway.errors import DirectoryUnavailableError, StoreUnavailableError
from gateway.revocation_rules import EndSignIn
from gateway.store import Store
from tests.redis_server import RedisServer
from tests.sessions_parts import Parts, loaded


async def test_several_end_by_one_note(parts: Parts) -> None:
    one, two, kept = [await parts.signed_in() for _ in range(3)]
    await parts.sessions.end_sign_ins([one.key, two.key])
    assert [await loaded(parts, each) for each in (one, two)] == [None, None]
    assert await loaded(parts, kept) is not None
    assert parts.journal.acts == [EndSignIn(one.key), EndSignIn(two.key)]
    assert parts.journal.order.count("row") == 1


@pytest.mark.parametrize("everywhere", [False, True], ids=["one session", "everywhere"])
async def test_nothing_noted_is_not_taken_for_noted(redis_server: RedisServer, *, everywhere: bool) -> None:
    """Whoever hears that Redis is away may believe that a row stands; where both are away, none does."""
    store = Store.open(redis_server.url, "", 0.25)
    parts = Parts.on(store)
    live = await parts.signed_in()

    async def end() -> None:
        if everywhere:
            await parts.sessions.end_everywhere("ada")
        else:
            await parts.sessions.end_sign_in(live.key)

    redis_server.stop()
    with pytest.raises(StoreUnavailableError):
        await end()
    assert len(parts.journal.acts) == 1
    parts.journal.down = True
    with pytest.raises(DirectoryUnavailableError):
        await end()
    assert len(parts.journal.acts) == 1
    await parts.sessions.close()
    await store.close()
