"""gateway/store/checkpoint.py."""

from redis.crc import key_slot

from gateway.store import Checkpoint, Store


async def test_each_master_of_a_cluster_has_its_own_checkpoint(store: Store) -> None:
    checkpoint = Checkpoint(store, cluster=True)
    assert await checkpoint.read() is None
    await checkpoint.write(7)
    assert await checkpoint.read() == 7
    slots = sorted(key_slot(b"p:" + key.encode()) for key in checkpoint.keys)
    assert [slot // 512 for slot in slots] == list(range(32)), "twelve masters and more have some"
    await store.put(checkpoint.keys[5], b"3", 1000)
    assert await checkpoint.read() == 3, "one that came back with older data"
    await store.delete(checkpoint.keys[6])
    assert await checkpoint.read() is None, "one that lost its data"
    await store.put(checkpoint.keys[6], b"many", 1000)
    assert await checkpoint.read() is None
    assert not await checkpoint.nothing_is_kept()
